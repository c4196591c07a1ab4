#!/bin/bash
# labels: slow
# Are the references of training what they must be: gradients those of central differences, a step
# with a mistake found, probabilities of n-grams those of the formulas? TRIT_SEED gives others.
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
export OPENBLAS_NUM_THREADS=1
for oracle in train_step ngram; do
    "$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/$oracle.py" --self-test "${TRIT_SEED:-1}" || exit 1
done
