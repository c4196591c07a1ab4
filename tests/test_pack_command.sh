#!/bin/bash
# Does `tritmill pack` make a packed cache that run uses, silently, with the same text; is one that
# is damaged or another's ignored with one line; and does it go away again?
set -u
model=$TRIT_SOURCE/tests/models/stories.gguf
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache
unset TRITMILL_CACHE TRITMILL_KERNEL
fails=0

fail() { echo "FAILED: $*"; cat "$work/err"; fails=$((fails + 1)); }

# run NAME: the text to NAME, stderr without timings and the size of the model to err
run() {
    "$TRITMILL" run -m "$model" -p 'Once upon a time' -n 40 --temp 0 -t 2 \
        >"$work/$1" 2>"$work/err" || fail "run $1: exit code $?"
}

run plain
lines=$(wc -l <"$work/err")
"$TRITMILL" pack -m "$model" -t 2 >"$work/said" 2>"$work/err" || fail "pack: exit code $?"
pack=$(echo "$work"/cache/tritmill/*.pack)
[ -f "$pack" ] && grep -qF "$pack: " "$work/said" || fail "pack said: $(cat "$work/said")"
[ "$(stat -c %a "$work/cache/tritmill")" = 700 ] || fail "the folder's mode"
"$TRITMILL" inspect "$model" 2>"$work/err" | grep -qF "packed cache  $pack" ||
    fail "inspect does not show it"

run packed
cmp -s "$work/plain" "$work/packed" || fail "another text from the packed cache"
[ "$(wc -l <"$work/err")" = "$lines" ] || fail "run says more than without"

hash_of() {
    "$TRIT_BUILD/tests/logits" -m "$model" --ids "$work/ids" -n 20 -t 2 --chunk 16 2>"$work/err" |
        awk '$1 == "hash" { print $2 }'
}
seq 1 60 >"$work/ids"
hash=$(hash_of)
[ -n "$hash" ] && [ "$hash" = "$(TRITMILL_CACHE=none hash_of)" ] || fail "other logits"

# A model without zeros to skip.
"$TRITMILL" synth --arch llama --shape tiny --seed 1 -o "$work/llama.gguf" 2>"$work/err" &&
    "$TRITMILL" pack -m "$work/llama.gguf" -o "$work/llama.pack" -t 2 >/dev/null 2>"$work/err" ||
    fail "pack of llama: exit code $?"

# A byte in the middle, the end, the table, another model's, a folder.
cp "$pack" "$work/good"
size=$(stat -c %s "$pack")
for spoil in "dd of=$pack bs=1 seek=$((size / 2)) count=3 conv=notrunc if=$model" \
    "truncate -s -1 $pack" "truncate -s 50 $pack" "cp $model $pack"; do
    cp "$work/good" "$pack"
    $spoil 2>/dev/null
    run spoilt
    cmp -s "$work/plain" "$work/spoilt" || fail "another text after: $spoil"
    [ "$(grep -c 'the packed cache is ignored' "$work/err")" = 1 ] || fail "no line after: $spoil"
done
cp "$work/good" "$pack"
"$TRITMILL" synth --shape 64x128x1x2x1 --vocab 300 -o "$work/other.gguf" 2>"$work/err" || fail synth
TRITMILL_CACHE=$pack "$TRITMILL" run -m "$work/other.gguf" -p a -n 2 --temp 0 \
    >/dev/null 2>"$work/err" || fail "another model's run"
[ "$(grep -c 'packed of another model file' "$work/err")" = 1 ] ||
    fail "another model's cache is not refused"
TRITMILL_CACHE=$work/absent run absent
[ "$(grep -c 'the packed cache is ignored' "$work/err")" = 1 ] ||
    fail "no line where the named one is absent"

# Other kernels: what does not fit is packed anew.
TRITMILL_KERNEL='trit_gem?_b2_*__c*' run forced
cmp -s "$work/plain" "$work/forced" || fail "another text with other kernels"
[ "$(grep -c 'made for other kernels' "$work/err")" = 1 ] || fail "no line for other kernels"

# Elsewhere, and away.
"$TRITMILL" pack -m "$model" --remove 2>"$work/err" && [ ! -e "$pack" ] || fail "it is not removed"
"$TRITMILL" pack -m "$model" --remove 2>"$work/err" && fail "removed twice"
"$TRITMILL" pack -m "$model" -t 2 -o "$work/named.pack" >"$work/said" 2>"$work/err" ||
    fail "pack -o"
TRITMILL_CACHE=$work/named.pack run named
cmp -s "$work/plain" "$work/named" || fail "another text from a named one"
"$TRITMILL" pack -m "$model" --remove -o x 2>"$work/err"
[ $? = 2 ] || fail "--remove with -o"
[ -z "$(find "$work" -name "*.tmp")" ] || fail "temporary files are left"

[ $fails = 0 ] && echo "all as expected"
[ $fails = 0 ]
