#!/bin/bash
# Do shells complete tritmill's commands, options, values and files, all that help shows?
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0
fail() { echo "FAILED: $*"; failed=1; }
for shell in bash zsh fish; do
    "$TRITMILL" help --completion $shell >$shell || fail "no completion for $shell"
done
"$TRITMILL" help --completion csh 2>err >out && fail "csh?"
[ -s out ] || ! grep -qx "tritmill: help --completion takes one of bash, zsh, fish" err &&
    fail "csh: $(cat out err)"
mkdir -p place/folder
touch place/model.gguf 'place/a file.txt'

. ./bash
cd place || exit 1
# is WANT WORD...: what bash completes the last word to.
is() {
    COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2))
    _tritmill
    local got="${COMPREPLY[*]:-}"
    [ "$got" = "$1" ] || fail "bash: ${*:2}: '$got' instead of '$1'"
}
is 'run' tritmill ru
is 'run' tritmill help ru
is '--draft --draft-n' tritmill run --dra
is 'mtp' tritmill run --draft m
is 'lookup' tritmill run --draft = lo
is 'auto mtp lookup none' tritmill run --draft =
is '' tritmill run -n ''
is 'model.gguf' tritmill run -m m
is 'model.gguf' tritmill run --model = m
is 'a file.txt' tritmill run -f a
is 'model.gguf' tritmill inspect mo
is 'folder' tritmill generate -o ''
is 'show check diff' tritmill profile ''
is '--temp' bitnet --temp

cd ..
for c in $("$TRITMILL" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p'); do
    "$TRITMILL" help "$c" | sed -n '/^Options:/,/^$/p' |
        grep -oE '^ {2,6}-[^ ]*(, --[^ ]*)*' | tr -d ' ' | tr , '\n' | sort >shown
    COMP_WORDS=(tritmill "$c" -) COMP_CWORD=2
    _tritmill
    printf '%s\n' "${COMPREPLY[@]}" | sort >got
    grep -vxF -- -h shown | diff - got >log || fail "bash: options of $c: $(cat log)"
    [ -s shown ] || fail "$c has no options"
done

if command -v zsh >/dev/null; then
    zsh -n zsh || fail "zsh"
else
    echo "no zsh here"
fi
if command -v fish >/dev/null; then
    HOME=$dir fish --no-config -c 'source fish; cd place
        complete -C "tritmill ru"; complete -C "tritmill run --dra"
        complete -C "tritmill run --draft m"; complete -C "tritmill run -m mod"
        complete -C "tritmill profile sh"; complete -C "tritmill generate -o fol"' >out 2>err
    printf '%s\n' run --draft --draft-n mtp model.gguf show folder/ >want
    cut -f1 out | cmp -s - want || fail "fish: $(cut -f1 out | tr '\n' ' ') $(cat err)"
else
    echo "no fish here"
fi
exit $failed
