#!/bin/bash
# Does train refuse what no run comes of, in one line that says what, where and what to do, before
# it trains, with every file as it was; and does a run that fails leave its last good checkpoint?
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
mkdir "$dir/work" && cd "$dir/work" || exit 1
failed=0 count=0
fail() { echo "FAILED: $*"; failed=1; }
files() { find . -type f -exec sha256sum {} + | sort; }

# refuse CODE PART ARGS...: exit code CODE, nothing on stdout, one line with PART.
refuse() {
    local code=$1 part=$2 got
    shift 2
    timeout 60 "$TRITMILL" train "$@" >"$dir/out" 2>"$dir/err" </dev/null
    got=$?
    count=$((count + 1))
    [ $got = "$code" ] && [ ! -s "$dir/out" ] && [ "$(wc -l <"$dir/err")" = 1 ] &&
        grep -qF -- "$part" "$dir/err" ||
        fail "$*: not $code and '$part', but $got: $(cat "$dir/out" "$dir/err")"
    [ "$(files)" = "$before" ] || { fail "$* changed a file"; exit 1; }
}

text=$TRIT_SOURCE/tests/data/stories.txt
"$TRITMILL" train-tokenizer "$text" --size 300 -o v.gguf >/dev/null || exit 1
mkdir masters && "$TRITMILL" train-tokenizer "$text" --size 290 -o masters/tokenizer.json >/dev/null
head -c 3000 "$text" >a
tail -c 3000 "$text" >b
: >empty
echo 'some words' >short
printf 'ab\377' >latin
echo 'dear diary' >note
size="--hidden 32 --ffn 64 --heads 2 --layers 1 -c 32 --batch 4 --warmup 0"
t="--tokenizer v.gguf $size"
# shellcheck disable=SC2086 # words on purpose, here and below
"$TRITMILL" train a --steps 4 $t --checkpoint kept >/dev/null || exit 1
before=$(files)

# Texts and vocabularies
while IFS='|' read -r code part args; do
    set -f
    refuse $code "$part" --checkpoint new $size $args
    set +f
done <<'END'
1|empty: there is no text in its 0 bytes|empty --tokenizer v.gguf
1|latin: the byte 0xff at offset 2 is not UTF-8|a latin --tokenizer v.gguf
1|v.gguf: the byte at offset|v.gguf --tokenizer v.gguf
1|missing: No such file|a missing --tokenizer v.gguf
2|short: |short --tokenizer v.gguf
2|less than one sequence of 33: take a longer text, or a smaller --ctx-size|short --tokenizer v.gguf
2|'a:0': the share must be above 0|a:0 --tokenizer v.gguf
2|b has no share: give one to every text, or to none|a:1 b --tokenizer v.gguf
2|b: its share is 1e-09 of all|a:1 b:1e-9 --tokenizer v.gguf
2|every document held out|a --tokenizer v.gguf --hold-out 1
2|--patience: nothing is held out of a|a --tokenizer v.gguf --patience 1
1|missing.gguf: cannot read: No such file|a --tokenizer missing.gguf
1|note: |a --tokenizer note
2|give --tokenizer FILE, which train-tokenizer makes|a
2|give at least one text file|--tokenizer v.gguf
END

# Options
while IFS='|' read -r part args; do
    set -f
    refuse 2 "$part" a $t $args
    set +f
