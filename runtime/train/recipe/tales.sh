#!/bin/sh
# tales.sh CORPUS OUT [--dense] [option of train...]: the default model, from its texts to
# OUT/tales.gguf. CORPUS has stories.txt, books.txt, storybooks.txt and dialogues.txt (CARD.md).
# Begun again it goes on where it was. With --dense the same model without quantisation, to
# OUT/dense.gguf: what it is measured beside.
set -eu
[ $# -ge 2 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
corpus=$1 out=$2
shift 2
recipe=$(dirname "$0") tritmill=${TRITMILL:-build/default/tritmill}
description="Stories for children, in English; trained on TinyStories, public-domain books"
description="$description and CC BY storybooks"
name=tales
[ "${1:-}" != --dense ] || name=dense
mkdir -p "$out"

[ -s "$out/vocabulary.gguf" ] || {
    python3 "$recipe/turns.py" stories "$corpus/stories.txt" -o "$out/stories.txt"
    python3 "$recipe/turns.py" dialogues "$corpus/dialogues.txt" -o "$out/dialogues.txt"
    "$tritmill" train-tokenizer "$out/stories.txt" "$corpus/storybooks.txt" --size 4096 \
        --pre gpt-2 -o "$out/vocabulary.gguf"
}
[ ! -s "$out/$name.ckpt" ] || set -- --resume "$@"
exec "$tritmill" train "$out/stories.txt:0.75" "$corpus/books.txt:0.14" \
    "$corpus/storybooks.txt:0.08" "$out/dialogues.txt:0.03" --tokenizer "$out/vocabulary.gguf" \
    --arch bitnet-b1.58 --layers 6 --hidden 384 --ffn 1024 --heads 6 --kv-heads 2 -c 512 \
    --steps 8000 --batch 8 --pass 8 --lr 0.002 --lr2 0.0013 --warmup 200 --seed 1 --hold-out 50 \
    --valid-every 200 --checkpoint "$out/$name.ckpt" --log "$out/$name.csv" \
    --name "tritmill $name" --meta license=mit --meta "description=$description" \
    --meta sampling.temp=0.5 --meta sampling.penalty_repeat=1.05 \
    -o "$out/$name.gguf" "$@"
