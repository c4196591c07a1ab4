#!/bin/bash
# Is a kernel library that is not what its profile says refused, before anything of it runs, with
# one line that says why? And does the model run on with the built-in kernels, to the same text?
set -u
model=$TRIT_SOURCE/tests/models/stories.gguf
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
unset TRITMILL_PROFILE TRITMILL_KERNEL TRITMILL_ISA
export XDG_CACHE_HOME=$dir/cache
failed=0
fail() { echo "FAILED: $*"; failed=1; }

cc=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$TRIT_BUILD/CMakeCache.txt")
"$TRITMILL" generate --shape 256x256 --isa c -o gen >/dev/null || exit 1
flags=(-std=gnu11 -O2 -w -Wno-psabi -fPIC -ffp-contract=off -shared -nostartfiles
    -I"$TRIT_SOURCE" -Igen)
link() { "$cc" "${flags[@]}" "$@" -o lib.so || { echo "the library does not link"; exit 1; }; }

# One gemv and one gemm that share their weights, of all that were generated.
first() { sed -n "s/^TRIT_KERNEL(\($1[^,]*\),.*/\1/p" gen/kernels.inc | head -1; }
gemv=$(first trit_gemv_t2_i8_1x8x16_k256_n256__c)
gemm=$(first 'trit_gemm_t2_i8_[0-9]*x8x16_k256_n256__c')
[ -n "$gemv" ] && [ -n "$gemm" ] ||
    { echo "no kernels of 8 rows for 256x256 were generated"; exit 1; }
grep -E "($gemv|$gemm)," gen/kernels.inc | sort -r >two && mv two gen/kernels.inc
for kernel in "$gemv" "$gemm"; do
    "$cc" "${flags[@]}" -c "gen/$kernel.c" -o "$kernel.o" || exit 1
done
both=("$gemv.o" "$gemm.o")
link "${both[@]}" gen/library.c
cp lib.so good.so

plans=(plan 256 256 1 decode 1 "$gemv" 3.5 plan 256 256 1 prefill 512 "$gemm" 400)
"$TRIT_BUILD/tests/profile" good.profile limit 1 10 100 library lib.so "${plans[@]}" || exit 1

go() { # the run itself; stdout in out, stderr in err
    TRITMILL_LOG=1 "$TRITMILL" run -m "$model" --profile "$1" \
        -p 'Once upon a time,' -n 24 --temp 0 -t 1 >out 2>err
}
# with SUM FILE: the good profile, with this hash of lib.so
with() { sed "s/^library file lib.so sha256 .*/library file lib.so sha256 $1/" good.profile >"$2"; }
zeros=$(printf '0%.0s' {1..64})
go none && cp out expected || { cat err; exit 1; }

go good.profile || fail "the good library: $(cat err)"
cmp -s out expected || fail "the good library changes the text"
grep -q '^tritmill:' err && fail "the good library: $(grep '^tritmill:' err)"
grep -q "attn_output 256x256: decode $gemv, prefill $gemm: profile: 3.5 us, " err ||
    fail "its kernels are not used: $(head -1 err)"
"$TRITMILL" profile check good.profile >out || fail "check: $(cat out)"
"$TRITMILL" run -m "$model" --profile good.profile -p x -n 1 -t 1 --log-disable >/dev/null 2>err ||
    fail "quiet run"
[ -s err ] && fail "--log-disable leaves: $(cat err)"

count=0
# refused NAME TEXT: lib.so as it lies there, under its true hash, is refused with that text, and
# the run goes on.
refused() {
    local sum
    sum=$(sha256sum lib.so 2>/dev/null | cut -d' ' -f1)
    with "${sum:-$zeros}" case.profile
    go "${3:-case.profile}" || fail "$1: exit code $?: $(grep -v '^blk' err | head -3)"
    cmp -s out expected || fail "$1: the text changes"
    [ "$(grep -c '^tritmill:' err)" = 1 ] || fail "$1: not one line: $(grep '^tritmill:' err)"
    grep '^tritmill:' err | grep -q -- "$2" || fail "$1: instead of '$2': $(grep '^tritmill:' err)"
    grep "decode $gemv" err | grep -q "prefill $gemm" && fail "$1: its kernels are used"
    rm -rf lib.so && cp good.so lib.so
    count=$((count + 1))
}
byte() { printf "$2" | dd of=lib.so bs=1 seek="$1" conv=notrunc status=none; }

# The file.
size=$(stat -c %s good.so)
byte $((size / 2)) '\125\252'
refused tampered "lib.so: its SHA-256 is [0-9a-f]*..., the profile says" good.profile
rm lib.so && refused missing 'lib.so: cannot open: No such file'
mv lib.so real.so && ln -s real.so lib.so && refused symlink 'lib.so: is a symbolic link'
rm lib.so && mkdir lib.so && refused folder 'lib.so: is not a regular file'
rm lib.so && mkfifo lib.so
with "$zeros" fifo.profile
sha256sum() { echo; } # would wait for a writer
refused fifo 'lib.so: is not a regular file' fifo.profile
unset -f sha256sum
chmod o+w lib.so && refused world-writable 'can be written by others'
chmod g+w lib.so && refused group-writable 'can be written by others'
if [ "$(id -u)" = 0 ]; then
    chown 65534 lib.so && refused foreign 'lib.so: belongs to another user'
