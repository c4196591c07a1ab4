#!/bin/bash
# Are the references of the families what they must be whatever the weights: do encodings equal
# their formulas, do windows, experts, factors and norms that should change nothing change nothing?
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
"$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/self_check.py" "$dir"
