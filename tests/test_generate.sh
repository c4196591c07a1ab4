#!/bin/bash
# labels: slow
# Does the generator write the same text every time, leave alone what did not change, and name
# template, line and variant where a template is wrong?
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
failed=0
fail() { echo "FAILED: $*"; failed=1; }
generate() { "$TRITMILL" generate --templates "$dir/templates" "$@" 2>&1; }
# edit FILE SED: a template is changed; an expression that changes nothing is an error.
edit() {
    cp "$dir/templates/$1" "$dir/before"
    sed -i "$2" "$dir/templates/$1"
    ! cmp -s "$dir/before" "$dir/templates/$1" ||
        fail "'$2' changes nothing in $1: this test must follow"
}
fresh() { rm -rf "$dir/templates" && cp -r "$TRIT_SOURCE/templates" "$dir/templates"; }

# Deterministic, and files are touched only where their text changes.
fresh
generate -o "$dir/a" >/dev/null && generate -o "$dir/b" >/dev/null ||
    fail "the templates do not expand"
diff -r "$dir/a" "$dir/b" >/dev/null || fail "two runs differ"
touch -d 2001-01-01 "$dir/a"/*
edit relu2.c.in '1s/^\$-- /$-- Once more: /'
generate -o "$dir/a" >/dev/null
[ -z "$(find "$dir/a" -type f -newermt 2001-01-02)" ] ||
    fail "a comment of the template language touched files"
edit relu2.c.in 's/gated(vf g, vf u)/gated(vf g, vf up)/'
edit relu2.c.in 's/, u);$/, up);/'
isas=$(wc -l <"$dir/a/isas.inc")
generate -o "$dir/a" >/dev/null
touched=$(find "$dir/a" -newermt 2001-01-02 -name '*.c' | wc -l)
[ "$touched" = "$isas" ] ||
    fail "one template changed for $isas ISAs, $touched C files were touched"

# The golden text of two kernels: a change of template language or vocabulary shows itself.
for golden in "$TRIT_SOURCE"/tests/golden/*.c; do
    diff "$golden" "$dir/b/$(basename "$golden")" || fail "$(basename "$golden") is not what it was"
done
# Kernels for one shape come with unrolled loops as well; each name is there once.
generate --list --isa c --shape 64x80 >"$dir/list" || fail "kernels for a shape: $(cat "$dir/list")"
for name in trit_gemv_t2_i8_1x8x16_k80_n64__c{,_u2,_u4}; do
    [ "$(grep -c "^$name " "$dir/list")" = 1 ] || fail "$name: $(cat "$dir/list")"
done
generate --list --isa c >"$dir/list" && grep -q '__c' "$dir/list" ||
    fail "kernels of ISA c: $(cat "$dir/list")"
grep -q '__c_u' "$dir/list" && fail "general kernels are unrolled without being asked"

head -1 "$dir/b"/trit_*.c | grep -q 'generated from templates/' ||
    fail "line 1 does not say where a kernel comes from"

# wrong LINE FILE SED TEXT: with the fault planted, the error names template, line and variant, and
# says TEXT.
wrong() {
    fresh
    edit "$2" "$3"
    said=$(generate --isa c -o "$dir/c")
    code=$?
    [ $code = 1 ] || fail "$2 with '$3': exit code $code"
    case "$said" in
    *"$2:$1:"*"$4"*"[variant trit_"*) ;;
    *) fail "$2 with '$3' said: $said" ;;
    esac
    [ "$(wc -l <<<"$said")" = 1 ] || fail "$2 with '$3' took more than a line: $said"
}
wrong 5 relu2.c.in '5i ${undefined}' "unknown name 'undefined'"
wrong 7 norm.c.in '7i $if then' "unexpected symbol"
wrong 9 quant.c.in '9i ${1 + {}}' "attempt to perform arithmetic"
wrong 4 softmax.c.in '4i text ${KR' "without its '}'"
wrong 3 qk.c.in '3i $assert(NR == 17, "seventeen")' "seventeen"
wrong 6 pv.c.in '6i $while true do end' "runs too long"

# A template that eats memory ends with an error that names the variant.
fresh
eater='$local s, t = ("x"):rep(1e6), {} for i = 1, 1e9 do t[i] = s:rep(50) .. i end'
sed -i "3i $eater" "$dir/templates/relu2.c.in"
said=$(generate --isa c -o "$dir/c") && fail "memory without end was no error"
case "$said" in
*"not enough memory"*"[variant trit_relu2"*) ;;
*) fail "memory without end: $said" ;;
esac

# Templates compute text and nothing else.
for name in os io require load dofile debug package collectgarbage host; do
    fresh
    sed -i "3i \$local x = $name.x" "$dir/templates/relu2.c.in"
    said=$(generate --isa c -o "$dir/c") && fail "a template can reach $name"
    case "$said" in *"unknown name '$name'"*) ;; *) fail "$name: $said" ;; esac
done

# What a user types.
"$TRITMILL" generate --list |
    grep -q '^trit_gemv_t2_i8_1x8x16__c  *[0-9a-f]\{16\}  templates/' || fail "--list"
"$TRITMILL" generate --list --isa avx2 >"$dir/list" && grep -q '__avx2' "$dir/list" ||
    fail "--isa avx2: $(cat "$dir/list")"
grep -qv '__avx2' "$dir/list" && fail "--isa lists other ISAs"
said=$("$TRITMILL" generate --isa mmx --list 2>&1) && fail "an unknown ISA was taken"
case "$said" in *mmx*"avx2"*) ;; *) fail "unknown ISA: $said" ;; esac
"$TRITMILL" generate --shape 1000x1111 -o "$dir/s" >/dev/null || fail "--shape"
ls "$dir/s" | grep -q '_k1120_n1000__avx2' || fail "no kernel for 1000x1111"
flags=(-std=gnu11 -Wno-psabi -Wall -Wextra -Werror -I"$TRIT_SOURCE" -I"$TRIT_BUILD/gen")
for f in "$dir/s"/trit_*__c.c; do
    ${CC:-cc} "${flags[@]}" -fsyntax-only "$f" || fail "$f"
done
for shape in 0x5 5x0 5 x5 5x 5x5x5 99999999999x5 -5x5; do
    "$TRITMILL" generate --shape=$shape --list >/dev/null 2>&1
    [ $? = 2 ] || fail "--shape $shape was taken"
done
said=$("$TRITMILL" generate --list -o /proc/none 2>&1) &&
    fail "an unwritable folder was taken: $said"
exit $failed
