#!/bin/bash
# labels: slow
# Does a model or a packed cache that is cut while two threads use it end in one line that names it,
# and exit code 1, or else in the right text; never in silence?
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
unset TRITMILL_CACHE TRITMILL_KERNEL TRITMILL_PROFILE
export XDG_CACHE_HOME=$dir/cache
seed=${1:-$RANDOM}
RANDOM=$seed
echo "seed $seed"
failed=0 told=0
fail() { echo "FAILED: $*"; failed=1; }

"$TRITMILL" synth --shape 1024x2816x6x16x8 --vocab 4000 -o good.gguf || exit 1
cp good.gguf m.gguf
"$TRITMILL" pack -m m.gguf -t 2 -o good.pack >/dev/null || exit 1
run() {
    timeout 100 "$TRITMILL" run -m m.gguf -p abc -n 60 --ignore-eos --temp 0 -t 2 --draft none
}
TRITMILL_CACHE=none run >expected 2>err || fail "run: $(cat err)"

# cut FILE: FILE loses its end at a random moment of a run. A file that was cut before it was opened
# is refused like any other.
cut() {
    local file=$1 pid code lines
    cp "good.${file##*.}" "$file"
    run >out 2>err &
    pid=$!
    sleep "0.$(printf %03d $((RANDOM % 400)))"
    truncate -s $((RANDOM * 32 % $(stat -c %s "$file"))) "$file"
    wait $pid
    code=$?
    lines=$(grep -c '^tritmill: ' err)
    if [ $code = 0 ]; then
        cmp -s out expected || fail "$file: exit code 0, and another text"
    elif [ $code = 1 ] && [ "$lines" = 1 ] && grep -q "^tritmill: $file: " err; then
        grep -q 'became shorter' err && told=$((told + 1))
    else
        fail "$file: exit code $code, $lines lines: $(cat err)"
    fi
}
for _ in $(seq 20); do TRITMILL_CACHE=none cut m.gguf; done
cp good.gguf m.gguf
touch -r good.gguf m.gguf
for _ in $(seq 20); do TRITMILL_CACHE=m.pack cut m.pack; done
echo "$told of 40 were told that the file became shorter"
exit $failed
