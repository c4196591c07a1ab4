#!/bin/bash
# Does every model of architecture qwen3 that is spoilt end in one line that says where, and what is
# cut or has wrong bytes in an error or an ordinary run, without a step outside the file?
# TRIT_SEED gives other wrong bytes.
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
oracle() { "$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/$1.py" "${@:2}"; }
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
export TRITMILL_CACHE=none
failed=0

oracle bad_qwen3 "$TRITMILL" "$dir" || failed=1
for type in q1_0 q2_0 q2_0_legacy pq2_0 ptq1_0; do
    oracle write_qwen3 -o "$dir/$type" --type $type --shape 128x128x1x2x1 --vocab 261 \
        --yarn 4 --orig 64 &&
        "$TRIT_BUILD/tests/spoil" -m "$dir/$type" --step 211 --flips 1000 \
            --seed "${TRIT_SEED:-1}" || failed=1
done
exit $failed
