#!/bin/bash
# labels: slow
# Do the same trits in every encoding give the same packed weights and logits, rows of embedding and
# head the logits of the values that they mean, and scales that truly differ within rows the
# reference's logits?
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
oracle() { "$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/$1.py" "${@:2}"; }
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
export XDG_CACHE_HOME=$dir/cache
failed=0
fail() { echo "FAILED: $*"; failed=1; }
"$TRIT_PYTHON" -c "print(*(i * i * 7 % 251 for i in range(60)))" >"$dir/ids"

# logits FILE OPTIONS: ids of a continuation, hash of all logits.
logits() {
    "$TRIT_BUILD/tests/logits" -m "$1" --ids "$dir/ids" -t 2 -n 4 "${@:2}" 2>&1
}
# same WANTED GOT WHAT
same() { [ "$1" = "$2" ] && [ "${1/hash/}" != "$1" ] || fail "$3: $2, not $1"; }

stories=$TRIT_SOURCE/tests/models/stories.gguf
wanted=$(logits "$stories" --packed)
for type in i2_s_64 i2_s_rows4 tq1_0 tq2_0 iq1_bn iq2_bn iq2_bn_r4 f16; do
    oracle retype "$stories" -o "$dir/model" --type $type
    layout=${type#i2_s_}
    [ "$layout" = "$type" ] && layout=128
    same "$wanted" "$(logits "$dir/model" --i2s-layout "$layout" --packed)" "$type"
done

# Zeros are skipped where types that may have groups have none.
for type in i2_s tq1_0 tq2_0; do
    oracle retype "$stories" -o "$dir/model" --type $type
    logits "$dir/model" --sparse on --packed >"$dir/sparse.$type"
    cmp "$dir/sparse.i2_s" "$dir/sparse.$type" || fail "$type, skipping zeros"
done
same "$(head -n 2 <<<"$wanted")" "$(head -n 2 "$dir/sparse.tq1_0")" "skipping zeros"

# Rows, tied and untied; so many that the head searches planes.
"$TRITMILL" synth -o "$dir/untied" --shape 256x256x1x4x2 --vocab 8200 --untied 2>"$dir/err" ||
    fail "$(cat "$dir/err")"
# rows TYPE MODEL
rows() {
    oracle retype "$2" -o "$dir/model" --rows "$1"
    oracle retype "$2" -o "$dir/floats" --rows "$1=f32"
    same "$(logits "$dir/floats")" "$(logits "$dir/model")" "$1 of $(basename "$2")"
}
rows q4_0 "$stories"
rows q5_0 "$dir/untied"
rows q4_k "$stories"
rows q4_k "$dir/untied"
for file in model floats; do
    "$TRITMILL" run -m "$dir/$file" -p "Once" -n 12 --temp 0 --log-disable >"$dir/text.$file"
done
cmp "$dir/text.model" "$dir/text.floats" || fail "text of q4_k"

# A scale for each 256 columns: of all matrices; of one of three that share their inputs; of none,
# where groups of zeros have a scale of 0. From the packed cache, too.
for words in "--scales 256 --empty 0.1" "--scales 256 --where attn_k|ffn_up" \
    "--scales rows --empty 0.3"
do
    rm -f "$dir/first"
    for type in tq1_0 tq2_0; do
        oracle write_llama -o "$dir/model" --type $type --shape 512x768x2x4x2 $words
        logits "$dir/model" --out "$dir/raw" >"$dir/hash"
        [ -e "$dir/first" ] || cp "$dir/hash" "$dir/first"
        cmp "$dir/hash" "$dir/first" || fail "$type: $words"
    done
    oracle reference compare "$dir/model" --ids "$dir/ids" --logits "$dir/raw" || fail "$words"
    "$TRITMILL" pack -m "$dir/model" -o "$dir/pack" >/dev/null 2>"$dir/err" ||
        fail "$(cat "$dir/err")"
    TRITMILL_CACHE=$dir/pack TRITMILL_LOG=1 "$TRITMILL" run -m "$dir/model" -p x -n 1 2>&1 |
        grep -q "packed cache $dir/pack" || fail "packed cache: $words"
    same "$(cat "$dir/hash")" "$(TRITMILL_CACHE=$dir/pack logits "$dir/model")" "packed: $words"
done
exit $failed
