#!/bin/bash
# labels: slow
# Are the logits of models with a norm before every projection, of architectures gemma3 and qwen3,
# those of the independent reference: bit for bit by the number contract, within 1e-3 of float64
# (ties settled alike), the same in every type of the matrices, and with any ISA, threads, chunks
# and packed cache?
set -u
arch=gemma3
. "$TRIT_SOURCE/tests/lib_reference.sh"

model 40 "i2_s" --norms-in --shape 256x384x2x4x1 --head-dim 96 --window 8
model 40 "i2_s" --norms-in --qwen3 --shape 256x384x2x4x2 --head-dim 64 --seed 2
model 20 "tq1_0 tq2_0" --norms-in --qwen3 --shape 256x512x1x4x2 --scales 256 --seed 3
packs=no model 20 "f32" --norms-in --qwen3 --shape 256x384x1x4x2 --floats --seed 4 # dense
exit $failed
