#!/bin/bash
# Does `tritmill perplexity` follow the definition in its counts, tell one figure in both outputs,
# and not depend on threads?
set -u
model=$TRIT_SOURCE/tests/models/stories.gguf
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0

# A text that the model knows: its own, from three seeds.
for seed in 1 2 3; do
    "$TRITMILL" run -m "$model" -p "Once upon a time," -n 200 -s $seed --ignore-eos --log-disable ||
        failed=1
done >text

from() { # FILE ARGS...
    "$TRITMILL" perplexity -m "$model" -c 50 -f "$@" 2>err ||
        { echo "FAILED: $*: $(cat err)"; failed=1; }
}
run() { from text "$@"; }
run -t 1 >one
run -t 2 -b 512 -ngl 0 >two
cmp one two || failed=1
tr ',' '\n' <err | grep -c '^\[[0-9]*\][0-9.]*$' >chunks
from - --log-disable <text >three
cmp one three || failed=1
[ -s err ] && { echo "FAILED: --log-disable leaves: $(cat err)"; failed=1; }
for _ in $(seq 40); do printf 'Once<|endoftext|>'; done >controls
model=$TRIT_SOURCE/runtime/train/recipe/tales.gguf # its vocabulary has this token
from controls -o json >written.json
from controls -o json --parse-special >parsed.json
model=$TRIT_SOURCE/tests/models/stories.gguf
run --chunks 3 -o json >few.json
run -o json >all.json
cat one
"${TRIT_PYTHON:-python3}" - <<'PYTHON' || failed=1
import json, math, re

written, parsed = (json.load(open(n + ".json"))["tokens"] for n in ("written", "parsed"))
assert parsed == 2 * 40 < written / 2, (parsed, written)
few, all = json.load(open("few.json")), json.load(open("all.json"))
estimate = r"Final estimate: PPL = ([\d.]+) \+/- ([\d.]+)\n"
figure, error = map(float, re.fullmatch(estimate, open("one").read()).groups())
assert abs(all["perplexity"] - figure) < 1e-4 and abs(all["error"] - error) < 1e-5
assert math.isclose(math.exp(all["nll"]), all["perplexity"])
assert all["chunks"] == all["tokens"] // 50 == len(all["running"]) == int(open("chunks").read())
assert all["scored_tokens"] == all["chunks"] * 24
assert few["chunks"] == 3 and few["running"] == all["running"][:3]
assert few["perplexity"] == few["running"][-1]
assert 1 < figure < 30 and 0 < error < figure
PYTHON
exit $failed
