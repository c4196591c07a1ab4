#!/bin/bash
# labels: slow
# Are the logits of architecture maple those of the independent reference: bit for bit by the number
# contract, within 1e-3 of float64 (ties settled alike), the same in every type of the matrices, and
# with any ISA, threads, chunks and packed cache? Texts are longer than windows and attention's
# chunks; experts are of any number, alike (ties of the router), all used, one used.
set -u
arch=maple
. "$TRIT_SOURCE/tests/lib_reference.sh"

model 300 "tq2_0:f16 tq1_0:f32 f16:f16" --shape 256x256x4x2x1 --scales rows --empty 0.1 \
    --experts 12 --used 3 --window 100 --seed 2
model 40 "tq2_0 tq1_0" --shape 256x512x2x4x2 --scales 256 --where 'exps|attn_q' --experts 5 --seed 5
model 60 "i2_s:f16" --shape 256x384x2x4x2 --head-dim 32 --rotate 16 --local-base 500 \
    --experts 9 --used 9 --pattern 10 --clamp 0.5 --chooser f16 --seed 3
model 40 "f16" --shape 128x200x2x2x2 --experts 33 --used 1 --clamp 0 --alike --window 1 --seed 4
model 40 "tq2_0" --shape 256x256x2x4x2 --scales rows --experts 6 --used 2 --activation-bits 4 \
    --seed 6
exit $failed
