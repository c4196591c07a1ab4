#!/bin/bash
# labels: slow
# Does `tritmill bench` give llama-bench's fields and ours, consistent with each other, in all
# formats?
set -u
model=$TRIT_SOURCE/tests/models/stories.gguf
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0
for format in md json csv jsonl; do
    "$TRITMILL" bench -m "$model" -p 16,24 -n 4 -d 0,16 -t 1-2 -b 8 -r 2 \
        --sparse off --head full -o $format >$format 2>err ||
        { echo "FAILED: $format: exit code $?: $(cat err)"; failed=1; }
    [ -s err ] && { echo "FAILED: $format: stderr is no terminal, yet: $(cat err)"; failed=1; }
done
cat md
"${TRIT_PYTHON:-python3}" - <<'PYTHON' || failed=1
import csv, json, math

rows = json.load(open("json"))
lines = [json.loads(line) for line in open("jsonl")]
table = list(csv.DictReader(open("csv")))
tests = [(r["n_threads"], r["n_depth"], r["n_prompt"], r["n_gen"]) for r in rows]
lengths = (16, 0), (24, 0), (0, 4)
assert tests == [(t, d, p, n) for t in (1, 2) for d in (0, 16) for p, n in lengths], tests
names = """build_commit cpu_info backends model_filename model_type model_size model_n_params
    n_batch n_threads n_prompt n_gen n_depth test_time avg_ns stddev_ns avg_ts stddev_ts n_parallel
    bytes_per_token macs_per_token gbs gmacs limit_read_gbs limit_int8_gmacs limit_ratio read_ratio
    int8_ratio peak_resident_bytes load_seconds isa kernels profile
    share_gates_open share_down_live share_up_rows_read share_down_columns_read
    share_head_rows_plane2 share_head_rows_exact""".split()
for r in rows + lines:
    missing = [n for n in names + ["samples_ns", "samples_ts"] if n not in r]
    assert not missing, missing
    assert len(r["samples_ns"]) == len(r["samples_ts"]) == 2
    tokens = r["n_prompt"] + r["n_gen"]
    for ns, ts in zip(r["samples_ns"], r["samples_ts"]):
        assert math.isclose(ts * ns, tokens * 1e9, rel_tol=1e-3)
    assert math.isclose(r["avg_ts"], sum(r["samples_ts"]) / 2, rel_tol=1e-9)
    assert math.isclose(r["gbs"], r["bytes_per_token"] * r["avg_ts"] / 1e9, rel_tol=1e-3)
    limits = zip(r["samples_ts"], r["samples_limit_read_gbs"])
    ratios = [ts * r["bytes_per_token"] / 1e9 / gbs for ts, gbs in limits]
    assert math.isclose(r["read_ratio"], sum(ratios) / 2, rel_tol=1e-3), (r["read_ratio"], ratios)
    assert r["limit_ratio"] == (r["read_ratio"] if r["n_gen"] else r["int8_ratio"])
    assert r["n_parallel"] == 1
    assert r["backends"] == "CPU" and r["model_size"] > 2e6 and r["n_batch"] == 8
    assert r["kernels"] and r["isa"]
    assert 1e6 < r["peak_resident_bytes"] < 1e9, r["peak_resident_bytes"]
    assert 5e6 < r["model_n_params"] < 6e6
prompts = [r["n_prompt"] for r in rows]
assert [r["n_prompt"] for r in lines] == [int(r["n_prompt"]) for r in table] == prompts
assert all(n in table[0] for n in names)
gen = {r["n_depth"]: r["bytes_per_token"] for r in rows if r["n_gen"]}
# 16 positions, 6 layers, K and V, 2 heads of 64 f16
assert gen[16] - gen[0] == 16 * 6 * 2 * 2 * 64 * 2, gen
text = open("md").read().splitlines()
head = ["model", "size", "params", "backend", "threads", "test", "t/s, median ± spread",
        "GB/s or GMAC/s", "of limit"]
assert [cell.strip() for cell in text[0].split("|")][1:10] == head, text[0]
assert len([l for l in text if l.startswith("|")]) == 2 + len(rows)
assert len({len(l) for l in text if l.startswith("|")}) == 1, "the table is not aligned"
PYTHON
exit $failed
