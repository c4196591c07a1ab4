#!/bin/bash
# labels: slow
# Are the logits of architecture qwen35 those of the independent reference, in both generations: bit
# for bit by the number contract, within 1e-3 of float64 (ties settled alike), the same in every
# type of the matrices, and with any ISA, threads, chunks and packed cache?
set -u
arch=qwen35
. "$TRIT_SOURCE/tests/lib_reference.sh"

low="q2_0 q2_0_legacy pq2_0 ptq1_0"
# Every type of the matrices, and of embedding and head beside them: one model, of trits or signs.
model 60 "f32 f16 bf16 $low f32:bf16 q2_0:f32 ptq1_0:f16" \
    --shape 256x384x4x4x2 --short-scales --empty 0.05 --seed 11
model 60 "q1_0 f32 bf16 ptq1_0 q2_0 q1_0:bf16" \
    --shape 128x256x4x2x1 --state 128 --v-heads 2 --interval 2 --conv 2 --short-scales --signs \
    --tied --seed 12
# The first generation: heads of 256; one head of keys for six; gates of floats beside codes.
model 300 "pq2_0 ptq1_0" --shape 256x256x4x2x1 --head-dim 256 --k-heads 1 --state 64 --seed 2
model 60 "q2_0" --shape 128x256x3x2x2 --state 48 --k-heads 4 --v-heads 8 --interval 3 --conv 1 \
    --split-scales --gates f32 --seed 3
model 60 "q2_0:q8_0" --shape 256x384x5x4x2 --state 20 --k-heads 16 --v-heads 32 --flags \
    --gates f16 --split-scales 'attn_k|attn_gate|ffn_up' --twos 0.02 --seed 4
model 100 "f16:f16" --shape 256x384x2x4x4 --interval 1 --dense --rotate 62 --base 1e4 --seed 5
# The second: blocks from one column to the whole width; rows of floats, as its head may be.
model 60 "pq2_0 f32 ptq1_0" --shape 256x512x4x4x2 --state 128 --v-heads 6 --hadamard 128 --seed 6
model 60 "ptq1_0" --shape 256x256x4x4x2 --v-heads 4 --interval 2 --flags --hadamard 256 --tied \
    --conv 3 --gates f32 --seed 7
model 60 "q1_0" --shape 128x384x3x2x1 --state 48 --v-heads 8 --interval 3 --hadamard 2 --identity \
    --gates f16 --seed 8
model 60 "q2_0:f16" --shape 256x384x2x2x1 --interval 2 --state 32 --v-heads 8 --hadamard 32 \
    --ungrouped --dense --norms bf16 --seed 9
model 60 "q2_0" --shape 128x128x4x4x4 --v-heads 8 --k-heads 8 --hadamard 1 --tied --vocab 333 \
    --seed 10
# Inputs of four bits, also of gates that are codes; rotated, beside gates of floats.
model 60 "ptq1_0" --shape 256x256x4x4x2 --v-heads 4 --interval 2 --activation-bits 4 --seed 11
model 60 "q1_0" --shape 128x384x3x2x1 --state 48 --v-heads 8 --interval 3 --hadamard 128 \
    --activation-bits 4 --seed 12
exit $failed