done <<'END'
give --checkpoint FILE, -o FILE or --masters DIR|
--resume needs --checkpoint FILE|--resume -o new
--dense and --binary exclude each other|-o new --dense --binary
--dense and --groups=all exclude each other|-o new --dense --groups all
--steps '0' is out of range: 1 to |-o new --steps 0
--warmup|-o new --steps 4 --warmup 5
--activation-bits '5' is out of range: 8 or 4|-o new --activation-bits 5
--activation-bits 4 needs a second stage|-o new --activation-bits 4 --second-stage 1
a width of 32 cannot be cut into groups of 128 columns|-o new --groups all
the number of kv heads is 3: must be 1 .. 2|-o new --arch qwen3 --kv-heads 3
the head size is 5: must be even|-o new --arch qwen3 --head-dim 5
needs as many as the hidden size, 32|-o new --head-dim 8
type PTQ1_0 is not for matrices with no groups of columns: take |-o new --type ptq1_0
--type 'tq1_0' is none of auto|-o new --type tq1_0
has no words for binary weights|--masters masters --binary
the key license is given twice|-o new --meta license=a --meta license=b
the key sampling.temp is given twice|-o new --meta sampling.temp=1 --meta sampling.temp=1
--meta alignment=32: the key alignment is given twice, or is not|-o new --meta alignment=32
--meta architecture=x: the key|-o new --meta architecture=x
--meta name=x: the key name|-o new --meta name=x
--meta sampling.temp=-1: is -1, must be a number from 0 to|-o new --meta sampling.temp=-1
--meta sampling.temp=0.3x: is nan, must be a number|-o new --meta sampling.temp=0.3x
--meta sampling.top_k=1.5: is 1.5, must be an integer|-o new --meta sampling.top_k=1.5
--meta sampling.heat: of sampling.* there are sampling.temp, |-o new --meta sampling.heat=1
END
refuse 2 '--meta: is not UTF-8 at byte 2' a $t -o new --meta $'a=\377'
refuse 2 '--name: is not UTF-8 at byte 0' a $t -o new --name $'\377'
full() { (ulimit -f "$1" && exec "$TRITMILL" "${@:2}"); } # BLOCKS ARGS...
for words in '-o new|new' '--masters masters|masters/model.safetensors'; do
    full 1 train a $t --dense --steps 99999 ${words%|*} >"$dir/out" 2>"$dir/err"
    [ $? = 1 ] && grep -q "^tritmill: ${words#*|} needs .*, and 1.0 kB are free" "$dir/err" &&
        [ "$(files)" = "$before" ] || fail "no room for $words: $(cat "$dir/out" "$dir/err")"
done
refuse 2 "tensor 'blk.0.ffn_down.weight', 32 x 80: not as Q8_0" a --tokenizer v.gguf \
    ${size/--ffn 64/--ffn 80} -o new --dense --type q8_0
refuse 2 'have no power of two in common to rotate by' a --tokenizer v.gguf \
    ${size/--ffn 64/--ffn 63} -o new --hadamard

# Places
while IFS='|' read -r code part args; do
    set -f
    refuse $code "$part" --steps 4 $size $args
    set +f
done <<'END'
2|this command uses the same file as v.gguf|a --tokenizer v.gguf -o ./v.gguf
2|this command uses the same file as a|a:0.7 b:0.3 --tokenizer v.gguf --checkpoint ./a
2|this command uses the same file as b|a b --tokenizer v.gguf --checkpoint new --log b
2|this command uses the same file as new|a --tokenizer v.gguf --checkpoint new --log ./new
2|the vocabulary is read from this folder|a --tokenizer masters/tokenizer.json --masters ./masters/
1|note: is there and is not a GGUF file|a --tokenizer v.gguf -o note
1|note: is there and is not a checkpoint of training|a --tokenizer v.gguf --checkpoint note
1|note: is there and is not a log of training|a --tokenizer v.gguf -o new --log note
1|absent: No such file|a --tokenizer v.gguf -o absent/new
1|absent: No such file|a --tokenizer v.gguf --masters absent
2|kept: is the checkpoint of a run already: go on from|a --tokenizer v.gguf --checkpoint kept
END

# Checkpoints of other runs
again() { refuse 2 "kept: of a run with another $1: give what it began with" "${@:2}" \
    --checkpoint kept --resume; }
while IFS='|' read -r part args; do
    again "$part" a --tokenizer v.gguf $args
done <<END
--hidden|${size/--hidden 32/--hidden 64}
--ffn|${size/--ffn 64/--ffn 80}
--layers|${size/--layers 1/--layers 2}
--heads|${size/--heads 2/--heads 4}
--ctx-size|${size/-c 32/-c 16}
--batch or --pass|${size/--batch 4/--batch 5}
--arch|$size --arch qwen3
kind of weights (--binary, --dense)|$size --binary
--activation-bits|$size --activation-bits 4
--hadamard|$size --hadamard
--seed|$size --seed 2
text, share of a text, --hold-out or vocabulary|$size --hold-out 7
END
again 'text, share of a text, --hold-out or vocabulary' b $t
again 'size of the vocabulary (--tokenizer)' a $size --tokenizer masters/tokenizer.json

