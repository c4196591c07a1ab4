#!/bin/bash
# labels: slow
# Are the logits of 300 tokens and of 50 greedy ones the bits of tests/golden/logits.txt whether
# zeros of the squared ReLU are skipped or not, on every ISA, with 1, 2 and 3 threads, token by
# token and in chunks? More models, without and with many zeros, with Wup and Wdown of one shape,
# and with inputs that are turned (whose zeros are others than the squared ReLU's) and have four
# bits, against themselves.
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
failed=0

awk 'BEGIN {
    for (i = 0; i < 300; i++) {
        x = (x * 1103 + 12345) % 65536
        print int(x / 256)
    }
}' >"$dir/ids"

hash_of() {
    "$TRIT_BUILD/tests/logits" --ids "$dir/ids" -n 50 "$@" | awk '$1 == "hash" { print $2 }'
}

# same NAME MODEL WANTED: of this ISA
same() {
    for run in "on 1 1" "on 2 1" "on 3 1" "on 2 3" "on 2 64" "auto 2 1" "off 2 1"; do
        read -r sparse threads chunk <<<"$run"
        hash=$(hash_of -m "$2" -t "$threads" --chunk "$chunk" --sparse "$sparse")
        [ -n "$hash" ] && [ "$hash" = "$3" ] && continue
        echo "FAILED: $1, ISA ${TRITMILL_ISA-}, --sparse $sparse -t $threads --chunk $chunk:" \
            "hash '$hash', wanted '$3'"
        failed=1
    done
}

synth() {
    "$TRITMILL" synth -o "$dir/$1.gguf" --vocab 303 "${@:2}" 2>"$dir/err" ||
        { cat "$dir/err"; exit 1; }
}
synth odd --shape 300x500x1x3x1 --type f16
synth square --shape 320x320x2x4x2 # Wup's shape is Wdown's
synth zeros --shape 384x1000x2x3x1 --peak 0.3 --zeros 0.8
synth four --shape 384x512x2x3x1 --hadamard 128 --activation-bits 4
golden() { awk -v name="$1" '$1 == name { print $2 }' "$TRIT_SOURCE/tests/golden/logits.txt"; }
square=$(TRITMILL_ISA=c hash_of -m "$dir/square.gguf" --chunk 1 --sparse off)
zeros=$(TRITMILL_ISA=c hash_of -m "$dir/zeros.gguf" --chunk 1 --sparse off)

four=$(TRITMILL_ISA=c hash_of -m "$dir/four.gguf" --chunk 1 --sparse off)
trained=$TRIT_SOURCE/runtime/train/recipe/tales.gguf # 8 to 9 zeros in 10
tales=$(TRITMILL_ISA=c hash_of -m "$trained" --chunk 1 --sparse off)

isas=$("$TRITMILL" check --list 'trit_rows_*' |
    awk '$2 == "usable" { sub(".*__", "", $1); sub("_.*", "", $1); print $1 }')
[ -n "$isas" ] || { echo "FAILED: no ISA skips rows"; failed=1; }
for isa in $isas; do
    export TRITMILL_ISA=$isa
    same stories "$TRIT_SOURCE/tests/models/stories.gguf" "$(golden stories)"
    same tales "$trained" "$tales"
    same odd "$dir/odd.gguf" "$(golden odd)"
    same zeros "$dir/zeros.gguf" "$zeros"
    same square "$dir/square.gguf" "$square"
    same four "$dir/four.gguf" "$four"
    echo "$isa: done"
done
exit $failed
