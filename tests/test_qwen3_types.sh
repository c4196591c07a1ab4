#!/bin/bash
# Do the oracle's writer, reader and references agree on every type of qwen3's matrices, so that the
# runtime can be held to them?
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
"$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/types_check.py" "$dir" qwen3
