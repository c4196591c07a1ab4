#!/bin/bash
# Are saved logits and the divergence from them llama.cpp's figures?
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
"$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/judge.py" divergence \
    "$TRIT_SOURCE/tests/models/stories.gguf" "$dir"
