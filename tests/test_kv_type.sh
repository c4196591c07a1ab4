#!/bin/bash
# labels: slow
# Is a text of five chunks of positions the same bits however attention is cut, with the KV cache in
# f16 and in int8, and does int8 cost little perplexity and about half the memory?
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
model=$TRIT_SOURCE/tests/models/stories.gguf
failed=0

isas=$("$TRITMILL" cpu | awk 'ready && $3 == "usable" { print $1 } $1 == "ISA" { ready = 1 }')
[ -n "$isas" ] || { echo "FAILED: no ISA is usable"; exit 1; }
awk 'BEGIN {
    for (i = 0; i < 1100; i++) {
        x = (x * 1103 + 12345) % 65536
        print int(x / 256)
    }
}' >"$dir/ids"

# hash TYPE THREADS CHUNK ISA
hash() {
    TRITMILL_ISA=$4 "$TRIT_BUILD/tests/logits" -m "$model" --ids "$dir/ids" -n 40 \
        --kv-type "$1" -t "$2" --chunk "$3" | awk '$1 == "hash" { print $2 }'
}

for type in f16 i8; do
    wanted=$(hash $type 1 64 "${isas%%[[:space:]]*}")
    [ -n "$wanted" ] || failed=1
    for isa in $isas; do
        for way in "2 1100" "3 7"; do
            got=$(hash $type $way "$isa")
            [ "$got" = "$wanted" ] && continue
            echo "FAILED: $type, ISA $isa, threads and chunk $way: hash '$got', wanted '$wanted'"
            failed=1
        done
    done
    echo "$type: $wanted"
done

# ppl TYPE
ppl() {
    "$TRITMILL" perplexity -m "$model" -f "$TRIT_SOURCE/tests/data/stories.txt" -c 256 \
        --kv-type "$1" 2>/dev/null | awk '{ print $5 }'
}
awk -v f16="$(ppl f16)" -v i8="$(ppl i8)" 'BEGIN {
    printf "perplexity %s in f16, %s in int8\n", f16, i8
    exit !(f16 > 0 && i8 < 1.005 * f16 && f16 < 1.005 * i8)
}' || { echo "FAILED: int8 costs too much"; failed=1; }

# bytes TYPE: of a context of 512 tokens
bytes() {
    "$TRITMILL" bench -m "$model" -p 512 -n 0 -r 1 --no-warmup --kv-type "$1" -o json 2>/dev/null |
        grep -o '"kv_bytes": *[0-9]*' | grep -o '[0-9]*$'
}
f16=$(bytes f16) i8=$(bytes i8)
echo "bytes: $f16 in f16, $i8 in int8"
[ "${f16:-0}" -gt 0 ] && [ "$((10 * ${i8:-0}))" -le "$((6 * f16))" ] ||
    { echo "FAILED: int8 takes too much"; failed=1; }
exit $failed
