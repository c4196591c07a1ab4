#!/bin/bash
# labels: slow
# Does `check` find faults? Plants one in each of several copies of a template, makes kernels of all
# of them with the generator, and wants a FAILED line for exactly the planted ones.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "test_check_plants: $*"
    exit 1
}

# plant FAULT TEMPLATE SED: a copy of the template with the fault; an expression that changes
# nothing is an error.
plant() {
    sed "$3" "$TRIT_SOURCE/templates/$2.c.in" >"$work/templates/$2_$1.c.in"
    [ "$1" = none ] || ! cmp -s "$TRIT_SOURCE/templates/$2.c.in" "$work/templates/$2_$1.c.in" ||
        fail "fault '$1' is not planted: templates/$2.c.in has changed, this test must follow"
}

# The strongest ISA that runs here, and its lanes (isas.inc is in order of strength).
best=c lanes=4
while IFS='(,) ' read -r _ isa n _; do
    "$TRITMILL" check --list "*_gemv_*__$isa*" 2>/dev/null | grep -q ' usable$' &&
        best=$isa lanes=$n
done <"$TRIT_BUILD/gen/isas.inc"

mkdir "$work/templates" "$work/generator" "$work/gen" "$work/obj"
cp -r "$TRIT_SOURCE"/templates/{isa,ints,floats,mm_{blocks,tiles}.c.in} "$work/templates/"
cp "$TRIT_SOURCE"/generator/*.lua "$work/generator/"
sed -i 's/^  tiles = {/  others = {/' "$work"/templates/isa/*.lua # those of the usual catalogue

loop='/for (; slices >= /'
plant none mm ''
plant shift mm 's/ .. " \* lda + "}${4 \* step})/ .. " * lda + "}${4 * (step == 3 and 2 or step)})/'
plant sum mm 's/"sum\[i\]"/"0"/'
plant overreadw mm "$loop"'a (void)*(const volatile uint8_t *)(w + SLICE);'
plant overreada mm "$loop"'a (void)*(const volatile int8_t *)(a + KR);'
plant overwrite mm 's/memcpy(y + i \* ldy, ragged, n \*/memcpy(y + i * ldy, ragged, (n + 1) */'
plant underwrite mm '/^    vi acc\[/i y[-1] = 0;'
plant inputwrite mm '/^    vi acc\[/i *(volatile int8_t *)a = *a;'
plant none head ''
plant order head 's/int by = 8; by > 0; by \/= 2/int by = 1; by <= 8; by *= 2/'

# One kernel per fault, operation and ISA; the fault stands in the kernel's name as its technique.
{
    cat <<'LUA'
local list = {}
local function family(op, packing, act, kr, template, fault, tiles)
  for _, t in pairs(tiles) do for _, tile in ipairs(t) do tile.technique = fault end end
  list[#list + 1] = {
    op = op, packing = packing, act = act, template = template .. "_" .. fault, kr = kr,
    tiles = tiles,
  }
end
LUA
    for fault in none shift sum overreadw overreada overwrite underwrite inputwrite; do
        for packing in "'t2', 'i8', 16" "'t5', 'i8', 20"; do
            gemv="{c = {{1, 8}}, $best = {{1, 2 * $lanes}}}"
            gemm="{c = {{2, 8}}, $best = {{3, $lanes}}}"
            echo "family('gemv', $packing, 'mm', '$fault', $gemv)"
            echo "family('gemm', $packing, 'mm', '$fault', $gemm)"
        done
    done
    for fault in none order; do
        head="{c = {{1, 2}}, $best = {{1, 4}}}"
        echo "family('head', 'f16', 'f32', 16, 'head', '$fault', $head)"
    done
    echo 'return list'
} >"$work/generator/catalogue.lua"
"$TRIT_BUILD/gen-tool" "$work/generator" "$work/templates" "$work/gen" ||
    fail "the generator refused the copies"

# The same compiler and flags as the build, but for speed -O1.
cached() { sed -n "s/^$1:[A-Z]*=//p" "$TRIT_BUILD/CMakeCache.txt"; }
read -r -a cc <<<"$(cached CMAKE_C_COMPILER) $(cached CMAKE_C_FLAGS)"
cc+=(-std=gnu11 -ffp-contract=off -w -I"$TRIT_SOURCE" -I"$work/gen")
{
    sed -n 's/^trit_kernel(\(\S*\) \S* *\(.*\))$/-O1 \2 \1/p' "$work/gen/kernels.cmake" |
        while read -r -a words; do
            name=${words[-1]}
            echo "${words[*]::${#words[*]}-1} -c $work/gen/$name.c -o $work/obj/$name.o"
        done
    for file in "$TRIT_SOURCE"/runtime/kernel/registry.c "$TRIT_SOURCE"/tests/check_alone.c; do
        echo "-O1 -c $file -o $work/obj/$(basename "$file" .c).o"
    done
} >"$work/compile"
xargs -P "$(nproc)" -L 1 "${cc[@]}" <"$work/compile" || fail "the planted kernels do not compile"
"${cc[@]}" "$work"/obj/*.o -o "$work/check" "$TRIT_BUILD/libtritcli.a" "$TRIT_BUILD/libtrit.a" \
    $(pkg-config --libs hwloc libcpuid libcrypto) -lpthread -lm ||
    fail "the planted check does not link"

"$work/check" --seed 1 >"$work/out" 2>"$work/err"
[ $? -eq 1 ] || fail "a check with planted faults must exit with 1: $(tail -1 "$work/out")"
planted=0
while read -r kernel; do
    line=$(grep "^FAILED $kernel: " "$work/out")
    case $kernel in
    *_none) [ -z "$line" ] || fail "no fault planted, yet: $line" ;;
    *) [ -n "$line" ] || fail "not found: $kernel"
       planted=$((planted + 1)) ;;
    esac
done < <(sed -n 's/^TRIT_KERNEL(\([^,]*\),.*/\1/p' "$work/gen/kernels.inc")
[ "$planted" -gt 0 ] && [ "$planted" -eq "$(grep -c '^FAILED' "$work/out")" ] ||
    fail "$planted faults planted, output: $(cat "$work/out")"
"$work/check" --seed 1 '*_none' >"$work/out" 2>&1 ||
    fail "unplanted kernels fail: $(cat "$work/out")"
echo "$planted faults planted for c and $best, all found"
