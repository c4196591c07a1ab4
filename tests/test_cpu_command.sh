#!/bin/bash
# Does `tritmill cpu -o json` hold what its readers expect, and do the limits come with --measure?
set -u
set -o pipefail # a good text from a program that fails is a failure
"$TRITMILL" cpu -o json -t 1,2 | "${TRIT_PYTHON:-python3}" -c '
import json, sys
cpu = json.load(sys.stdin)
assert cpu["cores"] >= 1 and cpu["logical"] >= cpu["cores"] >= cpu["threads"] >= 1
isas = {isa["name"]: isa for isa in cpu["isas"]}
assert isas["c"]["usable"] is True and isas["c"]["kernels"] > 0
assert all(isa["why"] for isa in isas.values())
assert [limit["n_threads"] for limit in cpu["limits"]] == [1, 2]
for limit in cpu["limits"]:
    assert limit["limit_read_gbs"] > 0 and limit["limit_int8_gmacs"] > 0
    levels = {row["level"]: row for row in limit["read"]}
    assert levels["DRAM"]["gbs"] == limit["limit_read_gbs"]
    assert set(levels) <= {"L1d", "L2", "L3", "DRAM"}
    for level, size in ("L1d", cpu["l1d"]), ("L2", cpu["l2"]):
        assert not size or levels[level]["bytes_per_thread"] < size
    assert {row["isa"] for row in limit["int8"]} == {name for name in isas if isas[name]["usable"]}
    assert max(row["gmacs"] for row in limit["int8"]) == limit["limit_int8_gmacs"]
    for row in limit["read"] + limit["int8"]:
        assert len(row["samples"]) >= 5 and min(row["samples"]) > 0
        assert row["spread"] >= 0 and row["kernel"]
' || exit 1
text=$("$TRITMILL" cpu) || exit 1
[[ $text == *"threads by default"*"features"*"usable"* ]] || { echo "$text"; exit 1; }
text=$("$TRITMILL" cpu --measure -t 1) || exit 1
for word in "read, GB/s" "DRAM" "int8, GMAC/s" "1 thread" "medians of"; do
    [[ $text == *"$word"* ]] || { echo "no '$word' in: $text"; exit 1; }
done
said=$("$TRITMILL" cpu --mesure 2>&1)
[ $? = 2 ] && grep -q -e --measure <<<"$said" ||
    { echo "no hint for a misspelt flag: $said"; exit 1; }
