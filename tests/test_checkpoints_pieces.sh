#!/bin/bash
# Do a tokenizer.model and a tokenizer.json with byte_fallback become the vocabulary that they are,
# cut texts alike, and end in one line where they are spoilt?
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
"$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/hf_pieces.py" "$TRIT_BUILD/tests/source" \
    "$TRITMILL" "$dir"
