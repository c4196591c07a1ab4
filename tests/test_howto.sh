#!/bin/bash
# labels: slow
# Do the recipes of HOWTO.md work? Each is followed in a copy of the sources: a kernel, a packing, a
# stored type, a family and a command are added, built, and used; and only files that the recipe
# names are touched. (An ISA: test_isa_file.sh. An operation is its mathematics: no recipe in sh.)
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
command -v cmake >/dev/null && command -v ninja >/dev/null || { echo "no cmake, ninja"; exit 77; }
failed=0
fail() { echo "FAILED: $*"; failed=1; }
export TRITMILL_PROFILE=none TRITMILL_CACHE=none PYTHONDONTWRITEBYTECODE=1
mkdir "$dir/tree" && cd "$dir/tree" || exit 1
tar -C "$TRIT_SOURCE" --exclude=./build --exclude=./.git --exclude=node_modules -cf - . | tar -xf -
cp -r "$dir/tree" "$dir/before"

# edit FILE SED: an expression that changes nothing is an error.
edit() {
    cp "$1" "$dir/file"
    sed -i "$2" "$1"
    ! cmp -s "$1" "$dir/file" || fail "'$2' changes nothing in $1: this test must follow"
}
# followed SECTION: what was touched since the last recipe is named in the section.
followed() {
    section=$(sed -n "/^## $1\$/,/^## /p" HOWTO.md)
    [ -n "$section" ] || fail "HOWTO.md has no section '$1'"
    while read -r file; do
        named=$(sed -E 's,/[a-z_0-9]+(\.c\.in|\.c)$,/NAME\1,' <<<"$file")
        grep -qF -e "$file" -e "$named" -e "$(basename "$file")" -e "$(basename "$named")" \
            <<<"$section" || fail "$1: $file is not named"
    done < <(diff -rq "$dir/before" . | sed -nE 's/^Files .* and (.*) differ$/\1/p
        s/^Only in ([^:]*): (.*)$/\1\/\2/p' | sed 's,^\./,,')
    rm -rf "$dir/before" && cp -r "$dir/tree" "$dir/before"
}

# A kernel: README's, as one of the catalogue's.
block=$(sed -n '/^## A kernel of your own$/,/^## /p' README.md | sed -n '/^```c$/,/^```$/p')
sed '1d;$d' <<<"$block" | sed '/^\$variants/,/}}$/d' >templates/gemv_pair.c.in
edit generator/catalogue.lua '/^return {/a\
  {op = "gemv", packing = "t2", act = "i8", template = "gemv_pair",\
    own = "pair", tiles = always({1, 4, technique = "pair"})},'
followed "A kernel"

# A packing: t2 with its planes in the other order, and a kernel that reads it.
edit generator/packings.lua '/{name = "b2"/i\
  {name = "m2", kr = 16, bytes = 4, low = -1, high = 1, max_k = 1 << 22},'
edit runtime/kernel/pack.h '0,/b2/s/b2/m2 (t2, planes the other way round), b2/'
edit runtime/kernel/pack.c '/^static void trit_put_t5/i\
static void trit_put_m2(const uint8_t *codes, size_t slices, size_t nr, size_t r, uint8_t *out,\
                        size_t stride)\
{\
    (void)nr;\
    for (; slices > 0; slices--, codes += 16, out += stride) {\
        uint32_t all = 0;\
        for (int p = 0; p < 4; p++)\
            all |= load_four(codes + 4 * p) << (6 - 2 * p);\
        store_four(out, r, all);\
    }\
}\
'
edit runtime/kernel/ref_pack.c '/^static const unsigned power/i\
static unsigned get_m2(const uint8_t *block, struct place at)\
{\
    size_t plane;\
    const uint8_t *byte = block + byte_of(at, 1, 4, \&plane);\
    return *byte >> (6 - 2 * plane) \& 3;\
}\
\
static void set_m2(uint8_t *block, struct place at, unsigned code)\
{\
    size_t plane, byte = byte_of(at, 1, 4, \&plane);\
    block[byte] |= (uint8_t)(code << (6 - 2 * plane));\
}\
'
sed 's/gemv on t2/gemv on m2/; s/vc_plane(\(.*\), ${q % 4})/vc_plane(\1, ${3 - q % 4})/' \
    templates/gemv_pair.c.in >templates/gemv_mirror.c.in
grep -q '3 - q' templates/gemv_mirror.c.in || fail "README's kernel has other planes"
edit generator/catalogue.lua '/^return {/a\
  {op = "gemv", packing = "m2", act = "i8", template = "gemv_mirror",\
    own = "mirror", tiles = always({1, 4, technique = "mirror"})},'
followed "A packing"

# A stored type: trits in bytes, a scale before each row.
edit runtime/format/gguf_types.c '/335, "IQ2_BN_R4"/i\
    { { 300, "T8", 1, 1 }, 4, 0, false },'
edit runtime/format/ternary.c '/^\/\* And rows stand four together/i\
static enum trit_code row_t8(const struct trit_row_source *s, size_t row, uint8_t *codes,\
                             float *d)\
{\
    const size_t k = s->tensor->ne[0];\
    const uint8_t *in = s->tensor->data + row * (k + 4);\
    memcpy(d, in, sizeof *d);\
    for (size_t i = 0; i < k; i++)\
        codes[i] = (uint8_t)(in[4 + i] + 1);\
    return TRIT_OK;\
}\
'
edit runtime/format/ternary.c '/^    { TRIT_F16, row_f16/i\
    { 300, row_t8, check_bytes, false },'
followed "A stored type"

# A family: llama under another name.
sed 's/{ "llama", NULL }/{ "alpaca", NULL }/; s/trit_family_llama/trit_family_alpaca/' \
    runtime/model/arch/llama.c >runtime/model/arch/alpaca.c
echo 'TRIT_FAMILY(alpaca)' >>runtime/model/arch/families.inc
followed "A family"

# A command.
cat >runtime/program/cmd_greet.c <<'END'
/* `tritmill greet`: says that it was called. */
#include "runtime/cli/commands.h"

static int run(int argc, char **argv)
{
    struct { bool loud; } o = { 0 };
    enum trit_parse parse = trit_cli_parse(&trit_cmd_greet, argc, argv, &o, NULL);
    if (parse)
        return parse == TRIT_PARSE_HELP ? 0 : 2;
    puts("greetings");
    return trit_cli_output_code(0);
}

const struct trit_command trit_cmd_greet = {
    .name = "greet", .summary = "greet", .usage = "", .detail = "Greets.", .run = run };
END
edit runtime/cli/commands.h 's/^    ROW(rm)$/    ROW(rm) \\\n    ROW(greet)/'
followed "A command"


cmake -S . -B "$dir/b" -G Ninja -DTRIT_ARCH=any -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_C_FLAGS_DEBUG= -DTRIT_KERNEL_FLAGS=-O1 >"$dir/log" 2>&1 &&
    cmake --build "$dir/b" --target tritmill >"$dir/log" 2>&1 || { tail -30 "$dir/log"; exit 1; }
mill=$dir/b/tritmill
cd "$dir" || exit 1

for kernel in gemv_t2_i8_1x4x16__c_pair gemv_m2_i8_1x4x16__c_mirror; do
    said=$("$mill" check "trit_$kernel" 2>&1) || fail "$kernel: $said"
    grep -q ' 0 failed' <<<"$said" || fail "$kernel was not checked: $said"
done
"${TRIT_PYTHON:-python3}" - "$dir/tree" <<'PYTHON' || fail "the models were not written"
import struct, sys
sys.path.insert(0, sys.argv[1] + "/tests/oracle")
import numpy as np
import write_llama
write_llama.TRITS["t8"] = (300, lambda trits, d: b"".join(
    struct.pack("<f", scale) + row.astype(np.int8).tobytes()
    for row, scale in zip(trits, d[:, 0])))
write_llama.FILE_TYPES["t8"] = 0
for kind in ("i2_s", "t8"):
    sys.argv[1:] = ["-o", kind + ".gguf", "--shape", "128x256x2x4x2", "--type", kind, "--chain"]
    write_llama.main()
PYTHON
for kind in i2_s t8; do
    "$mill" run -m $kind.gguf -p "ab" -n 20 --temp 0 --ignore-eos --log-disable >$kind.text 2>err ||
        fail "$kind: $(cat err)"
done
[ -s t8.text ] && cmp -s i2_s.text t8.text || fail "another text from type T8"
for arch in llama alpaca; do
    "$mill" synth --arch $arch --shape tiny --seed 1 -o $arch.gguf >out 2>&1 || fail "$(cat out)"
    "$mill" run -m $arch.gguf -p "ab" -n 20 --temp 0 --ignore-eos --log-disable >$arch.text 2>err ||
        fail "$arch: $(cat err)"
done
[ -s alpaca.text ] && cmp -s llama.text alpaca.text || fail "another text from family alpaca"
[ "$("$mill" greet)" = greetings ] || fail "the command greet"
"$mill" help | grep -q '^  greet ' || fail "help does not list greet"
exit $failed
