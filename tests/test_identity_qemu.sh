#!/bin/bash
# labels: slow
# Do emulated CPUs, with AVX2 and without any AVX, give the logits and the samples that this CPU
# gives?
set -u
skip() { echo "$1"; exit 77; }
[ "$(uname -m)" = x86_64 ] || skip "only an x86-64 program runs on emulated x86 CPUs"
qemu=$(command -v qemu-x86_64-static || command -v qemu-x86_64) || skip "qemu-user is not installed"
grep -qE '__(asan|tsan|msan)_init' "$TRITMILL" &&
    skip "a build with sanitizers does not run under qemu"
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
failed=0

awk 'BEGIN { for (i = 0; i < 20; i++) print (i * 89 + 7) % 256 }' >"$dir/ids"
synth() { "$TRITMILL" synth -o "$dir/$1.gguf" "${@:2}" 2>/dev/null || failed=1; }
synth odd --shape 300x500x1x3x1 --type f16 --vocab 303
synth groups --shape 256x512x1x2x2 --vocab 300 --embd q6_k
synth qwen3 --arch qwen3 --shape 256x384x2x4x2x96 --vocab 301
synth qwen3_signs --arch qwen3 --shape 384x256x1x3x1 --vocab 300 --type q1_0 --untied
synth qwen35 --arch qwen35 --shape 256x384x3x6x2x64 --vocab 301
synth four_turned --shape 256x384x2x4x2 --vocab 300 --activation-bits 4 --hadamard 128
synth qwen35_turned --arch qwen35 --shape 256x384x2x4x1x128 --vocab 300 --hadamard 128 --type q1_0

# hash MODEL [EMULATOR ...]
hash() {
    model=$1
    shift
    "$@" "$TRIT_BUILD/tests/logits" -m "$model" --ids "$dir/ids" -n 4 -t 2 --chunk 7 2>"$dir/err" |
        awk '$1 == "hash" { print $2 }'
}
for model in "$TRIT_SOURCE/tests/models/stories.gguf" "$dir"/*.gguf; do
    native=$(hash "$model")
    for cpu in Nehalem Haswell max; do
        emulated=$(hash "$model" "$qemu" -cpu $cpu)
        if [ -n "$native" ] && [ "$emulated" = "$native" ]; then
            echo "$(basename "$model") on $cpu: $native"
        else
            echo "FAILED: $(basename "$model") on $cpu:" \
                "'$emulated', here '$native': $(cat "$dir/err")"
            failed=1
        fi
    done
done
for unit in math sampler; do # their golden values
    "$qemu" -cpu Nehalem "$TRIT_BUILD/tests/test_$unit" >"$dir/out" 2>&1 && continue
    echo "FAILED: test_$unit on Nehalem"
    cat "$dir/out"
    failed=1
done
exit $failed
