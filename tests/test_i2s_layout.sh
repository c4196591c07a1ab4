#!/bin/bash
# labels: slow
# Does a model in a layout of I2_S run under the switch, is just the one that is misread told of,
# and is a packed cache of one layout not taken for another?
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
export XDG_CACHE_HOME=$dir/cache
failed=0
fail() { echo "FAILED: $*"; failed=1; }

# run FILE LAYOUT: text to stdout, messages to $dir/err.
run() {
    "$TRITMILL" run -m "$1" --i2s-layout "$2" -p "Once upon a time" -n 24 --temp 0 2>"$dir/err"
}

stories=$TRIT_SOURCE/tests/models/stories.gguf
run "$stories" 128 >"$dir/text" || fail "$(cat "$dir/err")"
for is in 128 64 rows4; do
    name=i2_s${is/#/_}
    "$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/retype.py" "$stories" -o "$dir/$is" \
        --type "${name/_128/}" || fail "retype $is"
    for as in 128 64 rows4; do
        run "$dir/$is" $as >"$dir/got"
        told=$(grep -c -- "try --i2s-layout $is$" "$dir/err")
        lines=$(grep -c "I2_S" "$dir/err")
        if [ $is = $as ]; then
            cmp "$dir/got" "$dir/text" || fail "$is under its switch"
            [ "$lines" = 0 ] || fail "$is as $as: $(grep I2_S "$dir/err")"
        else
            [ "$told $lines" = "1 1" ] || fail "$is as $as: told $told of $lines"
        fi
    done
done

# Random weights, and other types, tell nothing.
for words in "--type i2_s" "--type i2_s --arch llama --seed 7" "--type f16"; do
    "$TRITMILL" synth -o "$dir/random" --shape 256x512x4x4x2 $words 2>/dev/null || fail "$words"
    for as in 128 64 rows4; do
        run "$dir/random" $as >/dev/null
        grep "I2_S" "$dir/err" && fail "$words as $as"
    done
done

"$TRITMILL" pack -m "$dir/64" --i2s-layout 64 -o "$dir/pack" >/dev/null 2>"$dir/err" ||
    fail "$(cat "$dir/err")"
TRITMILL_CACHE=$dir/pack run "$dir/64" 64 >"$dir/got"
cmp "$dir/got" "$dir/text" && ! grep ignored "$dir/err" || fail "the cache of layout 64"
TRITMILL_CACHE=$dir/pack run "$dir/64" 128 >/dev/null
grep -q "packed of another model file than .*: the packed cache is ignored" "$dir/err" ||
    fail "the cache of layout 64 for 128: $(cat "$dir/err")"
exit $failed
