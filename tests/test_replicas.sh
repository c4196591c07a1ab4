#!/usr/bin/env bash
# Do conversations stay on their server behind HAProxy, and live on when that one is killed?
set -u
command -v haproxy >/dev/null || PATH=$PATH:/usr/sbin
command -v haproxy >/dev/null || { echo "skipped: no haproxy"; exit 77; }
dir=$(mktemp -d)
pids=()
trap 'kill -9 "${pids[@]}" && wait; rm -rf "$dir"' EXIT
export TRITMILL_CACHE=none
fail() { echo "FAILED: $*"; exit 1; }
python() { "${TRIT_PYTHON:-python3}" -B "$@"; }

model=$TRIT_SOURCE/tests/models/stories.gguf
config=$dir/haproxy.cfg
cp "$TRIT_SOURCE/runtime/serve/deploy/haproxy.cfg" "$config"
for port in 11501 11502 11503; do
    "$TRITMILL" serve -m "$model" --port 0 -t 1 -np 2 -c 1024 --chat-template chatml \
        >"$dir/$port" 2>&1 &
    pids+=($!)
    for _ in $(seq 100); do
        real=$(sed -n 's|.*http://127.0.0.1:\([0-9]*\).*|\1|p' "$dir/$port" | head -1)
        [ -n "$real" ] && break
        sleep 0.1
    done
    [ -n "$real" ] || fail "no server: $(cat "$dir/$port")"
    sed -i "s/127.0.0.1:$port/127.0.0.1:$real/" "$config"
    alone=http://127.0.0.1:$real
done
front=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
sed -i "s/127.0.0.1:11434/127.0.0.1:$front/; s/inter 1s/inter 200ms/" "$config"
haproxy -c -q -f "$config" || fail "the example configuration is not one"
haproxy -db -f "$config" >"$dir/haproxy.log" 2>&1 &
pids+=($!)

python "$TRIT_SOURCE/tests/replicas.py" "$alone" >"$dir/expected" || fail "one server"
python "$TRIT_SOURCE/tests/replicas.py" "http://127.0.0.1:$front" "${pids[0]}" >"$dir/seen" ||
    fail "three servers, one killed: $(tail -3 "$dir/haproxy.log")"
strip() { awk '{ $3 = ""; print }' "$1"; }
[ "$(strip "$dir/seen")" = "$(strip "$dir/expected")" ] || fail "answers differ: $(cat "$dir/seen")"
awk '$2 == 0 { before[$1] = $4 } $2 == 1 && $3 < before[$1] - 1 { exit 1 }' "$dir/seen" ||
    fail "a conversation did not stay on its server: $(cat "$dir/seen")"