# Files that are no checkpoint, or no whole one
spoil() { cp kept spoilt && "${@:2}" && before=$(files) &&
    refuse 1 "spoilt: $1" a $t --checkpoint spoilt --resume; }
poke() { printf '%b' "$2" | dd of=spoilt bs=1 seek="$1" conv=notrunc 2>/dev/null; }
spoil 'its digest is not that of its bytes: it is damaged' poke 20000 '\x01'
spoil 'cut off, or longer than its shape says' truncate -s -1 spoilt
spoil 'cut off, or longer than its shape says' truncate -s +1 spoilt
spoil 'a checkpoint of another version, or cut off' truncate -s 100 spoilt
spoil 'a checkpoint of another version' poke 84 '\x02'
spoil 'the hidden size is 4294967040' poke 48 '\x00\xff\xff\xff'
spoil 'cut off, or longer than its shape says' poke 56 '\x02'
spoil 'is there and is not a checkpoint of training' cp note spoilt
rm spoilt && before=$(files)
refuse 1 'spoilt: No such file' a $t --checkpoint spoilt --resume
refuse 1 'is a folder' a $t --checkpoint masters --resume

# Where there is no room for checkpoints, nothing begins; where it runs out, before a writing or
# within it, the old one stays.
full 64 train a $t --checkpoint kept --resume --steps 9 >"$dir/out" 2>"$dir/err"
[ $? = 1 ] && grep -q '^tritmill: kept needs .*, and 65.5 kB are free' "$dir/err" &&
    [ "$(files)" = "$before" ] || fail "no room: $(cat "$dir/out" "$dir/err")"

"$TRITMILL" train a $t --steps 100000 --save-every 0.0001 --checkpoint room >"$dir/out" \
    2>"$dir/err" &
until [ -e room ] || ! kill -0 $!; do sleep 0.01; done
prlimit --pid $! --fsize=65536
wait $!
[ $? = 1 ] && grep -qE '^tritmill: room( needs .*|: cannot write: File too large): room is '\
'still that of step [0-9]+: make room, then --resume$' "$dir/err" ||
    fail "room ran out: $(cat "$dir/err")"
"$TRITMILL" train a $t --steps 1 --checkpoint room --resume >"$dir/out" 2>&1 ||
    fail "the checkpoint where room ran out: $(cat "$dir/out")"
rm room
[ "$(files)" = "$before" ] || fail "where room ran out: $(files)"

# A loss or weights that are no number: the last checkpoint is that of a step before, and is good.
"$TRITMILL" train a $t --steps 3 --checkpoint burst >"$dir/out" || fail "no run: $(cat "$dir/out")"
"$TRITMILL" train a $t --steps 99 --lr 10 --weight-decay 10 --clip 0 --save-every 0.0001 \
    --checkpoint burst --resume >"$dir/out" 2>"$dir/err"
[ $? = 1 ] && [ "$(wc -l <"$dir/err")" = 1 ] &&
    grep -qE '^tritmill: step [0-9]+: [a-z ]* not finite: '\
'burst is still that of step [0-9]+: take a lower --lr, then --resume$' "$dir/err" ||
    fail "not finite: $(cat "$dir/err")"
"$TRITMILL" train a $t --steps 1 --lr 1e-9 --checkpoint burst --resume >"$dir/out" 2>&1 ||
    fail "its last checkpoint is not good: $(cat "$dir/out")"
"$TRITMILL" train a $t --steps 99 --lr 10 --weight-decay 10 --clip 0 -o new >"$dir/out" 2>"$dir/err"
[ $? = 1 ] && [ ! -e new ] &&
    grep -q 'no checkpoint was written yet: take a lower --lr$' "$dir/err" ||
    fail "not finite: $(cat "$dir/err")"
echo "$count refusals"
exit $failed
