# Is an instruction set its file under templates/isa/, and nothing else in the generator?
set -eu
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
mkdir -p "$dir/isa"
list() { "$TRITMILL" generate --arch x86_64 --list --templates "$dir" --isa "$1" 2>&1; }
names() { list "$1" | sed -E "s/__$1/__ISA/; s/ .*//"; }

# A second AVX2 under another name gets every kernel that AVX2 has.
sed 's/order = 30/order = 31/' "$TRIT_SOURCE/templates/isa/avx2.lua" > "$dir/isa/copy.lua"
names copy > "$dir/copy" || fail "a copied ISA: $(cat "$dir/copy")"
names avx2 > "$dir/avx2"
[ "$(wc -l < "$dir/avx2")" -gt 40 ] || fail "AVX2 has few kernels: $(cat "$dir/avx2")"
diff "$dir/avx2" "$dir/copy" || fail "a copied ISA has other kernels"

# One whose lanes and registers nobody had yet gets tiles that follow from them.
sed -i 's/registers = 16/registers = 24/' "$dir/isa/copy.lua"
names copy > "$dir/wide" || fail "an ISA of 24 registers: $(cat "$dir/wide")"
for what in gemv_t2_i8_1x16 gemm_t2_i8_3x16 gemv_t5 gemm_i8_i8_3x16 head_f16 quant qk_f16_f32_8x16
do grep -q "trit_$what" "$dir/wide" || fail "an ISA of 24 registers has no $what"
done

# What its file says of tiles counts, and a slip in it is named.
sed -i 's/tiles = {/tiles = {["gemv t5"] = {{1, 24}}, /' "$dir/isa/copy.lua"
names copy | grep gemv_t5_ > "$dir/own" || true
[ "$(cat "$dir/own")" = trit_gemv_t5_i8_1x24x20__ISA ] || fail "its own tiles: $(cat "$dir/own")"
sed -i 's/"gemv t5"/"gemv t6"/' "$dir/isa/copy.lua"
list copy | grep -q "isa/copy.lua: its tiles are for 'gemv t6', which is no family" ||
    fail "a slip: $(list copy)"
sed -i '/tokens/d' "$dir/isa/copy.lua"
list copy | grep -q "copy.lua: the vocabulary has no 'tokens'" || fail "no tokens: $(list copy)"
