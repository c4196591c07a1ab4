#!/bin/sh
# nm.sh LIBRARY...: every symbol with external linkage must start with trit_.
set -eu
alien=$(nm --defined-only --extern-only --format=posix "$@" 2>/dev/null | awk 'NF >= 2 && $1 !~ /:$/ { print $1 }' | grep -v '^trit_' || true)
[ -z "$alien" ] || { echo "symbols outside trit_: $alien" >&2; exit 1; }
