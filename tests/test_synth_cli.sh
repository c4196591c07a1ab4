#!/bin/bash
# Does `tritmill synth` write models that the other commands read, tell wrong arguments in one line,
# and leave nothing behind when it is stopped or the disk is full?
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0

fail() { echo "FAILED: $*"; failed=1; }
synth() { "$TRITMILL" synth "$@" 2>err || fail "synth $*: exit code $?: $(cat err)"; }

# refused CODE TEXT ARGS...: that exit code, one line on stderr that holds the text.
refused() {
    local code=$1 text=$2
    shift 2
    "$TRITMILL" synth "$@" >out 2>err
    local got=$?
    [ "$got" = "$code" ] || fail "synth $*: exit code $got, not $code"
    [ "$(wc -l <err)" = 1 ] || fail "synth $*: not one line: $(cat err)"
    grep -qF -- "$text" err || fail "synth $*: no '$text' in: $(cat err)"
    [ -s out ] && fail "synth $*: something on stdout"
}

synth --shape tiny -o a.gguf
synth --shape tiny --seed 1 --output=b.gguf
synth --shape tiny --seed 2 -o c.gguf
cmp a.gguf b.gguf || fail "the same seed gave two files"
cmp -s a.gguf c.gguf && fail "two seeds gave one file"
rm b.gguf c.gguf

# Every type is read again, and runs.
for options in "--type f16" "--embd bf16" "--embd f32 --arch bitnet-25" "--embd q8_0 --untied" \
    "--embd q6_k --vocab 1000 --context 64" "--shape 64x192x3x2x1 --vocab 300" \
    "--arch llama" "--arch llama --type f16 --peak 0.3" "--arch qwen3" \
    "--arch qwen3 --type q1_0 --untied" "--shape 256x384x2x4x1x96 --arch qwen3 --embd q6_k" \
    "--type ptq1_0" "--type q1_0 --embd f32 --arch llama" "--arch qwen35" \
    "--arch qwen35 --hadamard 256 --untied --embd f16" "--arch qwen35 --peak 0.3 --chain 9"; do
    case $options in *--shape*) ;; *) options="--shape tiny $options" ;; esac
    # shellcheck disable=SC2086
    synth $options -o t.gguf
    "$TRITMILL" inspect t.gguf >out 2>err || fail "inspect, $options: $(cat err)"
    "$TRITMILL" run -m t.gguf -p "the rain" -n 4 --temp 0 >out 2>err ||
        fail "run, $options: $(cat err)"
done
rm t.gguf

