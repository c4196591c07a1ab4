#!/bin/bash
# Do the oracle's writer, reader and references agree on every type of qwen35's matrices, on the
# rotation of its second generation and on the number contract's loops, so that the runtime can be
# held to them? (Nothing of the runtime runs here.)
# labels: slow
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
oracle() { "$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/$1.py" "${@:2}"; }
oracle contract_check && oracle types_check "$dir" qwen35 && oracle fold_check "$dir"
