#!/bin/bash
# Does every command refuse, in one line and before it starts, what needs more memory or disk than
# there is, and does `tune` keep its budget? Nothing here takes memory: what is asked for is beyond
# any machine, or beyond a limit of this shell.
set -u
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset TRITMILL_KERNEL TRITMILL_ISA CC
export XDG_CACHE_HOME=$work/cache TRITMILL_PROFILE=none
model=$TRIT_SOURCE/tests/models/stories.gguf
failed=0
fail() { echo "FAILED: $*" >&2; failed=1; }
limit=8000000
# A sanitizer takes more at once.
(ulimit -v $limit && exec "$TRITMILL" --version) >out 2>&1 || limit=unlimited
# refused PATTERN COMMAND...: exit code 1 and a line that names need and what there is; nothing is
# written.
refused() {
    local text=$1 code=0
    shift
    (ulimit -v $limit && exec timeout 60 "$@") >out 2>err </dev/null || code=$?
    [ $code = 1 ] && [ "$(wc -l <err)" = 1 ] && grep -q "^tritmill: .*$text" err ||
        fail "exit code $code, '$(cat err)': $*"
    [ -s out ] && fail "starts: $(head -1 out): $*"
    [ -z "$(ls | grep -vx 'out\|err\|cache')" ] || fail "leaves $(ls): $*"
}
memory='needs [0-9.]* [GTPE]B of memory, and [0-9.]* [kMG]B are available'
disk='needs [0-9.]* [TPE]B, and [0-9.]* [kMGTPE]*B are free on its disk'
refused "$memory" "$TRITMILL" run -m "$model" -p x -n 1 -c 16000000
refused "$memory" "$TRITMILL" run -m "$model" -p x -n 1 -c 16000000 --kv-type i8
refused "$memory" "$TRITMILL" bench -m "$model" -p 0 -n 8 -d 1000000 -np 16 -r 1
refused "$memory" "$TRITMILL" tune --shape 16777216x4194304 -o a.profile
refused "$memory" "$TRITMILL" tune --no-build --shape 131072x131072 -t 1 -o a.profile
refused "$memory" "$TRITMILL" compare --shape 16777216x4194304
refused "$memory" "$TRITMILL" compare --shape 131072x131072 '*gemv_*' --seconds 1
refused "$disk" "$TRITMILL" synth --shape 1048576x4194304x1024x16x16 -o m.gguf
refused "$disk" \
    "$TRITMILL" synth --shape 1048576x4194304x1024x16x16 --type f16 --peak 0.3 -o "$work/m.gguf"
refused "$memory" \
    "$TRITMILL" synth --shape 4194304x4194304x1x16x16 --peak 0.3 --chain 4096 -o m.gguf

# A limit of the shell counts: what the machine could do is refused under it.
if [ $limit != unlimited ]; then
    limited() { (ulimit -v 400000 && exec "$@") 2>err >/dev/null </dev/null; }
    limited "$TRITMILL" run -m "$model" -p x -n 1 -t 1 -c 200000
    [ $? = 1 ] && grep -q 'of memory, and [0-9.]* MB are available' err ||
        fail "ulimit -v is not heeded: $(cat err)"
    limited "$TRITMILL" run -m "$model" -p x -n 1 -t 1 --log-disable ||
        fail "a run that fits is refused: $(cat err)"
fi

# No budget lets a search go on: it ends by itself (the limit is ten times the budget, for crowded
# machines).
mkdir -p p
timeout 40 "$TRITMILL" tune --model 3b --budget 4 -o p/a >out 2>err
code=$?
[ $code = 0 ] || [ $code = 1 ] || fail "tune --budget 4 is at work after 40 s: $(cat err)"
grep -q 'not tried: the budget\|plans decided' err out ||
    fail "nothing tells what the budget left out: $(cat out err)"
exit $failed
