#!/bin/bash
# Are the logits of architecture llama those of the independent reference: bit for bit by the number
# contract, within 1e-3 of float64 (ties settled alike), and the same in every type of the matrices?
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
oracle() { "$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/$1.py" "${@:2}"; }
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
failed=0
fail() { echo "FAILED: $*"; failed=1; }

# logits TYPE ARGUMENTS: the model with matrices of that type, and what the runtime says of the ids.
logits() {
    oracle write_llama -o "$dir/model.$1" --type "$@" || return
    "$TRIT_BUILD/tests/logits" -m "$dir/model.$1" --ids "$dir/ids" -t 2 --out "$dir/raw.$1" \
        >/dev/null
}

# model TOKENS "TYPES" ARGUMENTS: the first type is held to the reference, the others to the first.
model() {
    local tokens=$1 types=$2 first=${2%% *} type
    shift 2
    echo "$*, $tokens tokens: $types"
    "$TRIT_PYTHON" -c "print(*(i * i * 7 % 251 for i in range($tokens)))" >"$dir/ids"
    for type in $types; do
        logits "$type" "$@" || fail "$type: $*"
        cmp "$dir/raw.$first" "$dir/raw.$type" || fail "$type is not $first: $*"
    done
    oracle reference compare "$dir/model.$first" --ids "$dir/ids" --logits "$dir/raw.$first" ||
        fail "$*"
    rm -f "$dir"/model.* "$dir"/raw.*
}

# Heads wider than hidden / heads; keys at their defaults and left out; part of the head rotated,
# rows that straddle I2_S blocks and more tokens than a chunk of attention has; gates beyond exp's
# limits; rows that are no whole blocks.
model 200 "i2_s f16 bf16 f32" --shape 256x512x2x4x2 --head-dim 96
model 200 "i2_s f16" --shape 256x384x3x8x1 --tied --base 10000 --eps 1e-5 --defaults --seed 2
model 300 "i2_s f16" --shape 240x344x2x4x2 --head-dim 48 --rotate 32 --eps 0.01 --vocab 333 --seed 3
model 100 "f16 i2_s" --shape 256x512x2x8x8 --head-dim 16 --gate 60 --rows f32 --seed 4
model 100 "f16 bf16" --shape 300x500x2x3x3 --vocab 301 --chain --seed 5
exit $failed
