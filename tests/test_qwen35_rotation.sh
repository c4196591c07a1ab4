#!/bin/bash
# Does the runtime say of a rotated model what its plain twin says, as near as quantised inputs can,
# and not what it would say if signs, widths, blocks, the order of heads or the embedding were
# mistaken?
# labels: slow
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
export TRITMILL_CACHE=none
"$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/rotation_check.py" "$TRIT_BUILD/tests/logits" "$dir"
