#!/bin/bash
# labels: slow
# Are the logits of architecture gemma3 (windows, a second base of rotations, norms behind sums,
# GELU) those of the independent reference: bit for bit by the number contract, within 1e-3 of
# float64 (ties settled alike), the same in every type of the matrices, and with any ISA, threads,
# chunks and packed cache?
set -u
arch=gemma3
. "$TRIT_SOURCE/tests/lib_reference.sh"

# More tokens than a chunk of attention has, one layer of seven global; small windows, one head of
# keys, frequencies of global layers slowed; no window at all.
model 280 "i2_s" --shape 128x256x7x2x1 --head-dim 48 --window 100
model 50 "f16 i2_s" --shape 256x384x6x4x1 --head-dim 96 --window 8 --linear 8 --gate 30 --seed 2
model 20 "f32" --shape 256x384x2x2x2 --local-base 5000 --embedding 0.1 --seed 3
packs=no model 20 "f16" --shape 256x384x2x2x1 --floats --window 8 --seed 4 # dense
exit $failed
