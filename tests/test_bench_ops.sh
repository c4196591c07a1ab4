#!/bin/bash
# Does `bench --profile-ops` account for all the time, and --trace for every region; do several sequences share the weights?
set -u
model=$TRIT_SOURCE/tests/models/stories.gguf
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
for head in top full; do
    "$TRITMILL" bench -m "$model" -p 40 -n 6 -np 1,4 -t 2 -b 16 -r 3 --head $head --sparse off --profile-ops --trace trace.$head -o json >$head.json ||
        { echo "FAILED: exit code $?"; exit 1; }
done
"$TRITMILL" bench -m "$model" -p 0 -n 6 -t 1 -r 2 --sparse on --profile-ops -o json >sparse.json || exit 1
"$TRITMILL" bench -m "$model" -p 17 -n 0 -b 16 -r 1 --sparse on -o json >rest.json || exit 1 # passes of 16 tokens and of one
"$TRITMILL" bench -m "$model" -p 40 -n 6 -t 2 -r 1 --profile-ops || exit 1
"${TRIT_PYTHON:-python3}" - <<'PYTHON'
import json, math

for head in "top", "full":
    rows = json.load(open(head + ".json"))
    assert [(r["n_prompt"], r["n_gen"], r["n_parallel"]) for r in rows] == [(40, 0, 1), (0, 6, 1), (0, 6, 4)]
    for r in rows:
        ops = r["ops"]
        parts = {p["part"]: p for p in ops["parts"]}
        tokens = (r["n_prompt"] + r["n_gen"]) * r["n_parallel"]
        passes = 3 if r["n_prompt"] else 6  # chunks of 16; tokens
        assert math.isclose(sum(p["seconds"] for p in parts.values()) + ops["serial_seconds"], ops["seconds"], rel_tol=1e-6)
        assert sum(p["before_seconds"] for p in parts.values()) <= ops["serial_seconds"] * (1 + 1e-6)
        assert math.isclose(sum(p["share"] for p in parts.values()) + ops["serial_seconds"] / ops["seconds"], 1, rel_tol=1e-6)
        assert math.isclose(sum(p["bytes"] for p in parts.values()), r["bytes_per_token"] * tokens, abs_tol=tokens)
        assert math.isclose(sum(p["macs"] for p in parts.values()), r["macs_per_token"] * tokens, abs_tol=tokens)
        for name, p in parts.items():
            assert math.isclose(p["late"] + p["busy"] + p["wait"] + p["idle"], 1, rel_tol=1e-6), (name, p)
            assert p["kind"] in ("embedding", "attention", "ffn", "head") and p["regions"] > 0
        for name in "attn norm", "qkv", "attention", "o", "ffn norm", "down":
            assert parts[name]["regions"] % (6 * passes) == 0, (name, parts[name])
        assert ("head full" in parts) or head == "top"
        assert parts["qkv"]["macs"] == tokens * 6 * 256 * 512, parts["qkv"]
        assert parts["qkv"]["bytes"] * 6 == passes * rows[1]["ops"]["parts"][2]["bytes"], "weights are read once per pass"
    one, four = (next(p for p in r["ops"]["parts"] if p["part"] == "down") for r in rows[1:])
    assert one["bytes"] == four["bytes"] and 4 * one["macs"] == four["macs"], "a pass serves all sequences"
    trace = json.load(open("trace." + head))
    events = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    assert events and trace["otherData"]["events_lost"] == 0
    assert {e["tid"] for e in events} <= {0, 1, 2} and all(e["dur"] >= 0 for e in events)
    # three traced repetitions; regions stand in the first track
    assert sum(e["tid"] == 0 and e["name"] == "down" for e in events) == 3 * 6 * (3 + 6 + 6)
for name in "sparse.json", "rest.json":
    row, = json.load(open(name))
    for part, all in ("up_rows_read", "gates_open"), ("down_columns_read", "down_live"):
        assert 0 < row["share_" + all] <= row["share_" + part] < 1, (name, row)
PYTHON
