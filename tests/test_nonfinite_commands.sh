#!/bin/bash
# Does every command that evaluates a model whose norms overflow stop with exit code 1, and name the
# layer?
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
unset TRITMILL_MODEL TRITMILL_ISA TRITMILL_KERNEL TRITMILL_PROFILE TRITMILL_CACHE
export XDG_CACHE_HOME=$dir/cache
model=$TRIT_SOURCE/tests/models/stories.gguf
failed=0
yes 'Once upon a time, there was a small dog.' | head -c 4000 >text.txt

# spoil FILE TENSOR COUNT BYTES: all COUNT elements of the F32 tensor become the float with those
# bytes, lowest first.
spoil() {
    local at
    at=$("$TRITMILL" inspect -o json "$model" | tr -d '\n' |
        sed -E "s/.*\"name\": \"$2\",[^}]*\"offset\": ([0-9]+).*/\1/")
    cp "$model" "$1" && chmod u+w "$1"
    for _ in $(seq "$3"); do printf '%b' "$4"; done |
        dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}
spoil ffn.gguf blk.2.ffn_sub_norm.weight 768 '\x99\x76\x96\x7e' # 1e38
spoil out.gguf output_norm.weight 256 '\x99\xb1\x61\x7f' # 3e38
spoil big.gguf output_norm.weight 256 '\x21\x65\x40\x7b' # 1e36: finite logits

# stops PART ARGS...
stops() {
    local part=$1
    shift
    timeout 60 "$TRITMILL" "$@" >out 2>err </dev/null
    code=$?
    if [ $code != 1 ] || ! grep -qE "^tritmill: .*$part" err || grep -qiE 'nan|inf\b' out; then
        echo "FAILED: tritmill $*: exit code $code, no '$part' in:"
        cat out err
        failed=1
    fi
}
for command in 'run -p Once -n 8' 'run -p Once -n 8 --temp 0 -o json' 'run -p Once -n 4 --top-k 0' \
    'perplexity -f text.txt -c 32' 'bench -p 8 -n 0 -r 1' 'bench -p 0 -n 4 -r 1 --head full' \
    'pack -o packed --sparse auto' 'compare --e2e none none -p 8 -n 2 -r 1'; do
    # shellcheck disable=SC2086 # words on purpose
    stops 'ffn.gguf: layer 2, ffn sub norm: not finite at token [0-9]+$' $command -m ffn.gguf
    # shellcheck disable=SC2086
    stops 'out.gguf: output norm: not finite at token [0-9]+$' $command -m out.gguf
done
[ -e packed ] && { echo "FAILED: pack left a file"; failed=1; }
stops 'big.gguf: .*perplexity' perplexity -m big.gguf -f text.txt -c 32 --log-disable
stops 'big.gguf: .*perplexity' perplexity -m big.gguf -f text.txt -c 32 -o json --log-disable
exit $failed
