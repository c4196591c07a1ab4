#!/bin/bash
# Does every wrong command line and unusable file end in one line on stderr that names it, with the
# right exit code?
set -u
model=$TRIT_SOURCE/tests/models/stories.gguf
dir=$(mktemp -d) && trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
unset TRITMILL_MODEL TRITMILL_ISA TRITMILL_KERNEL
echo 'this is not a model, it is some text' >text.gguf
: >empty.gguf
head -c 100000 "$model" >cut.gguf
mkfifo fifo.gguf
yes 'Once upon a time, there was a small dog.' | head -c 8000 >long.txt
printf 'short' >short.txt
failed=0 count=0

# bad CODE PART ARGS...: exit code CODE, nothing on stdout, one line on stderr, beginning with
# "tritmill: " and holding PART.
bad() {
    local code=$1 part=$2 got
    shift 2
    timeout 60 "$TRITMILL" "$@" >out 2>err </dev/null
    got=$?
    count=$((count + 1))
    if [ $got != "$code" ] || [ -s out ] || [ "$(wc -l <err)" != 1 ] ||
        [ "$(head -c 10 err)" != 'tritmill: ' ] || ! grep -qF -- "$part" err; then
        echo "FAILED: tritmill $*"
        echo "  expected exit code $code and one line with \"$part\"; exit code $got and:"
        sed 's/^/  /' err
        failed=1
    fi
}

# Commands.
bad 2 "did you mean bench?" bnech
bad 2 "did you mean help?" hepl
bad 2 "unknown command 'serve-everything'" serve-everything
bad 2 "unknown command 'quux'" help quux
bad 2 "no command before '-m'" -m "$model"
bad 2 "unknown command ''" ''
TRITMILL_ISA=avx9 bad 2 "TRITMILL_ISA=avx9" run -p x

# Options.
bad 2 "did you mean --temp?" run --tmep 1 -p x
bad 2 "did you mean --temp?" run -temp 1 -p x
bad 2 "unknown option '--frobnicate'" run --frobnicate
bad 2 "unknown option '--?x'" run $'--\nx'
bad 2 "-p needs a value: TEXT" run -p
bad 2 "-m needs a value: FILE" run -m -p x
bad 2 "either -p TEXT or -f FILE" run
bad 2 "either -p TEXT or -f FILE" run -p x -f short.txt
bad 2 "one argument too many" run -p x y
bad 2 "-n 'many' is not a whole number" run -p x -n many
bad 2 "-n '1.5' is not a whole number" run -p x -n 1.5
bad 2 "-n '-2' is out of range" run -p x -n -2
bad 2 "-n '99999999999999' is too large" run -p x -n 99999999999999
bad 2 "-t '100000' is out of range" run -p x -t 100000
bad 2 "-c '-1' is out of range" run -p x -c -1
bad 2 "-s 'yes'" run -p x -s yes
bad 2 "--temp 'nan'" run -p x --temp nan
bad 2 "--temp 'inf'" run -p x --temp inf
bad 2 "--min-p '2'" run -p x --min-p 2
bad 2 "--repeat-penalty '0'" run -p x --repeat-penalty 0
bad 2 "-o 'xml' is none of text|json" run -p x -o xml
bad 2 "--log-disable takes no value" run -p x --log-disable=1
bad 2 "-r '0' is out of range" bench -r 0
bad 2 "-t '0' is out of range" bench -t 0
bad 2 "-p '5-1'" bench -p 5-1
bad 2 "-p and -n are both 0" bench -p 0 -n 0
bad 2 "too long" bench -p 1-100
bad 2 "-o 'sql' is none of md|json|csv|jsonl" bench -o sql
bad 2 "-f FILE" perplexity
bad 2 "-c '3' is out of range" perplexity -f long.txt -c 3

# Files.
for command in 'run -p x' 'bench -r 1' 'perplexity -f long.txt'; do
    bad 1 "nowhere.gguf: " $command -m nowhere.gguf
    bad 1 "text.gguf: " $command -m text.gguf
    bad 1 "empty.gguf: " $command -m empty.gguf
    bad 1 "cut.gguf: " $command -m cut.gguf
    bad 1 "$dir: " $command -m "$dir"
    bad 1 "fifo.gguf: " $command -m fifo.gguf
    bad 1 "/dev/null: " $command -m /dev/null
    bad 2 "name is too long" $command -m "$(printf '%05000d' 0)"