fi

# Its shape, under the true hash.
: >lib.so && refused empty 'is too short'
echo 'not an object, but longer than the header of one would be, which takes 64 bytes' >lib.so &&
    refused text 'is not an ELF file'
byte 4 '\001' && refused class 'another word size'
byte 18 '\001\000' && refused machine 'is for another machine'
byte 16 '\002' && refused executable 'no shared object'
byte 32 '\377\377\377\377\377\377\377\177' && refused headers 'program headers lie outside'
# cut off: where only what is never loaded is lost, it may serve; the text is the same in any case
for i in $(seq 1 24); do
    head -c $((size * i / 25)) good.so >lib.so
    sum=$(sha256sum lib.so | cut -d' ' -f1)
    with "$sum" cut.profile
    go cut.profile || fail "cut at $i of 25: exit code $?: $(tail -1 err)"
    cmp -s out expected || fail "cut at $i of 25: the text changes"
    grep -q "decode $gemv" err || [ "$(grep -c '^tritmill: lib.so: ' err)" = 1 ] ||
        fail "cut at $i of 25: $(grep '^tritmill:' err)"
done
cp good.so lib.so

# What it would execute or need.
mark='#include <stdio.h>
static void ran(void) { FILE *f = fopen("ran", "w"); if (f) fclose(f); }'
# extra NAME TEXT CODE FLAG...: the library with this code beside
extra() {
    echo "$3" >extra.c
    link "${both[@]}" gen/library.c extra.c "${@:4}" && refused "$1" "$2"
}
extra constructor 'has constructors (.init_array)' \
    "$mark __attribute__((constructor)) static void early(void) { ran(); }"
extra destructor 'has destructors (.fini_array)' \
    "$mark __attribute__((destructor)) static void late(void) { ran(); }"
extra initialiser 'has an initialiser (DT_INIT)' \
    "$mark void begin(void); void begin(void) { ran(); }" -Wl,-init,begin
extra ifunc 'chooses functions when it is loaded (ifunc)' \
    "$mark typedef void fn(void); static fn *pick(void) { ran(); return ran; }
void chosen(void) __attribute__((ifunc(\"pick\"))); void use(void); void use(void) { chosen(); }"
[ -e ran ] && fail "code of a refused library ran"
extra undefined 'cannot be loaded: .*nobody_has_this' \
    'extern void nobody_has_this(void); void f(void); void f(void) { nobody_has_this(); }'
echo 'void g(void); void g(void) {}' >other.c && "$cc" "${flags[@]}" other.c -o libother.so
extra needs 'needs libother.so' \
    'extern void g(void); void f(void); void f(void) { g(); }' -L. -lother

# Its table.
link "${both[@]}" && refused tableless 'has no table of kernels'
table() { # NAME TEXT SED: the table changed
    sed "$3" gen/library.c >library.c && link "${both[@]}" library.c
    refused "$1" "$2"
}
table abi 'has ABI 99' 's/TRIT_LIBRARY_ABI, sizeof/99, sizeof/'
table rows 'with rows of 8 bytes' 's/sizeof \*rows, TRIT_MAX_K/8, TRIT_MAX_K/'
table many 'has a damaged table' 's/sizeof rows \/ sizeof \*rows, rows/1000000, rows/'
row() { # NAME TEXT SED: the gemv's row changed
    sed "/^TRIT_KERNEL($gemv,/$3" gen/kernels.inc >kernels.inc
    cp gen/library.c . # an include looks beside the file first
    link "${both[@]}" library.c
    refused "$1" "kernel $gemv is refused: $2"
}
row tile 'a name that does not declare it' 's/, 1, 8, 16,/, 2, 8, 16,/'
row packing 'an unknown packing' 's/"t2"/"t9"/'
row slice 'impossible numbers' 's/, 1, 8, 16,/, 1, 8, 32,/'
row negative 'impossible numbers' 's/, 1, 8, 16,/, 1, -8, 16,/'

# Its kernels.
kernel() { # NAME TEXT BODY: the gemv replaced
    cat >extra.c <<C
#include "runtime/kernel.h"
#include <string.h>
trit_gemv_fn $gemv;
void $gemv(size_t m, size_t n, size_t k, const uint8_t *w, const float *d, const int8_t *a,
           size_t lda, const float *s, const int32_t *sum, float *y, size_t ldy)
{ (void)w; $3 }
C
    link "$gemm.o" gen/library.c extra.c && refused "$1" "kernel $gemv is refused: $2"
}
kernel wrong 'gave wrong results' \
    'for (size_t i = 0; i < m; i++) memset(y + i * ldy, 0, n * sizeof *y);'
kernel illegal 'died with SIG' '__builtin_trap();'
kernel fault 'died with SIGSEGV' '*(volatile int *)8 = 1;'
kernel exits 'exited early' 'extern void _exit(int); _exit(0);'
kernel endless 'did not end in time' 'for (volatile int i = 0;;) i++;'

echo "$count libraries refused"
exit $failed
