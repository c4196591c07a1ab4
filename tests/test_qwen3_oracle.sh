#!/bin/bash
# Is the reference's graph of architecture qwen3 that of llama.cpp? With matrices, activations and
# cache in float on both sides, log-probabilities agree within 1e-3; of low-bit files, whose
# activations llama.cpp quantises per 32 columns, the KL divergence from the reference is small. And
# does the runtime say what llama.cpp says of them? Its activations have a scale per 128 columns: a
# divergence of 3e-4 at most, and pairs of tokens turned that are up to 0.13 deviations apart.
# labels: slow
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
reason=$(sh "$TRIT_SOURCE/tests/npm.sh" oracle 2>&1) || { code=$?; echo "$reason"; exit $code; }
oracle() { "$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/$1.py" "${@:2}"; }
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
failed=0

"$TRIT_PYTHON" -c 'print(*(i * i * 7 % 251 for i in range(200)))' >"$dir/ids"

# theirs TYPE CACHE ARGUMENTS: llama.cpp's logits of a model. 77 where it cannot be had.
theirs() {
    oracle write_qwen3 -o "$dir/model" --type "$1" "${@:3}" || return
    node "$TRIT_BUILD/oracle/llama_cpp.mjs" "$dir/model" "$dir/ids" "$dir/theirs" "$2"
}
ours() { oracle reference logits "$dir/model" --ids "$dir/ids" -o "$dir/ours.npy" "$@"; }

# agree LIMITS STATUS WHAT [OURS]: the two last results.
agree() {
    [ "$2" = 77 ] && exit 77
    [ "$2" = 0 ] && oracle agreement "${4:-$dir/ours.npy}" "$dir/theirs" 200 $1 && return
    echo "FAILED: $3"
    failed=1
}

float() {
    echo "f32 $*"
    theirs f32 F32 "$@" && ours --float-activations --exact-kv
    agree "--log 1e-3" $? "$*"
}

runtime() {
    "$TRIT_BUILD/tests/logits" -m "$dir/model" --ids "$dir/ids" -t 2 --out "$dir/ours" >/dev/null
}

# low TYPE ARGUMENTS: the same weights; the reference in float, then with scales per 32 columns; the
# runtime.
low() {
    echo "$*"
    theirs "$1" F16 "${@:2}" && ours --float-activations
    agree "--kl 1e-3" $? "$*"
    ours --group 32
    agree "--kl 1e-3" $? "$*, scales per 32 columns"
    runtime
    agree "--kl 1e-3 --five 0.2" $? "$*, the runtime" "$dir/ours"
}

yarn="--yarn 4 --orig 64"
float --shape 256x384x2x4x2
float --shape 256x384x2x4x2 $yarn --tied
float --shape 384x640x3x6x2 --head-dim 64 $yarn --base 10000 --eps 1e-3 --seed 2
float --shape 128x512x4x4x4 --head-dim 64 --tied --focus 2 --seed 3
float --shape 256x256x3x2x1 $yarn --attn-factor 0.8 --chain --twos 0.02 --seed 4
float --shape 512x768x2x8x2 --head-dim 128 --yarn 2 --orig 8192 --split-scales --gate 20 --seed 5
low q2_0 --shape 256x384x2x4x2 $yarn
low q2_0 --shape 384x640x3x6x2 --head-dim 64 --tied --twos 0.02 --split-scales --seed 2
low q1_0 --shape 256x384x2x4x2 --seed 3
low q1_0 --shape 512x768x4x8x2 --head-dim 128 --tied --chain --yarn 2 --orig 8192 --seed 4
exit $failed
