#!/bin/bash
# labels: slow
# Are the logits of bitnet-b1.58, llama and qwen3 with dense matrices those of the independent
# reference: bit for bit by the number contract, within 1e-3 of float64 (ties of the KV cache
# settled alike), the same whether a matrix is stored as F32, F16, BF16 or Q8_0, and with any ISA,
# threads and chunks?
set -u
arch=dense packs=no
. "$TRIT_SOURCE/tests/lib_reference.sh"

# More columns than a strip has, rows that are no whole tiles; then rows that end within 16 columns,
# and tokens that are no whole tiles.
model 70 "f16 bf16 f32 q8_0 mixed" llama --shape 256x1056x2x4x2 --head-dim 96 --vocab 333
model 53 "mixed bf16" llama --shape 300x500x2x3x1 --tied --rows f32 --vocab 301 --gate 20 --seed 2
model 70 "q8_0 f16 mixed" qwen3 --shape 256x384x2x4x2 --head-dim 32 --yarn 4 --orig 64 --seed 3
model 61 "f16 f32 q8_0 mixed" bitnet-b1.58 --shape 192x320x2x3x1 --tied --vocab 301 --seed 4

# Zeros are skipped in none: it is said, and a run without the wish has the same bits.
"$TRITMILL" synth -o "$dir/model.skip" --type q8_0 --shape 256x384x2x4x2 --vocab 300 2>"$dir/err" ||
    fail "synth: $(cat "$dir/err")"
"$TRIT_BUILD/tests/logits" -m "$dir/model.skip" -p ab --sparse on >/dev/null 2>"$dir/err" &&
    fail "zeros of dense matrices are skipped"
grep -q 'zeros are not skipped in dense matrices: use --sparse off$' "$dir/err" ||
    fail "--sparse on: $(cat "$dir/err")"

# made TYPE ARGUMENTS: what synth makes is dense, too.
made() {
    "$TRITMILL" synth -o "$dir/model.$1" --type "$@" 2>"$dir/err" && run "$1" -t 2 &&
        oracle reference compare "$dir/model.$1" --ids "$dir/ids" --logits "$dir/raw.$1" ||
        fail "synth $*: $(cat "$dir/err")"
}
"$TRIT_PYTHON" -c "print(*(i * i * 7 % 251 for i in range(30)))" >"$dir/ids"
made bf16 --arch llama --shape 256x512x2x4x2 --vocab 300
made q8_0 --arch qwen3 --shape 256x384x2x4x2 --vocab 300
made bf16 --arch qwen3 --shape 256x384x2x4x2 --vocab 300 --hadamard 128
exit $failed
