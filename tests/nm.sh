#!/bin/sh
# nm.sh LIBRARY...: every symbol with external linkage must start with trit_. Weak ones (V, W, u) do not count: C++ emits the
# templates that it uses, and each program keeps one of them.
set -eu
listing=$(nm --defined-only --extern-only --format=posix "$@" 2>/dev/null) || { echo "nm cannot read: $*" >&2; exit 1; }
symbols=$(echo "$listing" | awk 'NF >= 2 && $1 !~ /:$/ && $2 !~ /^[VWu]$/ { print $1 }')
echo "$symbols" | grep -q '^trit_' || { echo "no symbols in: $*" >&2; exit 1; }
alien=$(echo "$symbols" | grep -v '^trit_' || true)
[ -z "$alien" ] || { echo "symbols outside trit_: $alien" >&2; exit 1; }
