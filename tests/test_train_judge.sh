#!/usr/bin/env bash
# labels: slow
# Does the runtime give a trained model the perplexity that its trainer gave it, for every way of
# training and of storing?
set -euo pipefail
cd "$TRIT_SOURCE"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
texts=$folder/texts
fold -s -w 600 tests/data/stories.txt | sed 's/$/\n<|endoftext|>/' >"$texts"
"$TRITMILL" train-tokenizer "$texts" -o "$folder/words.gguf" --size 320 --pre gpt-2 >/dev/null

failed=0
one() { # options: trains, and compares the losses of held-out text
    local out trained run
    out=$("$TRITMILL" train "$texts" --tokenizer "$folder/words.gguf" --hidden 128 --ffn 256 \
        --layers 2 --heads 2 -c 64 --steps 24 --warmup 4 --batch 4 --pass 4 --lr 0.004 \
        --hold-out 3 -o "$folder/model.gguf" "$@")
    trained=$(sed -nE 's/.*: perplexity ([0-9.]+),.*/\1/p' <<<"$out")
    run=$("$TRIT_BUILD/tests/train_score" "$folder/model.gguf" 64 3 "$texts")
    awk -v a="$trained" -v l="$run" -v what="$*" 'BEGIN {
        b = exp(l); off = 100 * (b / a - 1)
        printf "%-60s trainer %9.4f  runtime %9.4f  %+.3f %%\n", what, a, b, off
        exit !(off < 0.5 && off > -0.5 && a > 1 && a < 320) }' || failed=1
}

for arch in bitnet-b1.58 qwen3; do
    one --arch $arch
    one --arch $arch --kv-heads 1 --binary
    one --arch $arch --groups inputs
    one --arch $arch --groups all
    one --arch $arch --groups all --binary --quantised-embedding
    one --arch $arch --groups all --quantised-embedding --hadamard
    one --arch $arch --activation-bits 4
    one --arch $arch --activation-bits 4 --hadamard --groups all --type pq2_0
    one --arch $arch --hadamard --embedding-type q8_0
    one --arch $arch --dense --type f32 --embedding-type f32
    one --arch $arch --dense
    one --arch $arch --dense --type q8_0 --rope-base 500000
done
one --arch qwen3 --head-dim 128 --groups all --type q2_0
exit $failed
