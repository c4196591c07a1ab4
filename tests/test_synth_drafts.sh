#!/bin/bash
# Are the drafts of a synthetic model's prediction block right in the share of places that was asked
# for, second ones as first ones, where the independent reference runs the block; whether weights
# are rotated or not? And is the text that they are held to the chain?
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
oracle="$TRIT_PYTHON -B $TRIT_SOURCE/tests/oracle/reference.py"
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
failed=0
seq 0 90 | tr '\n' ' ' >"$dir/ids" # each is the next one's successor

# share P LEAST MOST DEPTH ARGUMENTS: first drafts, and, where there are some, second ones after
# right first ones.
share() {
    "$TRITMILL" synth -o "$dir/model" --shape 256x384x2x4x2 --arch qwen35 --vocab 600 \
        --mtp-accept "$1" "${@:5}" 2>"$dir/err" || { cat "$dir/err"; failed=1; return; }
    $oracle drafts "$dir/model" --ids "$dir/ids" --depth "$4" |
        awk -v least="$2" -v most="$3" '
            $1 == NR + 1 { first++; tried += NF > 1; second += $2 == NR + 2 }
            END {
                print NR " drafts: " first / NR " right; of " tried " seconds " second
                exit !(NR == 90 && first >= least * NR && first <= most * NR &&
                       second >= least * tried && second <= most * tried)
            }' || { echo "FAILED: $*"; failed=1; }
}
share 0.6 0.45 0.75 2
share 0.8 0.68 0.92 2 --hadamard 64 --type q1_0
share 1 1 1 1 --peak 0.6 --chain 300
$oracle logits "$dir/model" --ids "$dir/ids" -o "$dir/logits.npy" &&
    "$TRIT_PYTHON" -c 'import numpy, sys
best = numpy.load(sys.argv[1]).argmax(axis=1)
sys.exit(int((best != numpy.arange(91) + 1).any()))' "$dir/logits.npy" ||
    { echo "FAILED: the text is no chain"; failed=1; }
exit $failed
