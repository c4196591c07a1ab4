#!/bin/bash
# Does `bench --profile-ops` account for all the time, and --trace for every region; do several
# sequences share the weights?
set -u
model=$TRIT_SOURCE/tests/models/stories.gguf
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
bench() { "$TRITMILL" bench -m "$model" "$@" || { echo "FAILED: exit code $?" >&2; exit 1; }; }
for head in top full; do
    bench -p 40 -n 6 -np 1,4 -t 2 -b 16 -r 3 --head $head --sparse off --profile-ops \
        --trace trace.$head -o json >$head.json
done
bench -p 0 -n 6 -t 1 -r 2 --sparse on --profile-ops -o json >sparse.json
bench -p 17 -n 0 -b 16 -r 1 --sparse on -o json >rest.json # passes of 16 tokens and of one
bench -p 40 -n 6 -t 2 -r 1 --profile-ops
"${TRIT_PYTHON:-python3}" - <<'PYTHON'
import json, math

def close(a, b):
    return math.isclose(a, b, rel_tol=1e-6)

for head in "top", "full":
    rows = json.load(open(head + ".json"))
    tests = [(r["n_prompt"], r["n_gen"], r["n_parallel"]) for r in rows]
    assert tests == [(40, 0, 1), (0, 6, 1), (0, 6, 4)], tests
    for r in rows:
        ops = r["ops"]
        parts = {p["part"]: p for p in ops["parts"]}
        tokens = (r["n_prompt"] + r["n_gen"]) * r["n_parallel"]
        passes = 3 if r["n_prompt"] else 6  # chunks of 16; tokens
        total = {key: sum(p[key] for p in parts.values())
                 for key in ("seconds", "before_seconds", "share", "bytes", "macs")}
        serial, seconds = ops["serial_seconds"], ops["seconds"]
        assert close(total["seconds"] + serial, seconds)
        assert total["before_seconds"] <= serial * (1 + 1e-6)
        assert close(total["share"] + serial / seconds, 1)
        assert math.isclose(total["bytes"], r["bytes_per_token"] * tokens, abs_tol=tokens)
        assert math.isclose(total["macs"], r["macs_per_token"] * tokens, abs_tol=tokens)
        for name, p in parts.items():
            assert close(p["late"] + p["busy"] + p["wait"] + p["idle"], 1), (name, p)
            assert p["kind"] in ("embedding", "attention", "ffn", "head") and p["regions"] > 0
        for name in "attn norm", "qkv", "attention", "o", "ffn norm", "down":
            assert parts[name]["regions"] % (6 * passes) == 0, (name, parts[name])
        assert ("head full" in parts) or head == "top"
        assert parts["qkv"]["macs"] == tokens * 6 * 256 * 512, parts["qkv"]
        once = rows[1]["ops"]["parts"][2]["bytes"]
        assert parts["qkv"]["bytes"] * 6 == passes * once, "weights are read once per pass"
    one, four = (next(p for p in r["ops"]["parts"] if p["part"] == "down") for r in rows[1:])
    assert one["bytes"] == four["bytes"], "a pass serves all sequences"
    assert 4 * one["macs"] == four["macs"], "a pass serves all sequences"
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
