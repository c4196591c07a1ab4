#!/bin/bash
# Are the references' graphs of bitnet, gemma3, maple and of llama and qwen3 with matrices of floats
# those of llama.cpp? With matrices, activations and cache in float on both sides log-probabilities
# agree within 5e-3 (they are within 5e-4 where we looked).
# labels: slow
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
reason=$(sh "$TRIT_SOURCE/tests/npm.sh" oracle 2>&1) || { code=$?; echo "$reason"; exit $code; }
oracle() { "$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/$1.py" "${@:2}"; }
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
failed=0

# logits TOKENS WRITER ARGUMENTS: theirs and ours. 77 where llama.cpp cannot be had.
logits() {
    "$TRIT_PYTHON" -c "print(*(i * i * 7 % 251 for i in range($1)))" >"$dir/ids"
    oracle "write_$2" -o "$dir/model" "${@:3}" || return
    node "$TRIT_BUILD/oracle/llama_cpp.mjs" "$dir/model" "$dir/ids" "$dir/theirs" F32 || return
    oracle reference logits "$dir/model" --ids "$dir/ids" --float-activations --exact-kv \
        -o "$dir/ours.npy"
}

model() {
    echo "$*"
    logits "$@"
    case $? in
        0) oracle agreement "$dir/ours.npy" "$dir/theirs" "$1" --log 5e-3 && return ;;
        77) exit 77 ;;
    esac
    echo "FAILED: $*"
    failed=1
}

float="--type f32 --rows f32"
# shellcheck disable=SC2086
{
    model 60 bitnet --shape 400x1080x2x4x2 $float --factors
    model 60 dense llama --shape 256x512x2x4x2 --type f32 --normal
    model 60 dense qwen3 --shape 256x384x2x4x2 --head-dim 96 --type f32 --yarn 4 --orig 64
    model 300 gemma3 --shape 256x384x7x4x2 $float --embedding 0.06 --window 100 --linear 8
    model 60 gemma3 --shape 256x384x12x4x1 $float --embedding 0.06 --head-dim 96 --window 8
    model 300 maple --shape 256x256x4x4x2 $float --window 100 --clamp 7 --gate 6 --up 5 --used 3
    model 60 maple --shape 192x256x5x6x2 $float --window 8 --pattern 01 --clamp 0.5 --rotate 16 \
        --experts 16 --local-base 10000
}
exit $failed
