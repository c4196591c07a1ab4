#!/usr/bin/env bash
# labels: slow
# Do npm's openai and ai get from a server what they expect: text, streams, tools, errors?
set -u
reason=$(sh "$TRIT_SOURCE/tests/npm.sh" clients) || { code=$?; echo "$reason"; exit $code; }
work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
"$TRITMILL" serve -m "$TRIT_SOURCE/tests/models/stories.gguf" -a m --chat-template qwen3 -c 4096 \
    --port 0 >"$work/out" 2>"$work/err" &
server=$!
for _ in $(seq 100); do
    grep -q http "$work/out" && break
    sleep 0.1
done
url=$(grep -o 'http://[^ ]*' "$work/out") || { cat "$work/err"; exit 1; }
timeout 200 node "$TRIT_BUILD/clients/openai.mjs" "$url" || { cat "$work/err"; exit 1; }
