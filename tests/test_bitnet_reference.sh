#!/bin/bash
# labels: slow
# Are the logits of architecture bitnet (SiLU, factors beside matrices, rows that straddle blocks of
# I2_S), and of bitnet-b1.58 with inputs of four bits and with rotated weights, those of the
# independent reference: bit for bit by the number contract, within 1e-3 of float64 (ties settled
# alike), the same in every type of the matrices, and with any ISA, threads, chunks and packed
# cache?
set -u
arch=bitnet
. "$TRIT_SOURCE/tests/lib_reference.sh"

model 40 "i2_s f16" --shape 400x1080x2x4x2                  # heads of 100, as in the 3B
model 40 "i2_s f32" --shape 384x640x1x4x4 --factors --seed 2 # of 96, as in the 0.7B
model 40 "bf16 i2_s" --shape 256x344x1x4x2 --factors --unit --seed 3
# Four bits, a token or, with scales that differ, groups; rotated with signs, without, everywhere.
model 60 "i2_s f16" --squared --shape 256x344x2x4x2 --activation-bits 4 --hadamard 8 --identity
model 60 "i2_s f32" --squared --shape 384x640x2x4x4 --hadamard 128 --activation-bits 8 --seed 2
model 40 "tq2_0 tq1_0" --squared --shape 256x512x2x4x2 --scales 256 --activation-bits 4 --seed 3
model 40 "i2_s" --squared --shape 256x512x1x4x2 --factors --activation-bits 4 --hadamard 256 \
    --turned '[^.]*' --seed 4
exit $failed
