#!/bin/sh
# Does every kernel that this CPU can run give the reference's bits, and does `check` refuse what it
# cannot mean?
set -u
want=$("$TRITMILL" check --list | grep -c ' usable$')
said=$("$TRITMILL" check) || { echo "$said"; exit 1; }
echo "$said"
got=$(echo "$said" | awk '$1 == "ok" { n += $5 } END { print n + 0 }')
[ "$want" -gt 0 ] && [ "$got" = "$want" ] ||
    { echo "$got kernels are right, $want can run here"; exit 1; }
"$TRITMILL" check 'no-such-kernel' >/dev/null 2>&1
[ $? = 2 ] || { echo "a pattern without a kernel was taken"; exit 1; }
