#!/bin/sh
# nm.sh LIBRARY...: every symbol with external linkage must start with trit_. Weak ones (V, W, u) do
# not count: C++ emits the templates that it uses, and each program keeps one of them.
# nm.sh --exports HEADER LIBRARY...: each library shows the functions of the header, and nothing
# else.
set -eu
fail() { echo "$*" >&2; exit 1; }
symbols() { # nm's options and files
    listing=$(nm --defined-only --extern-only --format=posix "$@" 2>/dev/null) ||
        fail "nm cannot read: $*"
    echo "$listing" | awk 'NF >= 2 && $1 !~ /:$/ && $2 !~ /^[VWu]$/ { print $1 }'
}

if [ "$1" = --exports ]; then
    header=$2
    shift 2
    functions=$(grep -oE 'trit_lm_[a-z0-9_]+\(' "$header" | tr -d '(' | sort -u)
    [ -n "$functions" ] || fail "no functions in: $header"
    for library in "$@"; do
        case $library in *.a) dynamic= ;; *) dynamic=--dynamic ;; esac
        # the version's own name is absolute
        shown=$(symbols $dynamic "$library" | sed 's/@.*//' | grep -v '^TRITMILL_' | sort -u)
        [ "$shown" = "$functions" ] ||
            fail "$library does not show just what $header has:" \
                $(printf '%s\n' "$shown" "$functions" | sort | uniq -u)
    done
    exit 0
fi
symbols=$(symbols "$@")
echo "$symbols" | grep -q '^trit_' || fail "no symbols in: $*"
alien=$(echo "$symbols" | grep -v '^trit_' || true)
[ -z "$alien" ] || fail "symbols outside trit_: $alien"
