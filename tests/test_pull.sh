#!/bin/bash
# Does `tritmill pull` bring a file whole, verified and to its place, or leave what it can go on
# with and say why, whatever the hub does?
set -u
python=${TRIT_PYTHON:-/usr/bin/python3}
[ -x "$python" ] || { echo "skipped: no python3"; exit 77; }
model=$TRIT_SOURCE/tests/models/stories.gguf
dir=$(mktemp -d)
cd "$dir" || exit 1
for v in $(env | sed -n 's/^\(TRITMILL_[A-Z]*\|HF_[A-Z]*\)=.*/\1/p'); do unset "$v"; done
unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
export HOME=$dir XDG_CACHE_HOME=$dir/cache TRITMILL_MODELS=$dir/models
failed=0
fail() { echo "FAILED: $*"; failed=1; }

"$python" "$TRIT_SOURCE/tests/hub.py" "$model" port log &
server=$!
trap 'kill $server; rm -rf "$dir"' EXIT
for _ in $(seq 100); do [ -s port ] && break || sleep 0.05; done
[ -s port ] || { echo "FAILED: the server does not start"; exit 1; }
read -r hub _ sha <port
export HF_ENDPOINT=http://127.0.0.1:$hub/ HF_TOKEN=hf_secret NO_PROXY=127.0.0.1

# The hub may take its time on a crowded machine: only those that are silent are given a second.
pull() { timeout 60 "$TRITMILL" pull --timeout 9 --retries "${retries:-2}" "$@" >out 2>err; }
# gets REVISION [ARGS...]: it comes whole. says CODE TEXT ARGS...: exit code, and a part of stderr.
gets() {
    local revision=$1
    shift
    pull "${@:-owner/repo}" --revision "$revision" || fail "$revision: exit code $?: $(cat err)"
    cmp -s "$(cat out)" "$model" || fail "$revision: the file is another"
    [ -z "$(find models -name '*.part*')" ] || fail "$revision: left $(find models -name '*.part*')"
}
says() {
    local code=$1 text=$2 got
    shift 2
    pull "$@"
    got=$?
    [ $got = "$code" ] && grep -qF -- "$text" err ||
        fail "pull $*: expected $code and '$text', got $got and: $(cat err)"
}
empty() { rm -rf models; }

# Servers that are silent or slow, meanwhile: each takes its time.
for word in silent silentbytes slow; do
    timeout 30 "$TRITMILL" pull owner/repo --revision $word --models models-$word --timeout 1 \
        --retries 0 2>late-$word >/dev/null &
    late="${late:-} $!"
done

# Where it goes, and where the token goes.
gets main
[ "$(cat out)" = "$dir/models/owner/repo/m-I2_S.gguf" ] || fail "its place is $(cat out)"
grep -q 'taking m-I2_S.gguf (2.* of memory' err || fail "not told: $(cat err)"
grep -q "^hub GET /api/models/owner/repo/tree/main?recursive=true Bearer_hf_secret" log ||
    fail "list"
grep -q "^hub GET /owner/repo/resolve/main/m-I2_S.gguf Bearer_hf_secret" log || fail "resolve"
grep -q "^cdn .*signature=secret - " log || fail "no bytes from the other host"
grep '^cdn' log | grep -q hf_secret && fail "the token went to another host"
grep -q signature err && fail "a signed URL is shown"
: >log
gets main hf.co/owner/repo:i2_s
grep '^cdn' log | grep -vq 'bytes=0-' && fail "got again what is there"

# By name in other commands.
"$TRITMILL" run -m owner/repo -p Once -n 2 --temp 0 >by-name 2>err || fail "run: $(cat err)"
"$TRITMILL" run -m "$model" -p Once -n 2 --temp 0 >by-file 2>/dev/null
cmp -s by-name by-file || fail "another model by name"
for c in "inspect owner/repo:I2_S" "tokenize -m m-i2_s -p x" "inspect owner/repo:m-I2_S"; do
    # shellcheck disable=SC2086
    "$TRITMILL" $c >/dev/null 2>err || fail "$c: $(cat err)"
