#!/bin/bash
# Does `tritmill cpu -o json` hold what its readers expect, and do the limits come with --measure?
set -u
"$TRITMILL" cpu -o json -t 1,2 | "${TRIT_PYTHON:-python3}" -c '
import json, sys
cpu = json.load(sys.stdin)
assert cpu["cores"] >= 1 and cpu["logical"] >= cpu["cores"] >= cpu["threads"] >= 1
isas = {isa["name"]: isa for isa in cpu["isas"]}
assert isas["c"]["usable"] is True and isas["c"]["kernels"] > 0
assert all(isa["why"] for isa in isas.values())
assert [limit["n_threads"] for limit in cpu["limits"]] == [1, 2]
assert all(limit["limit_read_gbs"] > 0 and limit["limit_int8_gmacs"] > 0 for limit in cpu["limits"])
' || exit 1
text=$("$TRITMILL" cpu) || exit 1
[[ $text == *"threads by default"*"features"*"usable"* ]] || { echo "$text"; exit 1; }
"$TRITMILL" cpu --mesure 2>&1 | grep -q -e --measure || { echo "no hint for a misspelt flag"; exit 1; }
