#!/bin/sh
# Does `tritmill tokenize` write what it promises, and name what is wrong?
set -eu
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
failed=0
model=$TRIT_SOURCE/tests/models/stories.gguf
export TRITMILL_MODEL=$model

# expect NAME WANTED GOT
expect() {
    [ "$2" = "$3" ] && return
    printf '%s:\n  wanted %s\n  got    %s\n' "$1" "$2" "$3"
    failed=1
}

# refuse NAME CODE PART ARGUMENT...: the exit code, and one line on stderr that contains PART
refuse() {
    name=$1 code=$2 part=$3
    shift 3
    status=0
    "$TRITMILL" tokenize "$@" >"$folder/out" 2>"$folder/err" || status=$?
    expect "$name: exit code" "$code" "$status"
    expect "$name: lines" 1 "$(wc -l <"$folder/err")"
    expect "$name: nothing on stdout" "" "$(cat "$folder/out")"
    grep -qF -- "$part" "$folder/err" || expect "$name" "$part" "$(cat "$folder/err")"
}

text='It was <|end_of_text|>'
expect ids '[2046, 40, 83, 574, 220, 2047]' "$("$TRITMILL" tokenize --ids -p "$text")"
expect 'no BOS' '[40, 83, 574, 220, 2047]' "$("$TRITMILL" tokenize --no-bos --ids -p "$text")"
expect 'control tokens as text' '[40, 83, 574, 366, 91, 408, 62, 1073, 530, 428, 91, 29]' \
    "$("$TRITMILL" tokenize --no-parse-special --no-bos --ids -p "$text")"
expect empty '[]' "$("$TRITMILL" tokenize --no-bos --ids -p '')"
expect 'one token per line' "   510 -> ' ['
   198 -> '\\n'
    59 -> '\\\\'
   172 -> '\\xf0'
   222 -> '\\x80'
   215 -> '\\x1b'
Total number of tokens: 6" \
    "$(printf ' [\n\\\360\200\033' | "$TRITMILL" tokenize --no-bos --show-count -f -)"
printf 'a\377' >"$folder/text"
tokens='{"id":64,"piece":"a"},{"id":187,"piece":"�","bytes":[255]}'
expect JSON "{\"model\":\"$model\",\"count\":2,\"tokens\":[$tokens]}" \
    "$("$TRITMILL" tokenize --no-bos -o json -m "$model" -f "$folder/text" | tr -d ' \n')"
expect 'the model from the environment' '[64]' \
    "$(cd / && TRITMILL_MODEL=$model "$TRITMILL" tokenize --no-bos --ids -p a)"

refuse 'no text' 2 'either -p TEXT or -f FILE'
refuse 'two texts' 2 'either -p TEXT or -f FILE' -p a -f b
refuse 'no such text' 1 "$folder/none" -f "$folder/none"
refuse 'no such model' 1 "$folder/none" -m "$folder/none" -p a
refuse 'not a model' 1 "$folder/text" -m "$folder/text" -p a
refuse 'unknown flag' 2 'did you mean --ids' --idz -p a
exit $failed
