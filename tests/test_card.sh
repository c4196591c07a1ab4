#!/bin/bash
# Is what CARD.md shows of the default model what it writes, in the size that it may have?
set -u
recipe=$TRIT_SOURCE/runtime/train/recipe
model=$recipe/tales.gguf
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
unset TRITMILL_MODEL TRITMILL_ISA TRITMILL_KERNEL TRITMILL_PROFILE TRITMILL_CACHE
shown=0 failed=0
fail() { echo "FAILED: $*"; failed=1; }
tritmill() { "$TRITMILL" "$@" --log-disable; }

# A block of a command and its text.
compare() { # COMMAND
    shown=$((shown + 1))
    eval "$1" >"$dir/got" 2>"$dir/err" || fail "$1: $(cat "$dir/err")"
    # a text ends with a line end here, whether or not the model wrote one
    diff <(printf '%s\n' "$(cat "$dir/text")") <(printf '%s\n' "$(cat "$dir/got")") || fail "$1"
}
while IFS= read -r line; do
    case $line in
    '$ '*) command=${line#??}; : >"$dir/text" ;;
    '```') [ -z "${command-}" ] || compare "$command"; command= ;;
    *) [ -z "${command-}" ] || printf '%s\n' "$line" >>"$dir/text" ;;
    esac
done <"$recipe/CARD.md"
[ "$shown" -ge 10 ] || fail "CARD.md shows $shown texts"

[ "$(wc -c <"$model")" -le 12000000 ] || fail "$model: more than 12 MB"
size=$(wc -c <"$model" | awk '{ printf "%.1f MB", $1 / 1e6 }')
grep -q "| size | $size |" "$recipe/CARD.md" || fail "CARD.md: the size is $size"
grep -q "$size" "$TRIT_SOURCE/README.md" || fail "README.md: the model's size is $size"
tritmill run -m "$model" -p 'One day' -n 20 --temp 0 >"$dir/named"
tritmill run -p 'One day' -n 20 --temp 0 | cmp - "$dir/named" || fail "without -m it is another"
[ $failed = 0 ] && echo "$shown texts"
exit $failed
