#!/usr/bin/env bash
# Do Ollama's endpoints answer in its shapes, whole and as streams, to npm's client and by hand?
set -u
python=${TRIT_PYTHON:-/usr/bin/python3}
[ -x "$python" ] || { echo "skipped: no python3"; exit 77; }
reason=$(sh "$TRIT_SOURCE/tests/npm.sh" clients)
client=$?
timeout 300 "$python" "$TRIT_SOURCE/tests/serve_ollama.py" $([ $client = 0 ] && echo client) ||
    exit 1
[ $client = 0 ] || { echo "$reason"; exit $client; }
