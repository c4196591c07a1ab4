#!/usr/bin/env bash
# labels: threads
# Does each bad, slow, cut or huge request get its status, and the next one the right answer?
set -u
python=${TRIT_PYTHON:-/usr/bin/python3}
[ -x "$python" ] || { echo "skipped: no python3"; exit 77; }
exec timeout 120 "$python" "$TRIT_SOURCE/tests/serve_faults.py"
