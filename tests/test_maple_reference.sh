#!/bin/bash
# labels: slow
# Are the logits of architecture maple those of the independent reference: bit for bit by the number
# contract, within 1e-3 of float64 (ties settled alike), the same in every type of the matrices, and
# with any ISA, threads, chunks and packed cache? Texts are longer than windows and attention's
# chunks; experts are of any number, alike (ties of the router), all used, one used.
set -u
arch=maple
. "$TRIT_SOURCE/tests/lib_reference.sh"

model 300 "i2_s:f16 f16:f32" --shape 128x128x4x2x1 --experts 12 --used 3 --window 100 --seed 2
model 60 "i2_s:f16" --shape 256x384x2x4x2 --head-dim 32 --rotate 16 --local-base 500 \
    --experts 9 --used 9 --pattern 10 --clamp 0.5 --chooser f16 --seed 3
model 40 "f16" --shape 128x200x2x2x2 --experts 33 --used 1 --clamp 0 --alike --window 1 --seed 4
exit $failed
