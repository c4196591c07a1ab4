#!/usr/bin/env bash
# Are 64 mixed requests' answers the same bytes alone and at once, while clients come and go,
# prompts begin alike, the queue is full and drafts are tried?
set -u
python=${TRIT_PYTHON:-/usr/bin/python3}
[ -x "$python" ] || { echo "skipped: no python3"; exit 77; }
exec timeout 300 "$python" "$TRIT_SOURCE/tests/serve_together.py"
