#!/bin/bash
# labels: slow
# Are the logits of 300 tokens and of 50 greedy ones the same bits for every usable ISA, for 1, 2
# and 3 threads and for prefill in chunks of 1, 7, 64 and 512, and the same as ever
# (tests/golden/logits.txt)? A golden hash changes only with the number contract of CONVENTIONS.md,
# and for the synthetic models with `tritmill synth`.
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
logits=$TRIT_BUILD/tests/logits
failed=0

isas=$("$TRITMILL" cpu | awk 'ready && $3 == "usable" { print $1 } $1 == "ISA" { ready = 1 }')
[ -n "$isas" ] || { echo "FAILED: no ISA is usable"; exit 1; }
echo "ISAs:" $isas
# These go through all combinations, those between through three.
first=${isas%%[[:space:]]*} last=${isas##*[[:space:]]}

# Any 300 ids below 256: every vocabulary here has them.
awk 'BEGIN {
    for (i = 0; i < 300; i++) {
        x = (x * 1103 + 12345) % 65536
        print int(x / 256)
    }
}' >"$dir/ids"

# same NAME MODEL
same() {
    wanted=$(awk -v name="$1" '$1 == name { print $2 }' "$TRIT_SOURCE/tests/golden/logits.txt")
    [ -n "$wanted" ] || { echo "FAILED: $1 has no golden hash"; failed=1; }
    runs=0
    for isa in $isas; do
        for threads in 1 2 3; do
            for chunk in 1 7 64 512; do
                case "$isa:$threads:$chunk" in
                "$first":* | "$last":* | *:1:512 | *:2:64 | *:3:7) ;;
                *) continue ;;
                esac
                hash=$(TRITMILL_ISA=$isa TRITMILL_KERNEL="*__$isa*" "$logits" -m "$2" \
                    --ids "$dir/ids" -n 50 -t $threads --chunk $chunk |
                    awk '$1 == "hash" { print $2 }')
                runs=$((runs + 1))
                [ "$hash" = "$wanted" ] && continue
                echo "FAILED: $1, ISA $isa, $threads threads, chunk $chunk:" \
                    "hash '$hash', golden '$wanted'"
                failed=1
            done
        done
    done
    echo "$1: $runs runs, hash $wanted"
}

# synth NAME ARGUMENTS
synth() {
    name=$1
    shift
    "$TRITMILL" synth -o "$dir/model.gguf" "$@" 2>"$dir/err" ||
        { cat "$dir/err"; failed=1; return; }
    same "$name" "$dir/model.gguf"
}

same stories "$TRIT_SOURCE/tests/models/stories.gguf"
synth grouped --shape 256x768x1x8x2 --vocab 300            # four heads share keys and values
synth ragged --shape 240x344x2x4x2 --vocab 301 --embd f32  # 344 is no multiple of 16, heads of 60
synth odd --shape 300x500x1x3x1 --type f16 --vocab 303     # no multiple of 16 at all, heads of 100
synth groups --shape 256x512x1x2x2 --vocab 300 --embd q6_k # int8 rows with scales, heads of 128
synth llama --arch llama --shape 240x344x2x4x2 --vocab 301 --untied
synth llama_tied --arch llama --shape 256x512x1x2x1 --vocab 300 --type f16 --embd q8_0
synth qwen3 --arch qwen3 --shape 256x384x2x4x2x96 --vocab 301       # packed head, groups of 128
synth qwen3_signs --arch qwen3 --shape 384x256x1x3x1 --vocab 300 --type q1_0 --untied
synth qwen35 --arch qwen35 --shape 256x384x3x6x2x64 --vocab 301 # two layers with a state
synth qwen35_turned --arch qwen35 --shape 256x384x2x4x1x128 --vocab 300 --hadamard 128 --type q1_0
synth bitnet --arch bitnet --shape 240x344x2x4x2 --vocab 301 # 344 is no multiple of 128
synth gemma3 --shape 256x384x7x4x2x96 --arch gemma3 --vocab 300 # local layers, and a global one
synth norms_in --arch qwen3 --norms-in --type i2_s --embd q8_0 --shape 256x384x2x4x2 --vocab 300
synth maple --arch maple --shape 256x384x4x4x2 --vocab 300 --experts 12 --experts-used 3 --untied
four="--activation-bits 4"
synth four --shape 240x384x2x4x2 --vocab 301 $four # 240 is no multiple of a group
synth four_turned --shape 256x384x2x4x2 --vocab 300 $four --hadamard 128
synth four_groups --arch qwen3 --shape 256x384x2x4x2 --vocab 301 $four --hadamard 64
exit $failed
