#!/bin/bash
# Does `tritmill eval` choose as the likelihoods do, in all forms of questions?
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
"$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/judge.py" eval "$TRIT_SOURCE/tests/models/stories.gguf" "$dir"
