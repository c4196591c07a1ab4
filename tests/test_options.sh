#!/bin/bash
# labels: slow
# Is the same mistake on the command line told in the same way, with the same exit code, by every
# command?
set -u
model=$TRIT_SOURCE/tests/models/stories.gguf
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
for v in $(env | sed -n 's/^\(TRITMILL_[A-Z]*\)=.*/\1/p'); do unset "$v"; done
export XDG_CACHE_HOME=$dir/cache
failed=0 count=0

# says CODE PART ARGS...: exit code CODE, nothing on stdout, one line "tritmill: ...PART..." on
# stderr.
says() {
    local code=$1 part=$2 got lines
    shift 2
    timeout 60 "$TRITMILL" "$@" >out 2>err </dev/null
    got=$?
    count=$((count + 1))
    mapfile lines <err
    if [ $got != "$code" ] || [ -s out ] || [ ${#lines[@]} != 1 ] ||
        [[ ${lines[0]} != 'tritmill: '*$'\n' || ${lines[0]} != *"$part"* ]]; then
        printf 'FAILED: tritmill %s\n  expected exit code %s and "%s"; exit code %s and:\n' \
            "$*" "$code" "$part" $got
        sed 's/^/  /' err
        failed=1
    fi
}

# The commands, and of each the options, one a line: a name, and what help shows as its value.
commands=$("$TRITMILL" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
[ "$(wc -w <<<"$commands")" -ge 13 ] || { echo "FAILED: commands: $commands"; exit 1; }
options() {
    "$TRITMILL" help "$1" | sed -n '/^Options:/,/^$/p' |
        sed -nE 's/^ {2,6}(-[^ ]*(, --[^ ]*)*( [^ ]+)?)(  .*)?$/\1/p' |
        sed -E 's/-h, --help//; s/^.*, (--)/\1/' | grep .
}

for c in $commands; do
    says 2 "$c: unknown option '--frobnicate'" $c --frobnicate
    says 2 "$c: unknown option '-%'" $c -% x
    options $c >options.txt
    [ -s options.txt ] || { echo "FAILED: $c: no options in its help"; failed=1; }
    while read -r name value; do
        if [ -z "$value" ]; then
            says 2 "$c: $name takes no value" $c "$name=1"
            continue
        fi
        says 2 "$c: $name needs a value" $c "$name"
        says 2 "$c: $name needs a value" $c "$name" "$name"
        case $value in
        *'|'*) says 2 "$c: $name 'quux' is none of $value" $c "$name" quux ;;
        N | M | T | P | X | C | S | SECONDS | N,.. | M,..)
            says 2 "$c: $name 'quux' is " $c "$name" quux
            says 2 "$c: $name '' is " $c "$name="
            ;;
        esac
        case $value in
        N | M) sample=4 ;;
        T | P | X | C | S | SECONDS) sample=1 ;;
        *'|'*) sample=${value%%|*} ;;
        NxK) sample=8x8 ;;
        *) sample=sample ;;
        esac
        case $value in
        N,.. | M,.. | NxK | TEXT) ;;
        N | M | T | P | X | C | S | SECONDS) ;;
        *) says 2 "$c: $name needs a value: $value" $c "$name=" ;;
        esac
        case $c$name$value in
        *N,.. | *M,.. | tune--shape* | generate--shape* | serve--cors* | serve--allowed* | \
            eval--task* | train-tokenizer--special* | train--meta*) ;; # lists
        *) says 2 "$c: $name is given twice" $c "$name" $sample "$name" $sample ;;
        esac
    done <options.txt
done
[ $count -gt 400 ] || { echo "FAILED: only $count mistakes: the options were not found"; failed=1; }

# What is required, what excludes or needs what, and what no command takes.
while IFS='|' read -r part args; do
    # shellcheck disable=SC2086 # words on purpose
    [ -z "$part" ] || says 2 "$part" $args
