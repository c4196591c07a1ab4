#!/bin/bash
# Does every model of architecture maple that is spoilt end in one line that says where, and what is
# cut or has wrong bytes in an error or an ordinary run, without a step outside the file?
# TRIT_SEED gives other wrong bytes.
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
export TRITMILL_CACHE=none
"$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/bad_maple.py" "$TRITMILL" "$TRIT_BUILD/tests/spoil" \
    "${TRIT_SEED:-1}" "$dir"
