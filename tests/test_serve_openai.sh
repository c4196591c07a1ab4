#!/usr/bin/env bash
# labels: threads
# Do OpenAI's endpoints answer in its shapes, whole and as streams, whoever else is served?
set -u
python=${TRIT_PYTHON:-/usr/bin/python3}
[ -x "$python" ] || { echo "skipped: no python3"; exit 77; }
exec timeout 300 "$python" "$TRIT_SOURCE/tests/serve_openai.py"
