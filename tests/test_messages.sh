#!/bin/bash
# Does a message blame what is wrong: the folder that is full, the compiler that fails, the variable
# that is misspelt, the template where it is, the output that takes nothing?
set -u
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset TRITMILL_KERNEL TRITMILL_ISA TRITMILL_TEMPLATES CC
export XDG_CACHE_HOME=$work/cache TRITMILL_PROFILE=none
model=$TRIT_SOURCE/tests/models/stories.gguf
profile=$TRIT_SOURCE/profiles/amd-epyc-26-2-1.profile
failed=0
fail() { echo "FAILED: $*" >&2; failed=1; }
# says CODE PATTERN COMMAND...: one line on stderr that matches; nothing is written to a file
# meanwhile.
says() {
    local code=$1 text=$2 said got
    shift 2
    said=$("$@" 2>&1 >/dev/null </dev/null)
    got=$?
    [ $got = "$code" ] && [ "$(wc -l <<<"$said")" = 1 ] && grep -q -- "$text" <<<"$said" ||
        fail "exit code $got, not '$text' but '$said': $*"
}
silent_on() { grep -q -- "$1" <<<"$("${@:2}" 2>&1 </dev/null)" && fail "speaks of '$1': ${*:2}"; }

# Compilers
if command -v gcc >/dev/null; then
    full() { (ulimit -f 0 && exec "$@"); }
    for command in "check --cc gcc *relu2*" "check --templates mine" \
        "compare --shape 64x128 --fixed" "tune --shape 64x128"; do
        mkdir -p mine && printf '$error("never reached")\n' >mine/x.c.in
        set -f
        # shellcheck disable=SC2086
        says 1 "/tritmill-[^/]*/ask.c: cannot write: File too large" full "$TRITMILL" $command
        # shellcheck disable=SC2086
        silent_on install full "$TRITMILL" $command
        # shellcheck disable=SC2086
        says 1 "TMPDIR=/nonexistent: .* cannot be written there: No such file" \
            env TMPDIR=/nonexistent "$TRITMILL" $command
        set +f
    done
    rm -r mine
fi
compiler() { mkdir -p bin && printf '#!/bin/sh\n%s\n' "$2" >"bin/$1" && chmod +x "bin/$1"; }
compiler loud 'echo "loud: note" >&2; echo "x.c:1:1: error: the sun is down" >&2; exit 1'
compiler mute 'exit 3'
compiler dies 'kill -SEGV $$'
compiler other 'echo hello'
says 2 "compiler .*loud: .*: x.c:1:1: error: the sun is down" \
    "$TRITMILL" check --cc "$work/bin/loud" '*relu2*'
says 2 "compiler .*mute: .* exit code 3" "$TRITMILL" check --cc "$work/bin/mute" '*relu2*'
says 2 "compiler .*dies: .* SIGSEGV" "$TRITMILL" check --cc "$work/bin/dies" '*relu2*'
says 2 "compiler .*other: is neither GNU C nor Clang" \
    "$TRITMILL" check --cc "$work/bin/other" '*relu2*'
says 2 "compiler /nonexistent/cc: there is no such program" \
    "$TRITMILL" check --cc /nonexistent/cc '*relu2*'
mkdir none
says 1 "no C compiler was found (gcc, clang, CC): install" \
    env PATH="$work/none" "$TRITMILL" compare --shape 64x128 --fixed
cp bin/loud none/gcc
says 1 "compiler gcc: .* the sun is down" \
    env PATH="$work/none" "$TRITMILL" compare --shape 64x128 --fixed

# Folders
home() { env -u HOME -u XDG_CACHE_HOME "$@" "$TRITMILL" tune --no-build --shape 48x80; }
says 1 "XDG_CACHE_HOME is not set, and HOME is not set" home
says 1 "XDG_CACHE_HOME is not set, and HOME=rel is not an absolute path" home HOME=rel
says 1 "XDG_CACHE_HOME=cache is not an absolute path, and HOME is empty" \
    home HOME= XDG_CACHE_HOME=cache
says 1 "HOME=rel is not an absolute path" \
    env -u XDG_CACHE_HOME HOME=rel "$TRITMILL" pack -m "$model"
says 1 "TRITMILL_TEMPLATES=/nonexistent: no such folder" \
    env TRITMILL_TEMPLATES=/nonexistent "$TRITMILL" generate --list
says 2 "README.md: is not a folder" "$TRITMILL" generate --list --templates "$TRIT_SOURCE/README.md"
says 2 "/nonexistent: no such folder" "$TRITMILL" generate --list --templates /nonexistent

# Files that are not there, that are folders, that are something else
while read -r command; do
    # shellcheck disable=SC2086
    says 1 "^tritmill: .*/nonexistent.*No such file" "$TRITMILL" ${command//FILE//nonexistent}
    # shellcheck disable=SC2086
    says 1 "^tritmill: .*$work.* [a-z ]*\(directory\|folder\)" "$TRITMILL" ${command//FILE/$work}
done <<EOF
run -m FILE -p x
run -m $model -f FILE
bench -m FILE
inspect FILE
tokenize -m FILE -p x
perplexity -m $model -f FILE
perplexity -m FILE -f $profile
pack -m FILE
tune -m FILE
compare --precision -m FILE
synth --shape tiny --tokenizer FILE -o x
profile show FILE
run -m $model -p x --profile FILE
EOF

# A template is called by where it is, however long the path.
deep=$work/$(printf 'd%.0s' {1..70})
mkdir "$deep"
sed '2a ${undefined}' "$TRIT_SOURCE/templates/relu2.c.in" >"$deep/relu2.c.in"
says 1 "$deep/relu2.c.in:3: unknown name 'undefined'" \
    "$TRITMILL" generate --isa c --templates "$deep" -o out
silent_on '[ :]templates/relu2' "$TRITMILL" generate --isa c --templates "$deep" -o out
cp "$TRIT_SOURCE/templates/relu2.c.in" "$deep/relu2.c.in"
"$TRITMILL" generate --list --isa c --templates "$deep" | grep -q "relu2.*  $deep/relu2.c.in" ||
    fail "--list names another template"
"$TRITMILL" generate --list --isa c | grep -q "relu2.*  templates/relu2.c.in" ||
    fail "--list names no template of its own"

# Standard output that takes nothing
while read -r command; do
    set -f
    # shellcheck disable=SC2086
    said=$("$TRITMILL" $command 2>&1 >/dev/full </dev/null)
    code=$?
    set +f
    [ $code = 1 ] && [ "$(grep -c 'standard output: No space left on device' <<<"$said")" = 1 ] ||
        fail "into a full device: exit code $code, '$said': $command"
done <<EOF
help
--help
help run
run --help
--version
cpu
check --list
check *relu2*__c
generate --list
generate --isa c -o out
inspect $model
inspect --output json $model
tokenize -m $model -p abc
profile show $profile
profile show -o json $profile
profile check $profile
profile diff $profile $profile
run -m $model -p a -n 3 --log-disable
bench -m $model -p 8 -n 2 -r 1 -o csv
perplexity -m $model -f $profile --chunks 1
pack -m $model --sparse off -o packed
compare --shape 64x64 --seconds 0.1 *gemv_t2*__c
EOF
exit $failed
