#!/bin/bash
# labels: slow
# Is `tritmill perplexity` the reference's figure? To 1e-6 where ties of the quantisers are settled
# alike; to 1e-2 against plain float64, whose ties fall otherwise (1,000 tokens scored); and where
# the trained model's validation text is at hand (8,500 tokens scored), to 1e-3 the figures of plain
# float64 that were measured when it was trained.
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
model=$TRIT_SOURCE/tests/models/stories.gguf
text=$TRIT_SOURCE/tests/data/stories.txt
valid=$TRIT_SOURCE/../shared/models/valid.txt
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
failed=0

runtime() {
    "$TRITMILL" perplexity -m "$model" -f "$1" -c "$2" -o json --log-disable >"$dir/runtime" ||
        failed=1
}
reference() {
    "$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/reference.py" perplexity "$model" \
        --text "$text" -c "$1" --numbers "$2" >"$dir/reference" || failed=1
}

# same WHAT TOLERANCE: the two last results, error bar and counts included.
same() {
    near "$@" || { echo "FAILED: $1"; failed=1; }
}
near() {
    "$TRIT_PYTHON" - "$dir/runtime" "$dir/reference" "$1" "$2" <<'PYTHON'
import json, sys

ours, wanted = (json.load(open(path)) for path in sys.argv[1:3])
relative = abs(ours["perplexity"] / wanted["perplexity"] - 1)
print(f"{sys.argv[3]}: {ours['perplexity']:.6f} +- {ours['error']:.4f}, "
      f"reference {wanted['perplexity']:.6f}, relative {relative:.1e}")
assert relative < float(sys.argv[4])
if "error" in wanted:
    assert abs(ours["error"] / wanted["error"] - 1) < float(sys.argv[4])
    assert (ours["chunks"], ours["scored_tokens"]) == (wanted["chunks"], wanted["scored"])
PYTHON
}

for context in 256 128; do
    runtime "$text" $context
    reference $context settled
    same "c=$context, ties settled" 1e-6
done
reference 128 float64
same "c=128, ties as they fall" 1e-2

if [ -f "$valid" ]; then
    for figure in "256 9.538" "128 9.510"; do
        runtime "$valid" "${figure% *}"
        echo "{\"perplexity\": ${figure#* }}" >"$dir/reference"
        same "validation text, c=${figure% *}" 1e-3
    done
fi
exit $failed
