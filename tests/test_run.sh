#!/bin/bash
# labels: threads
# Does `tritmill run` stream the text and nothing else, the same for the same seed, and understand
# bitnet.cpp's command lines?
set -u
model=$TRIT_SOURCE/tests/models/stories.gguf
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
ln -s "$TRITMILL" bitnet
ln -s "$TRITMILL" llama-cli
failed=0
prompt='Once upon a time,'

fail() { echo "FAILED: $*"; failed=1; }
same() { cmp "$2" "$3" || fail "$1"; }

# run NAME ARGS...: output in NAME.out and NAME.err; must succeed.
run() {
    local name=$1
    shift
    "$@" >"$name.out" 2>"$name.err" || fail "$name: exit code $?: $(cat "$name.err")"
}
tritmill() { run "$1" "$TRITMILL" run -m "$model" "${@:2}"; }

# Greedy text: starts with the prompt, goes on with more, is text only, is the same again.
tritmill greedy -p "$prompt" -n 32 --temp 0
grep -q "^$prompt" greedy.out || fail "the text does not begin with the prompt"
[ "$(wc -c <greedy.out)" -gt 60 ] || fail "the text is short: $(cat greedy.out)"
grep -q 'tokens per second' greedy.out && fail "timings on stdout"
for line in 'load time' 'prompt eval time' '  eval time' 'total time' 'seed'; do
    grep -q "$line" greedy.err || fail "no '$line' in the summary"
done
tritmill again -p "$prompt" -n 32 --temp 0 -t 1 --chunk 3 -c 64 -s 9
same "greedy text depends on threads, chunk, context or seed" greedy.out again.out

# The prompt from a file, from stdin, without echo, with one newline at its end dropped.
printf '%s\n' "$prompt" >prompt.txt
tritmill file -f prompt.txt -n 32 --temp 0
same "-f differs from -p" greedy.out file.out
tritmill stdin -f - -n 32 --temp 0 <prompt.txt
same "-f - differs from -p" greedy.out stdin.out
tritmill bare -p "$prompt" -n 32 --temp 0 --no-display-prompt
{ printf '%s' "$prompt"; cat bare.out; } >joined
same "--no-display-prompt is not the rest" greedy.out joined

# Seeds.
tritmill seed1 -p "$prompt" -n 32 -s 7
tritmill seed2 -p "$prompt" -n 32 --seed 7
tritmill seed3 -p "$prompt" -n 32 --seed 8
same "a seed does not repeat" seed1.out seed2.out
cmp -s seed1.out seed3.out && fail "two seeds give one text"
tritmill drawn -p "$prompt" -n 32
seed=$(sed -n 's/.*seed \([0-9]*\).*/\1/p' drawn.err)
tritmill told -p "$prompt" -n 32 -s "$seed"
same "the seed that was told does not repeat the text" drawn.out told.out
for seed in 9223372036854775807 18446744073709551614; do # the first is JSON's largest integer
    tritmill large -p "$prompt" -n 1 -s $seed -o json
    grep -qE "\"seed\": \"?$seed\"?," large.out ||
        fail "seed $seed is told as $(grep '"seed"' large.out)"
done

# Silence, and the command lines of other programs.
tritmill silent -p "$prompt" -n 4 --temp 0 --log-disable
[ -s silent.err ] && fail "--log-disable leaves: $(cat silent.err)"
run bitnet ./bitnet -m "$model" -n 32 -t 2 -p "$prompt" -ngl 0 -c 128 --temp 0 -b 1 --log-disable
same "the link named bitnet differs" greedy.out bitnet.out
run llama ./llama-cli --model "$model" --n-predict 32 --threads 1 --prompt "$prompt" \
    --ctx-size 128 --temp 0.0 -no-cnv --no-warmup