done
"$TRITMILL" run -m owner/none:q2_0 -p x >/dev/null 2>err && fail "a model that is not there"
grep -qF "'tritmill pull owner/none:q2_0' gets it" err || fail "pull is not told: $(cat err)"
"$TRITMILL" list >out && grep -q '^owner/repo:m-I2_S  *2.* I2_S ' out || fail "list: $(cat out)"
"$TRITMILL" list -o json | "$python" -c "
import json, sys
m = json.load(sys.stdin)[0]
assert m['digest'] == '$sha' and m['name'] == 'owner/repo:m-I2_S', m" || fail "list -o json"
printf '%s\n' 'FROM owner/repo' 'PARAMETER top_k 3' 'PARAMETER odd 1' \
    'SYSTEM """The king had a' 'gold ring"""' >Modelfile
"$TRITMILL" create tale:v1 2>err >out || fail "create: $(cat err)"
grep -qF 'PARAMETER odd is kept and not used' err || fail "create: not told: $(cat err)"
"$TRITMILL" run -m tale:v1 -p Once -n 2 --temp 0 2>/dev/null | cmp -s - by-file || fail "created"
asked() {
    echo Once | "$TRITMILL" chat --chat-template chatml --temp 0 -n 16 -c 128 -t 1 "$@" 2>err
}
asked -m tale:v1 >chat-made
asked -m "$model" --system $'The king had a\ngold ring' | cmp -s - chat-made ||
    fail "chat: without the Modelfile's SYSTEM"
asked -m "$model" | cmp -s - chat-made && fail "chat: SYSTEM makes no difference"
"$TRITMILL" rm owner/repo 2>err && fail "removed what a name uses"
"$TRITMILL" rm tale:v1 >out 2>err && "$TRITMILL" rm owner/repo >>out 2>&1 ||
    fail "rm: $(cat out err)"
[ -z "$(find models -name '*.gguf')" ] || fail "rm left $(find models -type f)"
printf 'FROM %s\n' "$model" | "$TRITMILL" create linked -f - >out 2>err || fail "create: $(cat err)"
cmp -s "models/blobs/sha256-$sha" "$model" || fail "no blob: $(find models)"

# Interruptions.
empty
for i in 1 2 3 4 5 6 7 8 9; do
    retries=0 says 1 "" owner/repo --revision cut
    [ "$(wc -c <models/owner/repo/m-I2_S.gguf.part)" = $((i * ($(wc -c <"$model") / 10 + 1))) ] ||
        fail "cut $i: $(wc -c models/owner/repo/*)"
done
retries=0 gets cut
grep -q "goes on where an earlier try ended" err || fail "not told that it goes on"
empty; gets cut
empty; gets whole-2
grep -q "gives no parts: begins anew" err || fail "whole: $(cat err)"
empty; gets swaps-1
grep -q "has changed since it was begun: begins anew" err || fail "swaps: $(cat err)"
empty; retries=0 says 1 "Transferred a partial file" owner/repo:m-I2_S --revision changes-2
touch port.changed
says 0 "it has changed, and begins anew" owner/repo:m-I2_S --revision changes-2
rm port.changed
cmp -s models/owner/repo/m-I2_S.gguf "$model" && fail "the file of before the change"
gets main

# What ends it, and what is kept then: begun REVISION starts one that hangs after a tenth.
begun() {
    empty
    "$TRITMILL" pull --timeout 2 owner/repo --revision "$1" >out2 2>err2 &
    pid=$!
    for _ in $(seq 200); do [ -s models/owner/repo/m-I2_S.gguf.part ] && break || sleep 0.02; done
}
begun dies-1
says 1 "another 'tritmill pull' is getting it" owner/repo
kill -INT $pid
wait $pid
[ $? = 130 ] && grep -q "the same command goes on" err2 || fail "Ctrl-C: $(cat err2)"
gets dies-1
grep -q "goes on where" err || fail "Ctrl-C: began anew"
begun dies-2
kill -KILL $pid
wait $pid 2>/dev/null
gets dies-2
grep -q "goes on where" err || fail "kill -9: began anew"
if command -v prlimit >/dev/null; then
    begun dies-3
    prlimit --pid $pid --fsize=300000
    wait $pid && fail "a full disk goes unseen"
    grep -q "cannot write: .*what came is kept" err2 || fail "full disk: $(cat err2)"
    gets dies-3