# The same matrices in both types give the same logits, so the same text.
synth --shape tiny --type f16 -o f.gguf
for m in a f; do "$TRITMILL" run -m $m.gguf -p "in the" -n 40 --temp 0 >$m.out 2>err; done
cmp a.out f.out || fail "I2_S and F16 of one seed differ"
rm f.gguf ./*.out

# Groups of columns with a scale each: one matrix in all types, embedding and head included.
for type in ptq1_0 pq2_0 q2_0 q2_0_legacy f16 q1_0; do
    synth --shape 256x384x2x4x2x96 --arch qwen3 --vocab 300 --type $type -o g.gguf
    "$TRITMILL" run -m g.gguf -p "in the" -n 40 --temp 0 >$type.out 2>err ||
        fail "run, $type: $(cat err)"
    "$TRITMILL" inspect g.gguf >out
    grep -q 'pre *string *"qwen2"' out && grep -q 'add_bos_token *bool *false' out ||
        fail "$type: another tokenizer than qwen3's: $(cat out)"
done
for type in pq2_0 q2_0 q2_0_legacy f16; do
    cmp ptq1_0.out $type.out || fail "PTQ1_0 and $type of one seed differ"
done
# The same with layers of the delta rule, before and after weights are rotated.
for options in "" "--hadamard 128"; do
    for type in ptq1_0 pq2_0 q2_0 q2_0_legacy f16; do
        # shellcheck disable=SC2086
        synth --shape 256x384x4x8x2x96 --arch qwen35 --vocab 300 --type $type $options -o g.gguf
        "$TRITMILL" run -m g.gguf -p "in the" -n 40 --temp 0 >$type.35 2>err ||
            fail "run, qwen35, $type: $(cat err)"
        cmp ptq1_0.35 $type.35 || fail "qwen35 $options: PTQ1_0 and $type of one seed differ"
    done
done
rm ./*.35
cmp -s ptq1_0.out q1_0.out && fail "signs and trits give the same text"

# One other value makes a head of floats of it; in a matrix it is refused (but in the first rows of
# the first matrix, which tell that the model is dense).
synth --shape 256x384x2x4x2x96 --arch qwen3 --vocab 300 --type f16 -o g.gguf
begin=$("$TRITMILL" inspect g.gguf | sed -n 's/.*tensor data at //p')
end=$((begin + 2 * 256 * 300))
spoil() { printf '\0\76' | dd of=g.gguf bs=1 seek="$1" conv=notrunc status=none; }
spoil $((end - 2))
"$TRITMILL" run -m g.gguf -p "in the" -n 4 --temp 0 >out 2>err ||
    fail "a head of floats: $(cat err)"
spoil $((end + 4 * 256 + 20 * 2 * 256)) # row 20 behind attn_norm
"$TRITMILL" run -m g.gguf -p "in the" -n 4 --temp 0 >out 2>err && fail "1.5 in a matrix of trits"
grep -q "blk.0.attn_q.weight' row 20, group 0 of 128 columns" err || fail "1.5: $(cat err)"
rm g.gguf ./*.out

families="'bitnet-b1.58', 'bitnet-25', 'llama', 'qwen3', 'qwen35', 'bitnet', 'gemma3' and 'maple'"
refused 2 "architecture 'gpt': supported are $families" \
    --shape tiny --arch gpt -o x.gguf
refused 2 "architecture llama has no zeros" \
    --shape tiny --arch llama --peak 0.3 --zeros 0.8 -o x.gguf
refused 2 "token_embd.weight, 32768 x 100 as PTQ1_0" --arch qwen3 --shape 100x128x1x2x1 -o x.gguf
refused 2 "256 x 64 as F16: its row length is not a multiple of a group's columns" \
    --arch qwen3 --type f16 --shape 64x128x1x4x1x64 --embd f16 -o x.gguf
refused 2 "zeros are made for matrices with one scale" \
    --shape tiny --type ptq1_0 --peak 0.3 --zeros 0.8 -o x.gguf
refused 2 "hadamard 96: must be a power of two" --shape tiny --arch qwen35 --hadamard 96 -o x.gguf
refused 2 "hadamard 512: does not divide rows of 256 columns, which shape tiny has" \
    --shape tiny --arch qwen35 --hadamard 512 -o x.gguf
refused 2 "hadamard 512: does not divide rows of 256 columns" --shape tiny --hadamard 512 -o x.gguf
for option in "--hadamard 128" "--activation-bits 4"; do
    refused 2 "zeros are made for int8 inputs that are not rotated" \
        --shape tiny --peak 0.3 --zeros 0.8 $option -o x.gguf
done
refused 2 "inputs of dense matrices are not quantised" \
    --shape tiny --arch llama --type bf16 --activation-bits 4 -o x.gguf
refused 2 "--activation-bits" --shape tiny --activation-bits 5 -o x.gguf
refused 2 "architecture llama has no rotated weights" --shape tiny --arch llama --hadamard 64 \
    -o x.gguf
refused 2 "architecture qwen35 has groups of columns: no matrices of type I2_S" \
    --shape tiny --arch qwen35 --type i2_s -o x.gguf
refused 2 "architecture llama has no prediction block" --shape tiny --arch llama --mtp -o x.gguf
refused 2 "--mtp-accept 0: must be above 0" --shape tiny --arch qwen35 --mtp-accept 0 -o x.gguf
refused 2 "give --shape" -o x.gguf
refused 2 "give -o FILE" --shape tiny
refused 2 "shape 'huge': neither one of tiny" --shape huge -o x.gguf
refused 2 "--shape" --shap tiny -o x.gguf
refused 2 "3 heads do not divide hidden 256" --shape 256x768x2x3x3 -o x.gguf
refused 2 "100 x 100 as I2_S" --shape 100x128x1x2x1 -o x.gguf
refused 2 "--vocab 100: the vocabulary has 274 tokens" --shape tiny --vocab 100 -o x.gguf
refused 2 "q4" --shape tiny --embd q4 -o x.gguf
refused 2 "--zeros needs --peak" --shape tiny --zeros 0.8 -o x.gguf
refused 2 "--chain needs --peak" --shape tiny --chain 8 -o x.gguf
refused 2 "zeros 0.3: this shape and peak allow 0.6" --shape tiny --peak 0.3 --zeros 0.3 -o x.gguf
refused 2 "below 1" --shape tiny --peak 1 -o x.gguf
refused 1 "/nowhere/x.gguf" --shape tiny -o /nowhere/x.gguf
refused 1 "/nowhere/t.json" --shape tiny --tokenizer /nowhere/t.json -o x.gguf
echo '{"model": 7' >bad.json
refused 1 "bad.json: line" --shape tiny --tokenizer bad.json -o x.gguf
rm bad.json out err
[ "$(ls)" = a.gguf ] || fail "left behind: $(ls)"

# No room: a clean error, and the old file stays.
cp a.gguf old.gguf
(ulimit -f 100 && "$TRITMILL" synth --shape tiny --seed 3 -o old.gguf 2>err)
[ $? = 1 ] || fail "no room: not exit code 1"
grep -q "old.gguf" err || fail "no room: $(cat err)"
cmp a.gguf old.gguf || fail "no room: the old file is damaged"
rm old.gguf err

# A stop: what was written goes away. Such a model takes many seconds, and a signal stops it at
# once.
"$TRITMILL" synth --shape 2b4t -o big.gguf 2>err &
pid=$!
for _ in $(seq 500); do
    compgen -G 'big.gguf.*.tmp' >found && break
    sleep 0.01
done
[ -s found ] || fail "stopped: nothing was begun: $(ls)"
kill -TERM $pid
wait $pid
code=$?
rm -f found
[ $code = 143 ] || fail "stopped: exit code $code"
grep -q "stopped" err || fail "stopped: $(cat err)"
compgen -G 'big.gguf*' >/dev/null && fail "stopped: left $(ls)"
exit $failed
