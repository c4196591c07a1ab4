#!/bin/bash
# Does every folder of Hugging Face that is spoilt end in one line that names file, tensor or key?
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
"$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/bad_hf.py" "$TRIT_BUILD/tests/source" "$dir"
