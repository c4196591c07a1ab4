#!/bin/sh
# Does every kernel that this CPU can run give the reference's bits, and does `check` refuse what it cannot mean?
set -u
"$TRITMILL" check || exit 1
"$TRITMILL" check 'no-such-kernel' >/dev/null 2>&1
[ $? = 2 ] || { echo "a pattern without a kernel was taken"; exit 1; }
