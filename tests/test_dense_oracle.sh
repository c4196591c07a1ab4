#!/bin/bash
# Does llama.cpp say of dense models what the runtime says? It rounds the inputs of F16 matrices to
# f16 and those of Q8_0 to int8 per 32 columns, those of F32 not at all.
# labels: slow
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
reason=$(sh "$TRIT_SOURCE/tests/npm.sh" oracle 2>&1) || { code=$?; echo "$reason"; exit $code; }
oracle() { "$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/$1.py" "${@:2}"; }
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
failed=0

"$TRIT_PYTHON" -c 'print(*(i * i * 7 % 251 for i in range(150)))' >"$dir/ids"

# model LIMITS TYPE ARGUMENTS
model() {
    local limits=$1 type=$2 status
    shift 2
    echo "$type $*"
    oracle write_dense -o "$dir/model" --type "$type" --normal "$@" &&
        "$TRIT_BUILD/tests/logits" -m "$dir/model" --ids "$dir/ids" -t 2 --out "$dir/ours" \
            >/dev/null &&
        node "$TRIT_BUILD/oracle/llama_cpp.mjs" "$dir/model" "$dir/ids" "$dir/theirs" F16
    status=$?
    [ $status = 77 ] && exit 77
    # shellcheck disable=SC2086
    [ $status = 0 ] && oracle agreement "$dir/ours" "$dir/theirs" 150 $limits && return
    echo "FAILED: $type $*"
    failed=1
}

model "--kl 3e-7" f32 llama --shape 256x512x2x4x2 --head-dim 96
model "--kl 1e-3" q8_0 llama --shape 256x512x2x4x2 --tied --seed 3
model "--kl 1e-6" f16 qwen3 --shape 256x384x3x4x1 --head-dim 96 --tied --seed 5
exit $failed
