#!/bin/bash
# labels: slow
# Are the logits of 300 tokens and of 50 greedy ones the bits of tests/golden/logits.txt in whatever
# packing the weights lie, of every ISA that has kernels for it, token by token and in chunks? The
# dense packings hold trits as well; v5 and v5g are for CPUs with VBMI.
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
failed=0

awk 'BEGIN {
    for (i = 0; i < 300; i++) {
        x = (x * 1103 + 12345) % 65536
        print int(x / 256)
    }
}' >"$dir/ids"

# packed NAME MODEL PACKING
packed() {
    wanted=$(awk -v name="$1" '$1 == name { print $2 }' "$TRIT_SOURCE/tests/golden/logits.txt")
    [ -n "$wanted" ] || { echo "FAILED: $1 has no golden hash"; failed=1; }
    isas=$("$TRITMILL" check --list "trit_gemv_$3_*" |
        awk '$2 == "usable" { sub(".*__", "", $1); sub("_.*", "", $1); print $1 }' | sort -u)
    [ -n "$isas" ] || [ "${3%g}" = v5 ] || { echo "FAILED: no ISA has kernels for $3"; failed=1; }
    for isa in $isas; do
        for chunk in 1 64; do
            hash=$(TRITMILL_KERNEL="trit_gem?_$3_*__$isa*" "$TRIT_BUILD/tests/logits" -m "$2" \
                --ids "$dir/ids" -n 50 -t 2 --chunk $chunk |
                awk '$1 == "hash" { print $2 }')
            [ "$hash" = "$wanted" ] && continue
            echo "FAILED: $1, $3, ISA $isa, chunk $chunk: hash '$hash', golden '$wanted'"
            failed=1
        done
    done
    echo "$1 in $3:" $isas
}

"$TRITMILL" synth -o "$dir/odd.gguf" --shape 300x500x1x3x1 --type f16 --vocab 303 2>"$dir/err" ||
    { cat "$dir/err"; exit 1; }
for packing in t2 t5 v5 b2 l2 i4 i8 r5 c5; do
    packed stories "$TRIT_SOURCE/tests/models/stories.gguf" $packing
    packed odd "$dir/odd.gguf" $packing # 300 and 500 are no multiples of 16
done

"$TRITMILL" synth -o "$dir/qwen3.gguf" --arch qwen3 --shape 256x384x2x4x2x96 --vocab 301 \
    2>"$dir/err" || { cat "$dir/err"; exit 1; }
for packing in t2g t5g v5g; do
    packed qwen3 "$dir/qwen3.gguf" $packing
done
exit $failed
