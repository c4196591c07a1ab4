#!/usr/bin/env bash
# labels: threads
# Does a server bear a model file that is cut, signals, keys that change, and clients that do
# not read?
set -u
python=${TRIT_PYTHON:-/usr/bin/python3}
[ -x "$python" ] || { echo "skipped: no python3"; exit 77; }
exec timeout 300 "$python" "$TRIT_SOURCE/tests/serve_daemon.py"
