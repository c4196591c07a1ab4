#!/bin/bash
# Does the interpreter give what Jinja gives? tests/data/jinja.jsonl: first three sets of variables,
# then templates with the texts that Jinja 3.1.2 (as Hugging Face sets it) made of them; none: it
# raised. They are expressions, statements, and random programs.
set -u
[ -n "${TRIT_PYTHON:-}" ] || { echo "skipped: no python3"; exit 77; }
exec "$TRIT_PYTHON" -B - "$TRIT_BUILD/tests/jinja" "$TRIT_SOURCE/tests/data/jinja.jsonl" <<'PY'
import json, subprocess, sys
with open(sys.argv[2], encoding="utf-8") as file:
    sets = json.loads(file.readline())
    cases = [json.loads(line) for line in file]
asks = "".join(json.dumps({"template": c["template"], "variables": sets[c["set"]]}) + "\n"
               for c in cases)
said = subprocess.run([sys.argv[1]], input=asks, capture_output=True, text=True, check=True).stdout
answers = [json.loads(line) for line in said.splitlines()]
bad = [(c, a) for c, a in zip(cases, answers) if c.get("text") != a.get("text")]
for case, answer in bad[:5]:
    print("%r\n  should be %r\n  is %r" % (case["template"], case.get("text", "an error"), answer))
print(len(cases), "templates,", len(bad), "differ")
sys.exit(1 if bad or len(answers) != len(cases) or len(cases) < 500 else 0)
PY
