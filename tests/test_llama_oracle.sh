#!/bin/bash
# Is the reference's graph of architecture llama that of llama.cpp? With matrices, activations and
# cache in float on both sides, the logits agree to float32's precision.
# labels: slow
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
reason=$(sh "$TRIT_SOURCE/tests/npm.sh" oracle 2>&1) || { code=$?; echo "$reason"; exit $code; }
oracle() { "$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/$1.py" "${@:2}"; }
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
failed=0

"$TRIT_PYTHON" -c 'print(*(i * i * 7 % 251 for i in range(150)))' >"$dir/ids"

# logits ARGUMENTS: theirs and ours, of a model of float32. 77 where llama.cpp cannot be had.
logits() {
    oracle write_llama -o "$dir/model" --type f32 --rows f32 "$@" || return
    node "$TRIT_BUILD/oracle/llama_cpp.mjs" "$dir/model" "$dir/ids" "$dir/theirs" F32 || return
    oracle reference logits "$dir/model" --ids "$dir/ids" --float-activations --exact-kv \
        -o "$dir/ours.npy"
}

model() {
    echo "$*"
    logits "$@"
    case $? in
        0) oracle agreement "$dir/ours.npy" "$dir/theirs" 150 --error 3e-4 && return ;;
        77) exit 77 ;;
    esac
    echo "FAILED: $*"
    failed=1
}

model --shape 256x512x2x4x2 --head-dim 96
model --shape 256x384x3x8x1 --tied --base 10000 --eps 1e-5 --defaults --seed 2
model --shape 384x640x3x6x3 --base 500000 --eps 0.05 --vocab 640 --seed 3
model --shape 192x512x4x6x6 --gate 60 --peak 5 --chain --seed 4
exit $failed
