#!/usr/bin/env bash
# Does `tritmill chat` do what a person at a terminal, and a script at a pipe, expect?
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
export TRITMILL_CACHE=none XDG_STATE_HOME=$dir/state
export TRITMILL_MODEL=$TRIT_SOURCE/tests/models/stories.gguf
echo leak:wcsdup >"$dir/leaks" # libedit keeps the names of functions that keys are bound to
export LSAN_OPTIONS=suppressions=$dir/leaks:print_suppressions=0
failed=0
fail() { echo "FAILED: $*"; failed=1; }
within() { "$TRITMILL" chat --chat-template chatml --temp 0 -n 12 -t 1 -c "$@"; }
chat() { within 256 "$@"; }
terminal() { "${TRIT_PYTHON:-python3}" -B "$TRIT_SOURCE/tests/terminal.py" "$@"; }
typed() { terminal "$TRITMILL" chat --chat-template chatml --temp 0 -t 1 "$@"; }

echo "pipes: an answer a line, and nothing else on stdout"
printf 'Hello\nOnce upon\n' | chat >"$dir/two" 2>"$dir/err" ||
    fail "exit code $?: $(cat "$dir/err")"
printf 'Hello\n' | chat >"$dir/one" 2>"$dir/err" || fail "exit code $?"
[ -s "$dir/one" ] || fail "no answer"
head -c "$(stat -c %s "$dir/one")" "$dir/two" | cmp - "$dir/one" || fail "the first answer differs"
cmp -s "$dir/one" "$dir/two" && fail "the second message has no answer"
"$TRITMILL" run --chat --chat-template chatml --temp 0 -n 12 -c 256 -t 1 -p Hello --log-disable \
    >"$dir/run" || fail "run --chat: exit code $?"
(cat "$dir/run"; echo) | cmp - "$dir/one" || fail "run --chat answers something else"

echo "several lines are one message"
printf '"""One\ntwo"""\n' | chat >"$dir/quoted" 2>"$dir/err" || fail "exit code $?"
printf 'One\\\ntwo\n' | chat >"$dir/continued" 2>"$dir/err" || fail "exit code $?"
cmp "$dir/quoted" "$dir/continued" || fail "a continued line is not the quoted one"
printf 'One\n' | chat >"$dir/first" 2>"$dir/err"
cmp -s "$dir/quoted" "$dir/first" && fail "the second line makes no difference"

echo "an answer that is not UTF-8 is an answer"
printf 'Hello\nOnce upon\n' | "$TRITMILL" chat --chat-template chatml --temp 1e6 --top-k 0 \
    --top-p 1 --min-p 0 -n 150 -s 1 >"$dir/out" 2>"$dir/err" ||
    fail "exit code $?: $(cat "$dir/err")"
iconv -f utf-8 -t utf-8 "$dir/out" >/dev/null 2>&1 && fail "the answer is UTF-8: take another seed"

echo "commands"
printf '/set temp 0\n/set\n/help\n/nonsense\n/stats\n' | chat >"$dir/out" 2>"$dir/err" ||
    fail "exit code $?"
[ -s "$dir/out" ] && fail "commands write to stdout: $(cat "$dir/out")"
for text in 'top_k  *40' '/regen' 'no command /nonsense' '0 tokens'; do
    grep -q "$text" "$dir/err" || fail "no '$text': $(cat "$dir/err")"
done
printf 'Hello\n/save %s/kept\n' "$dir" | chat >/dev/null 2>"$dir/err" ||
    fail "save: $(cat "$dir/err")"
printf '/load %s/kept\nOnce upon\n' "$dir" | chat >"$dir/later" 2>"$dir/err" ||
    fail "load: $(cat "$dir/err")"
cat "$dir/one" "$dir/later" | cmp - "$dir/two" ||
    fail "a conversation that was kept goes on otherwise"
grep -q 'evaluated again' "$dir/err" && fail "what was computed was not kept: $(cat "$dir/err")"
printf '/load %s/kept\nOnce upon\n/stats\n' "$dir" | chat 2>&1 >/dev/null |
    grep -q ' [1-9][0-9]* of them known' || fail "a kept conversation is computed again"
printf 'x' | dd of="$dir/kept.state" bs=1 seek=99 conv=notrunc 2>/dev/null
printf '/load %s/kept\nOnce upon\n' "$dir" | chat >"$dir/later" 2>"$dir/err" ||
    fail "load with a broken state: $(cat "$dir/err")"
cat "$dir/one" "$dir/later" | cmp - "$dir/two" || fail "a broken state changes the answer"
grep -q 'kept.state.*evaluated again' "$dir/err" || fail "a broken state is not told"
echo precious >"$dir/foreign"
printf 'Hello\n/save %s/foreign\n' "$dir" | chat >/dev/null 2>"$dir/err"
grep -q "$dir/foreign" "$dir/err" && grep -q precious "$dir/foreign" ||
    fail "a foreign file is written over"
printf '/load %s/foreign\n' "$dir" | chat 2>"$dir/err"
grep -q "$dir/foreign:1" "$dir/err" || fail "no place named: $(cat "$dir/err")"
printf '/regen\nHello\n/regen\n' | chat >"$dir/out" 2>"$dir/err"
cat "$dir/one" "$dir/one" | cmp - "$dir/out" || fail "greedy answers differ when made again"
printf 'Hello\n/reset\nHello\n' | chat >"$dir/out" 2>"$dir/err"
cat "$dir/one" "$dir/one" | cmp - "$dir/out" || fail "/reset remembers"

echo "a full context: old messages are dropped, and it is said"
yes 'Once upon a time there was a cat.' | head -20 | within 128 >"$dir/out" 2>"$dir/err" ||
    fail "exit code $?: $(cat "$dir/err")"
grep -q 'context of 128 tokens is full' "$dir/err" || fail "nothing is said: $(cat "$dir/err")"
[ "$(wc -l <"$dir/out")" -ge 20 ] || fail "answers are missing"
yes word | head -400 | tr '\n' ' ' | within 128 >"$dir/out" 2>"$dir/err" &&
    fail "a message too long passes"
grep -q 'raise the context' "$dir/err" || fail "what to do: $(cat "$dir/err")"

echo "bad input"
printf 'a\0b\n' | chat >/dev/null 2>"$dir/err" && fail "a NUL passes"
printf 'a\377b\n' | chat >/dev/null 2>"$dir/err" && fail "what is not UTF-8 passes"
printf 'Hello\n' | "$TRITMILL" chat --chat-template no-such-file >/dev/null 2>"$dir/err" &&
    fail "a template that is not there passes"
grep -q no-such-file "$dir/err" || fail "$(cat "$dir/err")"

echo "a terminal: a line edited, pasted, taken back, remembered; Ctrl-C stops an answer only"
typed -n 8 -c 256 >"$dir/screen" <<'S' || fail "terminal: exit code $?"
wait >>> 
type Helxx\x7f\x7flo\n
wait tokens,
wait >>> 
type taken back
wait taken back
type \x03
wait >>> 
type \x1b[200~pasted\nlines\x1b[201~\n
wait tokens,
wait >>> 
type /he\t\n
wait the conversation
never stopped
type /quit\n
S
grep -q 'chatml template' "$dir/screen" || fail "the template is not named"
[ -s "$dir/state/tritmill/chat_history" ] || fail "no history is kept"
grep -q Hello "$dir/state/tritmill/chat_history" || fail "the message is not in the history"
exit $failed
