#!/bin/sh
# nm.sh LIBRARY...: every symbol with external linkage must start with trit_. Weak ones (V, W, u) do
# not count: C++ emits the templates that it uses, and each program keeps one of them.
set -eu
fail() { echo "$*" >&2; exit 1; }
listing=$(nm --defined-only --extern-only --format=posix "$@" 2>/dev/null) ||
    fail "nm cannot read: $*"
symbols=$(echo "$listing" | awk 'NF >= 2 && $1 !~ /:$/ && $2 !~ /^[VWu]$/ { print $1 }')
echo "$symbols" | grep -q '^trit_' || fail "no symbols in: $*"
alien=$(echo "$symbols" | grep -v '^trit_' || true)
[ -z "$alien" ] || fail "symbols outside trit_: $alien"
