#!/bin/bash
# labels: slow
# Do reports say what was used and what is so: whether a file runs, the packed cache, the operations
# in csv, a second BOS?
set -u
model=$TRIT_SOURCE/tests/models/stories.gguf
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
unset TRITMILL_MODEL TRITMILL_ISA TRITMILL_KERNEL TRITMILL_PROFILE TRITMILL_CACHE TRITMILL_LOG
export XDG_CACHE_HOME=$dir/cache
failed=0
fail() { echo "FAILED: $*"; failed=1; }
tritmill() { "$TRITMILL" "$@" >out 2>err || fail "tritmill $*: exit code $?: $(cat err)"; }
has() { grep -qE -- "$1" "$2" || fail "no '$1' in: $(cat "$2")"; }
hasnt() { grep -qE -- "$1" "$2" && fail "'$1' in: $(cat "$2")"; }

# inspect: whether run takes the file; where not, the words are those of run.
tritmill inspect "$model"
has '^runs here +yes, 5\.25 M parameters, [0-9.]+ MB of memory' out
tritmill inspect -o json "$model"
"${TRIT_PYTHON:-python3}" - <<'PYTHON' || fail "inspect -o json"
import json
r = json.load(open("out"))
assert r["runs"] == {"here": True, "why_not": None} and r["memory"]["run_bytes"] > 1e6
PYTHON
sed 's/bitnet-b1\.58/bitnet-x1.58/g' "$model" >arch.gguf
sed 's/blk\.3\.ffn_down/blk.3.ffn_dawn/' "$model" >tensor.gguf
sed 's/llama-bpe/llama-xyz/' "$model" >tokenizer.gguf
for file in arch tensor tokenizer; do
    cmp -s "$model" $file.gguf && fail "$file.gguf is the model itself"
    "$TRITMILL" run -m $file.gguf -p x 2>said && fail "$file.gguf runs"
    tritmill inspect $file.gguf
    has '^runs here +no: ' out
    [ "$(sed -n 's/^runs here *no: //p' out)" = "$(sed "s/^tritmill: $file.gguf: //" said)" ] ||
        fail "inspect: $(grep '^runs' out); run: $(cat said)"
done

# The packed cache is named where it is used, and only there.
reports() {
    tritmill run -m "$model" -p Once -n 2 --temp 0 && cp err run
    tritmill run -m "$model" -p Once -n 2 --temp 0 -o json && cp out run.json
    tritmill bench -m "$model" -p 8 -n 2 -r 1 && cp out bench
    tritmill bench -m "$model" -p 8 -n 0 -r 1 -o csv && cp out bench.csv
    yes 'Once upon a time.' | head -c 1000 >text
    tritmill perplexity -m "$model" -f text -c 32 -o json && cp out perplexity
    TRITMILL_LOG=1 tritmill run -m "$model" -p Once -n 1 && cp err log
}
reports
for report in run run.json bench bench.csv perplexity log; do
    hasnt 'packed cache [^ ]|[^ ]*\.pack' $report
done
has '^cache: +none' bench
tritmill pack -m "$model" --sparse off
pack=$(echo "$dir"/cache/tritmill/*.pack)
reports
for report in run run.json bench bench.csv perplexity log; do has "$pack" $report; done
export TRITMILL_CACHE=none

# bench: its statistic has a name; csv has a line for each operation.
has 't/s, median ± spread' bench
tritmill bench -m "$model" -p 24 -n 4 -t 1 -r 3 --profile-ops -o csv && cp out ops.csv
tritmill bench -m "$model" -p 24 -n 4 -t 1 -r 3 -o json && cp out plain.json
"${TRIT_PYTHON:-python3}" - <<'PYTHON' || fail "the figures of bench"
import csv, json, statistics
lines = list(csv.DictReader(open("ops.csv")))
tests = [l for l in lines if not l["op_part"]]
assert [(l["n_prompt"], l["n_gen"]) for l in tests] == [("24", "0"), ("0", "4")]
for t in tests:
    ops = [l for l in lines if l["op_part"] and l["n_gen"] == t["n_gen"]]
    assert {"embed", "qkv", "attention", "gate, up", "down"} <= {l["op_part"] for l in ops}, ops
    assert all(float(l["op_seconds"]) > 0 and l["avg_ts"] == t["avg_ts"] for l in ops)
    assert 0.2 < sum(float(l["op_share"]) for l in ops) <= 1
for r in json.load(open("plain.json")):
    ts = r["samples_ts"]
    assert abs(r["median_ts"] / statistics.median(ts) - 1) < 1e-9
    q = statistics.quantiles(ts, n=4, method="inclusive")
    assert abs(r["spread_ts"] - (q[2] - q[0]) / 2) < 1e-6 * r["median_ts"]
    assert "median" in r["statistics"]
    share = r["limit_ratio"]
    assert share <= 1 or "above 100 %" in r["limit_note"]
PYTHON

# profile diff: 0 where nothing differs, 1 where anything does, 1 with a line on stderr for a bad
# file.
cat "$(ls "$TRIT_SOURCE"/profiles/*.profile | head -1)" >a.profile
sed '/^plan/s/median_us \([0-9]\)/median_us 9\1/' a.profile >plan.profile
sed 's/^\(limit threads 1 read_gbs \)/\19/' a.profile >limit.profile
sed 's/^made 20[0-9]*/made 2001/' a.profile >made.profile
tritmill profile diff a.profile a.profile
for other in plan limit made; do
    "$TRITMILL" profile diff a.profile $other.profile >out 2>err
    [ $? = 1 ] && [ ! -s err ] && has '^[-+]' out || fail "profile diff, $other: $(cat out err)"
done
"$TRITMILL" profile diff a.profile nowhere >out 2>err
[ $? = 1 ] && [ "$(wc -l <err)" = 1 ] || fail "profile diff of a missing file: $(cat err)"

# A prompt that brings its BOS gets no second one, with a line that says so; the text is the same.
tritmill run -m "$model" -p 'Once upon' -n 8 --temp 0 --no-display-prompt
cp out plain && hasnt BOS err
tritmill run -m "$model" -p '<|begin_of_text|>Once upon' -n 8 --temp 0 --no-display-prompt
has '^tritmill: the prompt begins with BOS: no second one is added$' err
cmp -s out plain || fail "a prompt with its own BOS gives another text"
tritmill run -m "$model" -p '<|begin_of_text|>Once upon' -n 8 --temp 0 --log-disable && hasnt . err
tritmill run -m "$model" -p '<|begin_of_text|>Once upon' -n 1 --temp 0 --no-special && hasnt BOS err
tritmill tokenize -m "$model" -p 'Once' --ids && cp out plain
tritmill tokenize -m "$model" -p '<|begin_of_text|>Once' --ids
cmp -s out plain || fail "tokenize: $(cat out) and $(cat plain)"

# check --summary: one line.
tritmill check --summary '*quant*'
[ "$(wc -l <out)" = 1 ] || fail "check --summary: $(cat out)"
has '^check: [0-9]+ kernels, 0 failed, [0-9]+ skipped, seed [0-9]+: [0-9]+ passed' out
has ' passed, [0-9]+ cases, [0-9]+ s$' out
exit $failed
