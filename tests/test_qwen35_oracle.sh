#!/bin/bash
# Is the reference's graph of architecture qwen35 that of llama.cpp? With matrices, activations and
# cache in float on both sides, log-probabilities over 300 tokens agree within 1e-4; a rotated model
# of generation 2, which llama.cpp does not read, is unfolded for it. Of low-bit files, whose
# activations llama.cpp quantises per 32 columns, its divergence from its own float run is near
# 5e-4; a scale per 128 columns costs twice that. And does the runtime say what llama.cpp says of
# low-bit files? Its divergence is 1e-3 with 4 layers, 3e-3 to 5e-3 with 8.
# labels: slow
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
reason=$(sh "$TRIT_SOURCE/tests/npm.sh" oracle 2>&1) || { code=$?; echo "$reason"; exit $code; }
oracle() { "$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/$1.py" "${@:2}"; }
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
failed=0

"$TRIT_PYTHON" -c 'print(*(i * i * 7 % 251 for i in range(300)))' >"$dir/ids"

# theirs MODEL CACHE: llama.cpp's logits. 77 where it cannot be had.
theirs() { node "$TRIT_BUILD/oracle/llama_cpp.mjs" "$dir/$1" "$dir/ids" "$dir/theirs.$1" "$2"; }
ours() { oracle reference logits "$dir/$1" --ids "$dir/ids" -o "$dir/ours.npy" "${@:2}"; }

# agree LIMITS STATUS WHAT OURS THEIRS: the status is that of the last results.
agree() {
    [ "$2" = 77 ] && exit 77
    [ "$2" = 0 ] && oracle agreement "$dir/$4" "$dir/$5" 300 $1 && return
    echo "FAILED: $3"
    failed=1
}

float() {
    echo "$*"
    oracle write_qwen35 -o "$dir/model" --type f32 "$@" && theirs model F32 &&
        ours model --float-activations --exact-kv
    agree "--log 1e-4" $? "$*" ours.npy theirs.model
}

rotated() {
    echo "$*"
    oracle write_qwen35 -o "$dir/rotated" "$@" &&
        oracle fold_qwen35 --unfold "$dir/rotated" "$dir/model" && theirs model F32 &&
        ours rotated --float-activations --exact-kv
    agree "--log 1e-4" $? "$*" ours.npy theirs.model
}

# beside ARGUMENTS: the runtime, of the last low-bit file.
beside() {
    TRITMILL_CACHE=none "$TRIT_BUILD/tests/logits" -m "$dir/low" --ids "$dir/ids" -t 2 \
        --out "$dir/ours" >/dev/null
    agree "--kl 1e-2" $? "$*, the runtime" ours theirs.low
}

# low TYPE ARGUMENTS: the same weights as floats and in that type.
low() {
    echo "$*"
    oracle write_qwen35 -o "$dir/float" --type f32 "${@:2}" && theirs float F16 &&
        oracle write_qwen35 -o "$dir/low" --type "$@" && theirs low F16
    agree "--kl 1e-3" $? "$*, llama.cpp's own" theirs.low theirs.float
    ours low
    agree "--kl 2e-3" $? "$*, the reference" ours.npy theirs.float
    ours low --group 32
    agree "--kl 1e-3" $? "$*, scales per 32 columns" ours.npy theirs.low
    beside "$@"
}

# runtime TYPE ARGUMENTS: low-bit files in both programs as they are.
runtime() {
    echo "$*, the runtime"
    oracle write_qwen35 -o "$dir/low" --type "$@" && theirs low F16
    case $? in 0) beside "$@" ;; 77) exit 77 ;; *) echo "FAILED: $*"; failed=1 ;; esac
}

float --shape 256x384x8x2x1 --head-dim 128 --k-heads 2 --v-heads 4 --state 128 --flags --seed 3
rotated --shape 256x512x4x4x2 --head-dim 32 --type ptq1_0 --hadamard 128 --tied --v-heads 12
low q2_0 --shape 256x384x4x4x2
runtime q2_0 --shape 128x384x8x2x1 --k-heads 1 --v-heads 4 --state 128 --flags --seed 5
runtime q1_0 --shape 256x512x8x4x2 --v-heads 12 --gates bf16 --seed 3
runtime q1_0 --shape 256x384x4x2x1 --head-dim 128 --k-heads 1 --state 128 --tied --seed 4
exit $failed