done
bad 1 "nowhere.txt: " run -m "$model" -f nowhere.txt
bad 1 "$dir: " run -m "$model" -f "$dir"
bad 1 "nowhere.txt: " perplexity -m "$model" -f nowhere.txt
bad 2 "less than one chunk of 256" perplexity -m "$model" -f short.txt
bad 2 "the context 256: shorten it, or raise the context with -c" run -m "$model" -f long.txt
bad 2 "tokens and the context 4: shorten it" \
    run -m "$model" -p "a much longer prompt than that" -c 4
# Tasks, saved logits, texts to embed.
echo '{"goal": "x", "sol1": "a", "sol2": "b"}' >piqa.jsonl
echo '{"question": "x", "answerKey": "C", "choices": {"text": ["a", "b"], "label": ["A", "B"]}}' \
    >arc.jsonl
printf '{"goal": "x", "sol1": "a", "sol2": "b", "label": 0}\n\n{"goal": 1}\n' >third.jsonl
{ printf '{"goal": "'; head -c 4000 long.txt | tr '\n"' '  '; printf '", "sol1": "a", "sol2": "b"'
    echo ', "label": 1}'; } >long.jsonl
bad 1 "piqa.jsonl: line 1: key 'label' (PIQA)" eval --task piqa.jsonl
bad 1 "arc.jsonl: line 1: key 'answerKey' (ARC)" eval --task arc.jsonl
bad 1 "third.jsonl: line 3: no question of" eval --task third.jsonl
bad 1 "empty.gguf: has no question" eval --task empty.gguf
bad 2 "long.jsonl: line 1: " eval --task long.jsonl -c 64
bad 2 "text 1: " embed -f long.txt -c 4
"$TRITMILL" perplexity -m "$model" -f long.txt -c 32 --chunks 1 --kl-base logits >out 2>err ||
    { echo "FAILED: no logits: $(cat err)"; failed=1; }
head -c 4000 logits >cut.logits
{ head -c 8 logits; printf '\1\0\0\0'; tail -c +13 logits; } >context.logits
{ head -c 12 logits; printf '\5\0\0\0'; tail -c +17 logits; } >vocab.logits
{ head -c 20 logits; printf '\377\377\377\177'; tail -c +25 logits; } >token.logits
{ head -c 148 logits; printf '\0\0\300\177'; tail -c +153 logits; } >nan.logits
for fault in 'cut:the file has 4000' 'context:1 chunks of 1 tokens' \
    'vocab:vocabulary has 5 tokens' \
    'token:token 0 is 2147483647' 'nan:row 0: scale nan'; do
    bad 1 "${fault#*:}" perplexity -m "$model" --kl-divergence --kl-base "${fault%%:*}.logits" \
        --log-disable
done
bad 2 "same file as long.txt" perplexity -m "$model" -f long.txt --kl-base long.txt
bad 1 "not a file of logits" perplexity -m "$model" -f long.txt --kl-base short.txt
if [ "$(id -u)" != 0 ]; then
    cp "$model" secret.gguf && chmod 0 secret.gguf
    bad 1 "secret.gguf: " run -m secret.gguf -p x
fi

# Variables that name what is not there.
TRITMILL_MODEL=nowhere.gguf bad 1 "nowhere.gguf" run -p x
TRITMILL_KERNEL=no_such_kernel bad 2 "TRITMILL_KERNEL=no_such_kernel" run -p x

# Standard output that takes nothing.
for command in help 'help run' '--version' "run -m $model -p x -n 1 --log-disable"; do
    count=$((count + 1))
    # shellcheck disable=SC2086 # words on purpose
    "$TRITMILL" $command >/dev/full 2>err
    [ $? = 1 ] && grep -q '^tritmill: standard output: ' err && [ "$(wc -l <err)" = 1 ] ||
        { echo "FAILED: tritmill $command >/dev/full: $(cat err)"; failed=1; }
done
echo "$count wrong inputs"
exit $failed
