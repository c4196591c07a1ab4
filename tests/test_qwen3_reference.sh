#!/bin/bash
# labels: threads slow
# Are the logits of architecture qwen3 those of the independent reference: bit for bit by the number
# contract, within 1e-3 of float64 (ties settled alike), the same in every type of the matrices, and
# with any ISA, threads, chunks and packed cache?
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
oracle() { "$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/$1.py" "${@:2}"; }
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
export TRITMILL_CACHE=none
isas=$("$TRITMILL" cpu | awk 'ready && $3 == "usable" { print $1 } $1 == "ISA" { ready = 1 }')
failed=0
fail() { echo "FAILED: $*"; failed=1; }

# run TYPE OPTIONS: what the runtime says of the ids, in raw.TYPE.
run() {
    "$TRIT_BUILD/tests/logits" -m "$dir/model.$1" --ids "$dir/ids" --out "$dir/raw.$1" "${@:2}" \
        >"$dir/hash"
}

# same TYPE: other threads, chunks and a packed cache change nothing.
same() {
    mv "$dir/raw.$1" "$dir/raw"
    "$TRITMILL" pack -m "$dir/model.$1" -t 2 -o "$dir/pack" >/dev/null 2>"$dir/err" ||
        fail "pack: $(cat "$dir/err")"
    for isa in $isas; do
        TRITMILL_ISA=$isa TRITMILL_KERNEL="*__$isa*" run "$1" -t 2 &&
            cmp "$dir/raw" "$dir/raw.$1" || fail "$1: ISA $isa"
    done
    for options in "-t 1 --chunk 1" "-t 3 --chunk 7" "-t 2 --chunk 512"; do
        run "$1" $options && cmp "$dir/raw" "$dir/raw.$1" || fail "$1: $options"
    done
    TRITMILL_CACHE=$dir/pack run "$1" -t 2 && cmp "$dir/raw" "$dir/raw.$1" || fail "$1: its cache"
    TRITMILL_CACHE=$dir/pack "$TRITMILL" run -m "$dir/model.$1" -p ab -n 3 >/dev/null \
        2>"$dir/err" &&
        grep -q "packed cache $dir/pack" "$dir/err" && ! grep -q 'packed again' "$dir/err" ||
        fail "$1: its cache: $(cat "$dir/err")"
    rm -f "$dir/pack" "$dir/raw"
}

# model TOKENS "TYPES" ARGUMENTS: the first type is held to the reference, the others to the first.
# A type with a colon has embedding and output of the type after it.
model() {
    local tokens=$1 types=$2 first=${2%% *} type rows
    shift 2
    echo "$*, $tokens tokens: $types"
    "$TRIT_PYTHON" -c "print(*(i * i * 7 % 251 for i in range($tokens)))" >"$dir/ids"
    for type in $types; do
        case $type in *:*) rows="--rows ${type#*:}" ;; *) rows= ;; esac
        # shellcheck disable=SC2086
        oracle write_qwen3 -o "$dir/model.$type" --type "${type%:*}" $rows "$@" &&
            run "$type" -t 2 ||
            fail "$type: $*"
        cmp "$dir/raw.$first" "$dir/raw.$type" || fail "$type is not $first: $*"
    done
    oracle reference compare "$dir/model.$first" --ids "$dir/ids" --logits "$dir/raw.$first" ||
        fail "$*"
    same "$first"
    rm -f "$dir"/model.* "$dir"/raw.*
}

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
exit $failed
