#!/bin/bash
# Is a text's vector the normed state, whose products with the head are the logits?
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
"$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/judge.py" embed \
    "$TRIT_SOURCE/tests/models/stories.gguf" "$dir"
