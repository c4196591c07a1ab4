#!/bin/bash
# labels: slow
# Is one step of training what a float64 reference makes of the same masters and tokens: loss,
# gradients, and every parameter after it, within 1e-5? TRIT_SEED gives other masters.
set -u
skip() { echo "$1"; exit 77; }
python=${TRIT_PYTHON:-python3}
"$python" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
export OPENBLAS_NUM_THREADS=1
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
seed=${TRIT_SEED:-1} failed=0
while IFS='|' read -r what words; do
    # shellcheck disable=SC2086 # words on purpose
    "$TRIT_BUILD/tests/train_step" "$dir" $words "$seed" &&
        "$python" -B "$TRIT_SOURCE/tests/oracle/train_step.py" "$dir" >"$dir/said" 2>&1 ||
        { echo "FAILED: $what, seed $seed:"; cat "$dir/said"; failed=1; }
done <<'END'
bitnet, dense|0 0 0 0 0 0
bitnet, ternary|0 1 0 8 0 0
bitnet, signs|0 2 0 8 0 0
bitnet, int4 inputs, rotated|0 1 0 4 16 0
bitnet, groups of inputs, rotated|0 1 1 8 128 0
bitnet, groups of weights, quantised embedding|0 1 2 8 0 1
qwen3, dense|1 0 0 0 0 0
qwen3, ternary|1 1 0 8 0 0
qwen3, groups of weights|1 1 2 8 0 0
qwen3, signs in groups, int4 inputs, rotated, quantised embedding|1 2 2 4 128 1
END
exit $failed
