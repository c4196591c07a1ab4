#!/bin/bash
# labels: slow
# Do folders of Hugging Face, of every family and kind of weights, become what went into them?
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
"$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/hf_check.py" "$TRIT_BUILD/tests/source" "$dir"