done <<'TABLE'
run: give either -p TEXT or -f FILE|run
run: give either -p TEXT or -f FILE|run -p a -f b
run: -p is given twice|run -p a -p b
run: --temperature is given twice|run -p a --temp 1 --temperature 1
run: -e needs -p TEXT|run -e -f file
run: -e and --no-escape exclude each other|run -p a -e --no-escape
run: -n '-x' is not a whole number|run -p a -n -x
run: 'b' is one argument too many|run -p a b
bench: 'b' is one argument too many|bench b
bench: --head=full and --top-k exclude each other|bench --head full --top-k 4
bench: nothing to measure|bench -p 0 -n 0
inspect: give one file|inspect
inspect: give one file|inspect a -m b
inspect: 'b' is one argument too many|inspect a b
tokenize: give either -p TEXT or -f FILE|tokenize
tokenize: 'b' is one argument too many|tokenize -p a b
perplexity: give -f FILE|perplexity
perplexity: 'b' is one argument too many|perplexity -f a b
cpu: 'b' is one argument too many|cpu b
check: --list and --bench exclude each other|check --list --bench
check: no kernel's name matches|check nothing-of-this-name
compare: give either --shape NxK, --precision or --e2e|compare
compare: give either --shape NxK, --precision or --e2e|compare --shape 8x8 --e2e a b
compare: -p needs --e2e|compare --shape 8x8 -p 4
compare: -m needs --precision or --e2e|compare --shape 8x8 -m a
compare: --e2e and -M exclude each other|compare --e2e -M 2 a b
compare: --precision needs -m FILE or --model NAME|compare --precision
compare: --e2e takes two profiles|compare --e2e a
--shape 8: |compare --shape 8
profile: give show, check or diff|profile
profile: give show, check or diff, not quux|profile quux
profile diff: |profile diff
profile diff: -o is for show|profile diff -o json a b
synth: give --shape SHAPE|synth -o x
synth: give -o FILE|synth --shape tiny
synth: --zeros needs --peak C|synth --shape tiny -o x --zeros 0.5
synth: --chain needs --peak C|synth --shape tiny -o x --chain 4
synth: 'b' is one argument too many|synth --shape tiny -o x b
train-tokenizer: give -o FILE|train-tokenizer a
train-tokenizer: give at least one text file|train-tokenizer -o x.gguf
convert: give -o FILE|convert a
convert: give one model: a GGUF file or a folder|convert -o x
convert: 'b' is one argument too many|convert a b -o x
generate: give --list or -o DIR|generate
generate: --shape 8|generate --list --shape 8
generate: 'b' is one argument too many|generate --list b
--isa quux: must be one of c, |generate --list --isa quux
--arch quux: must be aarch64 or x86_64|generate --list --arch quux
--isa neon: must be one of c, |generate --list --arch x86_64 --isa neon
tune: give -m FILE, --model NAME or --shape NxK|tune
tune: --shape 8|tune --shape 8
tune: --no-build and --cc exclude each other|tune --shape 8x8 --no-build --cc gcc
tune: --isa quux: must be one of c, |tune --shape 8x8 --isa quux
tune: 'b' is one argument too many|tune --shape 8x8 b
pack: --remove and -o exclude each other|pack --remove -o x
pack: --remove and -t exclude each other|pack --remove -t 1
pack: 'b' is one argument too many|pack b
TABLE
says 2 "inspect: an argument is empty" inspect ''
says 2 "check: an argument is empty" check ''
says 2 "run: -m needs a value: FILE" run -p a -m --tmep

# A file that is not there: exit code 1, and its name first.
for args in 'run -p x -m' 'run -f' 'bench -r 1 -m' 'inspect' 'inspect -m' 'tokenize -p x -m' \
    'tokenize -f' 'perplexity -f' 'compare --precision -m' 'compare --e2e none none -m' 'tune -m' \
    'pack -m' 'profile show' 'profile diff none.gguf' 'run -p x --profile'; do
    # shellcheck disable=SC2086
    says 1 "tritmill: none.gguf: " $args none.gguf
done
[ -e x ] && { echo "FAILED: a refused command wrote a file"; failed=1; }

# Variables: empty is unset; what has few values is checked at once, by every command.
for c in $commands; do
    TRITMILL_ISA=quux says 2 'TRITMILL_ISA=quux: must be one of c, ' $c
    TRITMILL_LOG=yes says 2 'TRITMILL_LOG=yes: must be one of 0, 1' $c
done
for v in $("$TRITMILL" --help | sed -n 's/^  \(TRITMILL_[A-Z]*\)=.*/\1/p'); do
    once=(run -m "$model" -p Once -n 2 --temp 0)
    env "$v=" "$TRITMILL" "${once[@]}" >empty.txt 2>err &&
        env "$v=" "$TRITMILL" generate --list --isa c >/dev/null 2>err ||
        { echo "FAILED: $v=: $(cat err)"; failed=1; }
    env -u "$v" "$TRITMILL" "${once[@]}" 2>/dev/null | cmp - empty.txt || failed=1
done
TRITMILL_MODLE=x "$TRITMILL" cpu 2>&1 >/dev/null |
    grep -qx 'tritmill: TRITMILL_MODLE is not a .*, did you mean TRITMILL_MODEL: ignored' ||
    { echo "FAILED: no word about a misspelt variable"; failed=1; }
echo "$count mistakes"
exit $failed