fi
empty
(ulimit -f 1000; says 1 "are free on its disk" owner/repo:m-I2_S) | grep . && failed=1

# Answers.
says 1 "HTTP 401 GatedRepo?[31m: private, gated" owner/repo --revision s401
says 1 "HTTP 403 GatedRepo?[31m: this token may not" owner/repo --revision s403
says 1 "HTTP 404" owner/repo --revision s404
says 1 "HTTP 404 RepoNotFound: the hub has no such" owner/none
says 1 "HTTP 403: this token may not" owner/repo --revision b403
says 1 "HTTP 429" owner/repo --revision s429-9
says 1 "HTTP 503" owner/repo --revision s503-9
says 1 "is no list of files: " owner/repo --revision bad
says 1 "is no list of files" owner/repo --revision object
says 1 "is no list of files: " owner/repo --revision nul
says 1 "is no list of files: " owner/repo --revision deep
says 1 "a list of more than 8 MB" owner/repo --revision hugejson
says 1 "goes on at another host" owner/repo --revision elsewhere
says 1 "more than 64 pages" owner/repo --revision endless
says 1 "more than 10 redirects" owner/repo --revision loop
says 1 "is no https" owner/repo --revision ftp
says 1 "files in several parts are not supported" owner/repo --revision split
says 1 "has no GGUF file" owner/repo --revision empty
says 1 "has no GGUF file" owner/repo --revision absurd
says 1 "what came is not what the hub lists" owner/repo --revision wrong
[ -z "$(find models -type f)" ] || fail "a wrong file stayed: $(find models -type f)"
says 1 "the hub lists" owner/repo:i2_s --revision short
empty; says 1 "the hub lists" owner/repo:i2_s --revision long
empty; says 1 "are free on its disk" owner/repo:i2_s --revision huge
empty; gets s429-2
empty; gets s503-1
empty; gets b429-2
empty; gets b500-2

for pid in $late; do
    wait "$pid"
    [ $? = 1 ] || fail "a silent or slow server"
done
for word in silent silentbytes slow; do
    grep -q "is silent, or too slow" late-$word || fail "$word: $(cat late-$word)"
done

# Names and choices.
empty; gets names
[ "$(find models -name '*.gguf')" = models/owner/repo/good-Q2_0.gguf ] ||
    fail "$(find . -name '*gguf')"
grep -q "$(printf '\033')" err && fail "a control byte reached the terminal"
empty; gets paged owner/repo:b-q2_0
gets paged owner/repo:f16
says 2 "several files are 'I2_S': choose one of: m-I2_S.gguf (" owner/repo:I2_S --revision several
says 2 "no file is 'Q6_K': choose one of: m-I2_S.gguf (" owner/repo:Q6_K --revision several
says 0 "none-Q4_K.gguf (100 B): does not run here" owner/repo --revision several
says 0 "; the best of the repository's files that runs here" owner/repo --revision several
for name in ../x /x owner owner/../x owner/re..po 'owner/re po' owner/repo: owner/repo:../x; do
    says 2 "give OWNER/REPO" "$name"
done
HF_ENDPOINT=ftp://x says 2 "HF_ENDPOINT=ftp://x: must be a URL" owner/repo
HF_TOKEN=$'a\nX: y' says 2 "HF_TOKEN: is no token" owner/repo
mkdir -p "$dir/elsewhere" models2 && ln -s "$dir/elsewhere" models2/owner
says 1 "leads out of the models folder" owner/repo --models models2
[ -z "$(find elsewhere -type f)" ] || fail "written outside of the models folder"
mkdir -p .cache/huggingface && echo hf_filed >.cache/huggingface/token
: >log
HF_TOKEN='' gets main
grep -q "Bearer_hf_filed" log || fail "the token in ~/.cache/huggingface/token"
exit $failed