same "the link named llama-cli differs" greedy.out llama.out
run escaped ./bitnet -m "$model" -n 0 -p 'a\nb\x41\q\' --log-disable
printf 'a\nbA\\q\\' >expected
same "escapes under the name bitnet" expected escaped.out
tritmill verbatim -n 0 -p 'a\nb'
printf 'a\\nb' >expected
same "no escapes under our own name" expected verbatim.out
run named env TRITMILL_MODEL="$model" "$TRITMILL" run -p "$prompt" -n 32 --temp 0
same "the model named by TRITMILL_MODEL differs" greedy.out named.out

# Ends: the requested number of tokens, a full context; JSON.
tritmill none -p "$prompt" -n 0
printf '%s' "$prompt" >expected
same "-n 0 adds something" expected none.out
tritmill full -p "$prompt" -n -1 -c 24 --temp 0 --ignore-eos
grep -q 'context is full' full.err || fail "no word about the full context: $(cat full.err)"
tritmill json -p "$prompt" -n 32 --temp 0 -o json
"${TRIT_PYTHON:-python3}" - <<'PYTHON' || fail "JSON"
import json
j = json.load(open("json.out"))
assert j["prompt"] == "Once upon a time,"
assert (j["prompt"] + j["text"]).encode() == open("greedy.out", "rb").read()
assert len(j["tokens"]) == 32 and j["stop"] == "length"
assert j["timings"]["prompt_n"] == j["prompt_tokens"] and j["timings"]["predicted_n"] == 31
PYTHON

# Guesses from the text so far: the same text, and word of what they did.
twice='The dog ran to the park. The dog saw a ball. The dog ran to the park. The dog saw'
for options in "--temp 0" "--seed 5" "--seed 6 --repeat-penalty 1.1" "--top-k 0 --seed 2"; do
    # shellcheck disable=SC2086
    tritmill plain -p "$twice" -n 100 --ignore-eos --draft none $options
    for guesses in "" "--draft-n 2" "--draft lookup --draft-max 64 --draft-min 3"; do
        # shellcheck disable=SC2086
        tritmill guessed -p "$twice" -n 100 --ignore-eos $options $guesses
        same "$options: guesses ($guesses) change the text" plain.out guessed.out
    done
done
grep -q 'drafted' plain.err && fail "guesses in spite of --draft none"
tritmill lookup -p "$twice" -n 40 --temp 0
grep -q 'lookup = .* drafted tokens accepted' lookup.err ||
    fail "no word about guesses: $(cat lookup.err)"
tritmill lookup -p "$twice" -n 40 --temp 0 -o json
"${TRIT_PYTHON:-python3}" - <<'PYTHON' || fail "JSON of guesses"
import json
t = json.load(open("lookup.out"))["timings"]
assert 0 <= t["draft_n_accepted"] <= t["draft_n"] and t["draft_n"] > 0
assert t["passes"] + t["draft_n_accepted"] == t["predicted_n"]
PYTHON

# The reader goes away; the disk is full; Ctrl-C.
"$TRITMILL" run -m "$model" -p "$prompt" -n -1 --ignore-eos -c 4096 2>pipe.err |
    head -c 30 >/dev/null
[ "${PIPESTATUS[0]}" = 0 ] || fail "a closed pipe is an error: $(cat pipe.err)"
"$TRITMILL" run -m "$model" -p "$prompt" -n 4 --log-disable >/dev/full 2>full.err
[ $? = 1 ] && [ "$(wc -l <full.err)" = 1 ] || fail "a full disk: $(cat full.err)"
# shellcheck disable=SC2016 # $$ is the inner shell's, which becomes the program
sh -c 'echo $$ >pid; exec "$@"' - \
    "$TRITMILL" run -m "$model" -p "$prompt" -n -1 --ignore-eos -c 60000 \
    >interrupted.out 2>interrupted.err &
job=$!
for _ in $(seq 100); do
    [ "$(wc -c <interrupted.out)" -gt 40 ] && break
    sleep 0.1
done
kill -TERM "$(cat pid)"
wait $job
[ $? = 143 ] && grep -q interrupted interrupted.err || fail "SIGTERM: $(cat interrupted.err)"
exit $failed
