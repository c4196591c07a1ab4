#!/bin/bash
# Does train-tokenizer learn the merges that its definition gives, found the slow way by others, the
# same each time; and does it refuse what no vocabulary comes of, in one line, writing nothing?
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0
fail() { echo "FAILED: $*"; failed=1; }
train() { "$TRITMILL" train-tokenizer "$@"; }

# refuse CODE PART ARGS...: exit code CODE, one line with PART, and every file as it was.
refuse() {
    local code=$1 part=$2 before got
    shift 2
    before=$(find . -type f -exec sha256sum {} + | sort)
    train "$@" >/dev/null 2>"$dir.err" </dev/null
    got=$?
    [ $got = "$code" ] && [ "$(wc -l <"$dir.err")" = 1 ] && grep -qF -- "$part" "$dir.err" ||
        fail "$*: not $code and '$part', but $got: $(cat "$dir.err")"
    rm -f "$dir.err"
    [ "$(find . -type f -exec sha256sum {} + | sort)" = "$before" ] || fail "$* changed a file"
}

# A text with runs that overlap themselves, control tokens, and two documents that would be one.
{
    LC_ALL=C tr -cd '\11\12\40-\176' <"$TRIT_SOURCE/CONVENTIONS.md" | head -c 20000
    cat "$TRIT_SOURCE/tests/data/stories.txt"
    printf 'aaaaaaa aaaa aaaaaaaaaaa ababababa\n<|user|>\nqqq<|user|>qqq<|x|>qqq\n'
    printf '<|endoftext|>\nzzzz\n<|endoftext|>\nzzzz\n'
} >text
train text --pre gpt-2 --size 700 --special '<|x|>' -o tokenizer.json >said || fail "no vocabulary"
grep -q '^tokenizer.json: 700 tokens (44[0-9] merges, 4 control tokens) .* in 3 documents; ' said ||
    fail "said: $(cat said)"
"${TRIT_PYTHON:-python3}" -B "$TRIT_SOURCE/tests/oracle/bpe.py" text 700 \
    '<|endoftext|>' '<|user|>' '<|assistant|>' '<|x|>' tokenizer.json || fail "other merges"

# The same file again, of two files as of one, and as GGUF.
mkdir again
train text --pre gpt-2 --size 700 --special '<|x|>' -o again/tokenizer.json >/dev/null
cmp tokenizer.json again/tokenizer.json || fail "not the same again"
cmp tokenizer_config.json again/tokenizer_config.json || fail "not the same beside it"
head -c 10000 "$TRIT_SOURCE/tests/data/stories.txt" >one
{ cat one; printf '\n<|endoftext|>\n'; cat text; } >both
train one text --size 600 -o v.gguf >/dev/null && train both --size 600 -o w.gguf >/dev/null &&
    cmp v.gguf w.gguf || fail "documents of two files are not those of one"
"$TRITMILL" inspect v.gguf >said 2>&1 && grep -q 'tokenizer.ggml.pre *string *"qwen2"' said ||
    fail "inspect: $(cat said)"
[ "$("$TRITMILL" tokenize -m v.gguf --ids -p '<|user|>!<|assistant|><|endoftext|>')" = \
    '[597, 598, 0, 599, 597]' ] || fail "control tokens are not the last ids"

# As many tokens as a text allows, and no more.
refuse 2 'they allow at most ' one --size 100000 -o none.gguf
train one --size 100000 -o none.gguf 2>said
most=$(sed 's/.*at most //' said)
train one --size "$most" -o most.gguf >/dev/null || fail "--size $most is not allowed"
refuse 2 "allow at most $most" one --size $((most + 1)) -o none.gguf
train one --size 259 -o bytes.gguf >/dev/null || fail "no vocabulary of bytes"
refuse 2 'need at least 260' one --size 259 --special x -o none.gguf

: >empty
echo note >text.gguf
printf 'ab\377' >latin
refuse 1 'empty: there is no text in its 0 bytes' empty -o none.gguf
refuse 1 'latin: the byte 0xff at offset 2 is not UTF-8' text latin -o none.gguf
refuse 1 'v.gguf: the byte at offset' v.gguf -o none.gguf
refuse 1 'missing: No such file' text missing -o none.gguf
same='this command uses the same file'
refuse 2 "$same" text -o ./v.gguf v.gguf
refuse 1 'is there and is not a GGUF file' one -o text.gguf
cp tokenizer_config.json config.json
refuse 1 'config.json: is there and is not a tokenizer.json' one -o config.json
mkdir beside && echo '{"a": 1}' >beside/tokenizer_config.json
refuse 1 'is there and is not a tokenizer_config.json' one -o beside/tokenizer.json
refuse 2 "$same" tokenizer_config.json -o tokenizer.json
refuse 2 "--pre 'bert': there are llama-bpe" one --pre bert -o none.gguf
refuse 2 'there is such a token already' one --special '<|user|>' -o none.gguf
refuse 2 'is spelt as token' one --special a --size 300 -o none.gguf
refuse 2 'give at least one text file' -o none.gguf
refuse 2 'give -o FILE' one
exit $failed
