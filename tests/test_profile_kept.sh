#!/bin/bash
# labels: slow
# Is no plan ever lost, whatever limits the next tune works under? And is the profile of these
# limits found first?
set -u
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset TRITMILL_PROFILE TRITMILL_KERNEL TRITMILL_ISA CC
export XDG_CACHE_HOME=$work/cache
failed=0
fail() { echo "FAILED: $*" >&2; failed=1; }
here() { "$TRIT_BUILD/tests/profile" --user; }
used() { "$TRITMILL" profile show 2>/dev/null | sed -n 's/^profile *//p'; }
tune() { # more time than it takes: only what is written matters here
    "$TRITMILL" tune --no-build -t 1 --budget 40 --shape "$@" >out 2>err ||
        fail "tune $*: $(cat err)"
}
plans() { grep '^plan ' "$1" | sed 's/ median.*//'; }
stays() {
    [ -z "$(comm -23 <(plans "$1" | sort) <(plans "$2" | sort))" ] || fail "$3: plans are lost"
}

# What comes along is found, on the machine that it was made on.
shipped=$TRIT_SOURCE/profiles/amd-epyc-26-2-1.profile
"$TRIT_BUILD/tests/profile" mine plan 256 256 1 decode 1 trit_gemv_t2_i8_1x8x16__c 1 || exit 1
if [ "$(grep -E '^(cpu|isas) ' mine)" = "$(grep -E '^(cpu|isas) ' "$shipped")" ]; then
    [ "$(realpath "$(used)")" = "$(realpath "$shipped")" ] ||
        fail "the shipped profile is not found, but '$(used)'"
fi

# A capped instruction set has a file of its own; the other file does not change.
tune 48x80
full=$(here)
[ -f "$full" ] && [ "$(used)" = "$full" ] || fail "$(cat out): not at $full"
cp "$full" before
export TRITMILL_ISA=c
capped=$(here)
[ "$capped" != "$full" ] || fail "one name with and without TRITMILL_ISA: $full"
tune 64x96
[ "$(used)" = "$capped" ] || fail "with TRITMILL_ISA=c the profile is '$(used)', not $capped"
cmp -s before "$full" || fail "tuning with TRITMILL_ISA=c changes the profile without it"
unset TRITMILL_ISA
[ "$(used)" = "$full" ] || fail "the profile of these limits is not used, but '$(used)'"

# A named file is merged where it can be used, else kept as a copy, however often.
cp "$full" named
tune 64x96 -o named
stays "$full" named "another shape"
cp named merged
TRITMILL_ISA=c tune 64x96 -o named
cmp -s merged named.old || fail "no copy of a profile that a capped tune replaces"
TRITMILL_ISA=c tune 48x80 -o named
cp named twice
[ -e named.old2 ] && fail "a profile that can be used is not merged but copied"
tune 48x80 -o named
cmp -s merged named.old || fail "the copy was overwritten"
echo rubbish >bad
"$TRITMILL" tune --no-build -t 1 --shape 48x80 -o bad >out 2>err &&
    fail "what is no profile was replaced"
grep -q 'bad: is there and is not a profile' err && [ "$(cat bad)" = rubbish ] ||
    fail "bad: $(cat bad err)"

# Plans whose kernels are not there, and the last of a library that is gone, stay.
sed 's/^\(plan n 64 .* hash \)[0-9a-f]*/\1 0123456789abcdef/; s/hash  /hash /' merged >strange
plans strange | grep -v ' n 48 ' >wanted # those are tuned again
grep -q 0123456789abcdef strange || fail "nothing was changed"
tune 48x80 -o strange
stays wanted strange "unknown kernels"

# A quota or a mask is another machine; without a profile of its own it takes what can be used.
if [ "$(nproc)" -gt 1 ] && command -v taskset >/dev/null; then
    cpu=$(taskset -cp $$ | sed 's/.*[: ]\([0-9]*\).*/\1/')
    one=$(taskset -c "$cpu" "$TRIT_BUILD/tests/profile" --user)
    [ "$one" != "$full" ] || fail "one name with all CPUs and with one"
    mv "$full" "$(dirname "$full")/$(basename "$full" | sed 's/-[0-9]*x.*/.profile/')"
    [ -f "$(used)" ] && cmp -s "$(used)" before ||
        fail "a profile of other limits is not used: '$(used)'"
fi
exit $failed
