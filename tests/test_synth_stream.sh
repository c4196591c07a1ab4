#!/bin/bash
# Do `synth --peak --zeros --chain` give the cosines, the shares of zeros and the successors that
# they promise, as the independent reference sees them, in every type?
set -u
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null ||
    { echo "no python3 with numpy"; exit 77; }
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
shape="--shape 768x2304x5x6x3 --vocab 600"
failed=0

# expect WORD LOW HIGH: the number after that word in the line of figures.
expect() {
    awk -v word="$1" -v low="$2" -v high="$3" '{
        for (i = 1; i < NF; i++)
            if ($i == word)
                exit !($(i + 1) >= low && $(i + 1) <= high)
        exit 1
    }' "$dir/line" || { echo "FAILED: $1 is not from $2 to $3: $(cat "$dir/line")"; failed=1; }
}

# model ARGUMENTS: made, and its figures in line.
model() {
    # shellcheck disable=SC2086
    "$TRITMILL" synth $shape "$@" -o "$dir/model.gguf" 2>"$dir/err" &&
        "$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/stream.py" "$dir/model.gguf" 48 >"$dir/line" ||
        { echo "FAILED: $*: $(cat "$dir/err")"; failed=1; }
    echo "$*: $(cat "$dir/line")"
}

# Without them: no peak, and zeros as they come.
model
expect peak -0.1 0.15
expect zeros 0.6 0.7
expect gates 0.48 0.52

model --peak 0.3
expect peak 0.27 0.33
expect same 1 1
expect zeros 0.6 0.7

model --peak 0.3 --zeros 0.8
expect peak 0.27 0.33
expect same 1 1
expect zeros 0.77 0.83

model --peak 0.5 --zeros 0.9 --seed 2 --type f16 --embd bf16 --untied
expect peak 0.46 0.54
expect same 1 1
expect zeros 0.87 0.93

# The last of a group of 64 is followed by its first: one in 64 has not the next.
for embd in f32 q8_0 q6_k; do
    model --peak 0.4 --zeros 0.75 --chain 64 --embd $embd
    expect peak 0.37 0.43
    expect same 0 0
    expect next 0.9 1
    expect zeros 0.72 0.78
done

# The greedy text of a chain is its cycle.
"$TRITMILL" synth --shape tiny --peak 0.6 --chain 8 -o "$dir/model.gguf" 2>"$dir/err" &&
    "$TRITMILL" run -m "$dir/model.gguf" -p a -n 15 --temp 0 >"$dir/text" 2>"$dir/err"
[ "$(cat "$dir/text")" = 'abcdefg`abcdefg`' ] ||
    { echo "FAILED: a chain of 8: $(cat "$dir/text")"; failed=1; }
exit $failed
