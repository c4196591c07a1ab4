#!/bin/bash
# labels: slow
# Does `convert` write exactly what it read, in every type that holds it, and refuse by row and
# group what none does: by readers of the bytes that share nothing with it, and by the bundled
# model's perplexity?
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
# In memory: each of 200 files is synced.
dir=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d) && trap 'rm -rf "$dir"' EXIT
unset TRITMILL_MODEL TRITMILL_ISA TRITMILL_KERNEL TRITMILL_CACHE
export XDG_CACHE_HOME=$dir/cache TRITMILL_PROFILE=none
model=$TRIT_SOURCE/tests/models/stories.gguf
failed=0
fail() { echo "FAILED: $*"; failed=1; }

mkdir "$dir/made"
"$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/convert_check.py" "$TRITMILL" "$dir/made" || failed=1

# The model again: its matrices have one scale each. With groups of columns inputs are quantised in
# groups, so that these types agree with each other.
head -c 3000 "$TRIT_SOURCE/tests/data/stories.txt" >"$dir/text"
perplexity() {
    "$TRITMILL" perplexity -m "$1" -f "$dir/text" 2>&1 | grep 'Final estimate' ||
        fail "no perplexity of $1"
}
whole=$(perplexity "$model")
for type in auto i2_s tq1_0 tq2_0 f16 q2_0 pq2_0 ptq1_0; do
    "$TRITMILL" convert "$model" -o "$dir/$type" --type $type >"$dir/said" 2>&1 ||
        fail "$type: $(cat "$dir/said")"
    grep -q "cannot run" "$dir/said" && fail "$type: $(cat "$dir/said")"
    got=$(perplexity "$dir/$type")
    case $type in
    *q2_0 | ptq1_0)
        [[ $type == tq2_0 ]] && wanted=$whole || wanted=${groups:=$got}
        ;;
    *) wanted=$whole ;;
    esac
    [ "$got" = "$wanted" ] || fail "$type: $got, not $wanted"
done
[ "$whole" != "$groups" ] || fail "groups and rows give the same"
cmp -s "$dir/auto" "$dir/i2_s" || fail "auto is not i2_s"
"$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/retype.py" "$model" -o "$dir/m" --parts 3 &&
    "$TRITMILL" convert "$dir/m-00001-of-00003.gguf" -o "$dir/joined" >/dev/null &&
    cmp "$dir/joined" "$dir/i2_s" || fail "a model in three files"
"$TRITMILL" convert "$model" -o "$dir/none" --type q1_0 >/dev/null 2>"$dir/said" &&
    fail "q1_0 held trits"
grep -q "attn_q.weight' row 0, group 0 of 128 columns" "$dir/said" || fail "$(cat "$dir/said")"
echo "rows $whole; groups $groups"
exit $failed
