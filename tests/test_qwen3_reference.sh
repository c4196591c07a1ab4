#!/bin/bash
# labels: slow
# Are the logits of architecture qwen3 those of the independent reference: bit for bit by the number
# contract, within 1e-3 of float64 (ties settled alike), the same in every type of the matrices, and
# with any ISA, threads, chunks and packed cache?
set -u
arch=qwen3
. "$TRIT_SOURCE/tests/lib_reference.sh"

low="q2_0 q2_0_legacy pq2_0 ptq1_0"
yarn="--yarn 4 --orig 64"
# Rows of floats; heads wider and narrower than hidden / heads; more tokens than a chunk has.
model 300 "f16:f16 ptq1_0:f32" --shape 256x384x2x2x1 --head-dim 192 $yarn --dense --seed 2
model 60 "q2_0:q8_0 bf16:q8_0" --shape 128x256x2x2x1 --short-scales --seed 13
model 60 "f16" --shape 384x640x3x6x2 --head-dim 64 --tied --split-scales --twos 0.02 --seed 3
# Every type of the matrices, and of embedding and head beside them: one model, of trits or signs.
model 60 "f32 f16 bf16 $low f32:bf16 bf16:f16 q2_0:f32 pq2_0:bf16 ptq1_0:f16" \
    --shape 256x384x2x4x2 --short-scales --empty 0.05 --seed 11
model 60 "q1_0 f32 f16 bf16 $low q1_0:bf16 f16:f32 ptq1_0:f16" \
    --shape 128x256x2x2x1 --short-scales --signs --tied $yarn --betas 6 0.5 --seed 12
# Packed heads.
model 100 "$low" --shape 256x384x2x4x2 --head-dim 64 $yarn --attn-factor 0.8 --seed 4
model 100 "$low" --shape 128x512x2x4x4 --head-dim 64 --tied --focus 2 --empty 0.05 --seed 5
model 60 "q1_0" --shape 256x384x2x4x2 --head-dim 96 --yarn 2 --orig 8192 --norms bf16 --seed 6
model 60 "q1_0 ptq1_0 q2_0" --shape 512x768x2x8x2 --tied --signs --base 10000 --eps 1e-3 --seed 7
model 60 "q2_0 pq2_0" --shape 256x384x2x4x2 --tied --twos 0.02 --gate 20 --norms f16 --seed 8
model 60 "q2_0" --shape 256x384x2x4x2 --split-scales --vocab 333 --norms q8_0 --seed 9
model 60 "q2_0" --shape 256x384x2x4x2 --split-scales 'attn_k|output|ffn_up' --seed 10
# Inputs of four bits, by groups of 128 and 64, and rotated weights; the head's have eight.
model 60 "ptq1_0 f16 q2_0" --shape 256x384x2x4x2 --head-dim 64 --activation-bits 4 --hadamard 128 \
    --identity --seed 15
model 60 "q1_0 ptq1_0" --shape 256x512x2x4x2 --tied --signs --hadamard 64 --seed 16
model 60 "q2_0" --shape 128x256x2x2x1 --split-scales --activation-bits 4 --hadamard 32 \
    --turned 'attn_[qkv]|ffn_.*' --seed 17
exit $failed
