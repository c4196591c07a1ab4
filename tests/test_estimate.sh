#!/bin/bash
# labels: slow
# Does `tritmill estimate` foresee what bench and pack then allocate and read, refuse what run
# refuses, in its words, and name the largest context that fits?
set -u
"$TRIT_PYTHON" -c 'import numpy' 2>/dev/null || { echo "skipped: no python3 with numpy"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache TRITMILL_PROFILE=none
cd "$work" || exit 1
failed=0
fail() { echo "FAILED: $*"; failed=1; }
oracle() { "$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/$1.py" "${@:2}" || exit 1; }
estimate() { "$TRITMILL" estimate --limits none "$@" || [ $? = 1 ]; }

# Bytes of memory and bytes a token: of a model with a head in planes, of groups whose form the
# types say or only the values do, of an int8 cache, of states and of gates that stay floats.
cp "$TRIT_SOURCE/tests/models/stories.gguf" rows
oracle write_qwen3 -o signs --type q1_0 --shape 256x384x2x4x2
oracle write_qwen3 -o halves --type q2_0 --split-scales --shape 256x384x2x4x2
oracle write_qwen3 -o floats --type f16 --shape 256x384x2x4x2
oracle write_qwen35 -o deltas --type q1_0 --shape 256x384x5x4x2
oracle write_qwen35 -o turned --type ptq1_0 --hadamard 128 --shape 256x384x4x4x2
for model in 'rows f16' 'signs f16' 'signs i8' 'halves f16' 'floats f16' 'deltas f16' \
    'turned f16'; do
    read -r model kv <<<"$model"
    estimate "$model" -t 1 -c 80 --kv-type "$kv" -o json >e.json
    "$TRITMILL" bench -m "$model" -t 1 -p 80 -n 80 --kv-type "$kv" -r 1 --no-warmup --cache none \
        -o json >b.json || fail "bench $model"
    "$TRIT_PYTHON" - "$model" <<'END' || fail "$model $kv"
import json, sys
e, rows = json.load(open("e.json")), json.load(open("b.json"))
assert e["runs_here"] is True and e["why_not"] is None
assert len(e["tests"]) == len(rows) == 2
for test, row in zip(e["tests"], rows):
    assert (test["n_prompt"], test["n_gen"]) == (row["n_prompt"], row["n_gen"])
    for name in ("weights_bytes", "kv_bytes", "state_bytes", "work_bytes"):
        assert e[name] == row[name], (name, e[name], row[name])
    # as the states are, the head's search reads a few rows more, and may make its second plane
    exact = sys.argv[1] != "rows"
    head = row["head_bytes"] - e["head_bytes"]
    assert head == 0 if exact else 0 <= head < e["head_bytes"], head
    same = test["bytes_per_token"] / row["bytes_per_token"]
    assert same == 1 if exact else 0.9 < same <= 1, (test, row["bytes_per_token"])
assert e["need_bytes"] == sum(e[x + "_bytes"] for x in ("weights", "head", "kv", "state", "work"))
END
done

# As many bytes as the file has for the same signs and scales, whole blocks and sections aside.
estimate signs -t 1 -o json >e.json
"$TRITMILL" inspect -o json signs >i.json
"$TRIT_PYTHON" - <<'END' || fail "weights_bytes of Q1_0"
import json
packed, file = json.load(open("e.json"))["weights_bytes"], json.load(open("i.json"))
matrices = (t for t in file["tensors"] if t["type"] == "Q1_0" and t["name"] != "token_embd.weight")
stored = sum(t["bytes"] for t in matrices)
assert 1 <= packed / stored < 1.02, (packed, stored)
END

# What pack then writes, the table aside.
estimate rows -t 1 -o json >e.json
"$TRITMILL" pack -m rows -t 1 --sparse off -o rows.pack >out || fail "pack"
"$TRIT_PYTHON" - "$(stat -c %s rows.pack)" <<'END' || fail "packed_cache_bytes"
import json, sys
foreseen, size = json.load(open("e.json"))["packed_cache_bytes"], int(sys.argv[1])
assert foreseen < size < foreseen + 64 * 1024, (foreseen, size)
END

# refuses TEXT FILE: estimate, inspect and run say the same, estimate and run with exit code 1.
refuses() {
    local said
    "$TRITMILL" run -m "$2" -p a -n 1 >/dev/null 2>err
    [ $? = 1 ] || fail "run takes $2"
    said=$(sed "s|^tritmill: $2: ||" err)
    grep -qF -- "$1" <<<"$said" || fail "$2: run says: $said"
    "$TRITMILL" estimate --limits none "$2" >out 2>err
    [ $? = 1 ] || fail "estimate takes $2"
    [ -s err ] && fail "$2: stderr: $(cat err)"
    grep -qxF -- "runs here    no: $said" out || fail "$2: estimate says: $(cat out)"
    "$TRITMILL" inspect "$2" | grep -qxF -- "runs here     no: $said" || fail "inspect $2"
    estimate "$2" -o json | "$TRIT_PYTHON" -c 'import json, sys
e = json.load(sys.stdin)
assert e["runs_here"] is False and e["why_not"].endswith(sys.argv[1]) and e["tests"] == [], e
' "$said" || fail "$2: json"
}
PYTHONPATH=$TRIT_SOURCE/tests/oracle "$TRIT_PYTHON" -B -c 'import bad_qwen3 as bad
keys, tensors = bad.base("pq2_0")
for change in bad.FFN_192:
    change(keys, tensors)
bad.gguf.write_gguf("odd", keys, tensors)' || fail "a feed-forward size of 192"
refuses "its columns are not a multiple of 128" odd
sed 's/bitnet-b1.58/bitnet-b1.99/' rows >family
refuses "key 'general.architecture' is 'bitnet-b1.99'" family
cp "$TRIT_SOURCE/tests/corpus/gguf/unknown_type" unknown
refuses "embedding_length" unknown

# A shape without a file is as its file; the largest context fits, one more does not.
"$TRITMILL" synth --shape tiny --context 100 -o tiny || fail "synth"
estimate tiny -c 90 -o json | grep -v '"model"\|free\|largest\|context_model' >file
estimate --shape tiny -c 90 -o json | grep -v '"model"\|free\|largest\|context_model' >shape
cmp -s file shape || fail "a shape is not as its file: $(diff file shape)"
estimate --shape 2b4t -o json >e.json
largest=$("$TRIT_PYTHON" -c 'import json; print(json.load(open("e.json"))["context_largest"])')
estimate --shape 2b4t -c "$largest" -o json >fits.json
estimate --shape 2b4t -c $((largest + 1)) -o json >more.json
"$TRIT_PYTHON" - <<'END' || fail "the largest context"
import json
e, fits, more = (json.load(open(x + ".json")) for x in ("e", "fits", "more"))
assert e["context"] == 4096 and e["context_model"] == 4096
assert fits["need_bytes"] <= e["free_bytes"] < more["need_bytes"], (e, fits, more)
END
estimate --shape 3b --type q1_0 >out && grep -q "no: matrix 'blk.0.ffn_down' (type Q1_0" out ||
    fail "a shape that Q1_0 cannot hold: $(cat out)"

# Speeds follow from the limits; each form has the same figures.
"$TRITMILL" estimate --shape 2b4t -t 1 --limits 40,500 -o json >e.json
"$TRITMILL" estimate --shape 2b4t -t 1 --limits 80,1000 -o csv >e.csv
"$TRIT_PYTHON" - <<'END' || fail "speeds"
import csv, json
slow, fast = json.load(open("e.json"))["tests"], list(csv.DictReader(open("e.csv")))
assert [x["test"] for x in slow] == [x["test"] for x in fast] == ["pp512", "tg128", "tg128 @ d3968"]
for one, two in zip(slow, fast):
    rate, cost = (40e9, "bytes") if one["n_gen"] else (500e9, "int8")
    assert abs(one["allowed_ts"] * one[cost + "_per_token"] / rate - 1) < 1e-6
    assert 0.5 < one["expected_ts"] / one["allowed_ts"] < 1
    assert 1.9 < float(two["expected_ts"]) / one["expected_ts"] <= 2
END
"$TRITMILL" estimate rows -t 1 >out || fail "measured"
grep -Eq '^limits       [0-9.]+ GB/s read, [0-9.]+ GMAC/s int8 with 1 thread: measured$' out &&
    grep -Eq '^\| tg128 .* [0-9.]+ \|[^|]+%[^|]*\|$' out || fail "measured: $(cat out)"
"$TRITMILL" inspect rows | tail -1 |
    grep -q '^estimate  .* of memory with a context of .* read a token' ||
    fail "inspect's last line"

for wrong in '' 'rows rows' 'rows --shape tiny' 'rows --arch llama' 'rows --limits fast' \
    'rows --limits 1,' 'rows --limits -1,2' '--shape none' '--shape tiny --arch none'; do
    # shellcheck disable=SC2086
    "$TRITMILL" estimate $wrong >out 2>err
    [ $? = 2 ] && [ "$(wc -l <err)" = 1 ] || fail "estimate $wrong: $(cat err)"
done
[ $failed = 0 ] && echo "all as expected"
exit $failed
