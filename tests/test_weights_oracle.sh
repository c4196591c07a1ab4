#!/bin/bash
# Do matrices of every type with a scale for each group come out with the oracle's weights and form?
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
"$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/weights_check.py" "$TRIT_BUILD/tests/weights" "$dir"
