#!/bin/bash
# labels: slow
# Do SIGINT, SIGTERM and SIGHUP end every command with 128 + their number, and is nothing left of
# what it was doing? A command that is done before its signal comes proves nothing, and fails
# nothing.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tmp" "$work/out"
export TMPDIR=$work/tmp XDG_CACHE_HOME=$work/cache TRITMILL_PROFILE=none MARK=$work/mark
unset TRITMILL_KERNEL TRITMILL_ISA CC
cc=$(command -v gcc || command -v clang) || { echo "no C compiler"; exit 77; }
model=$TRIT_SOURCE/tests/models/stories.gguf
failed=0
fail() { echo "$*" >&2; failed=1; }

# Compilers that leave files in TMPDIR and do not come to an end: with a kernel, and before the
# first question.
slow='echo $$ >>$MARK.pids; echo x >"${TMPDIR:-/tmp}/cc$$.s"'
slow+='; (while :; do sleep 1; done) & echo $! >>$MARK.pids; echo x >$MARK; wait'
cat >"$work/slowcc" <<END
#!/bin/bash
case " \$* " in *" -c "*) $slow ;; esac
exec $cc "\$@"
END
printf '#!/bin/bash\n%s\n' "$slow" >"$work/mutecc"
chmod +x "$work/slowcc" "$work/mutecc"

# Whether a process that left its number still runs; what is dead and not yet waited for does not.
alive() {
    for pid in $(cat "$MARK.pids" 2>/dev/null); do
        state=$(sed 's/.*) \(.\).*/\1/' "/proc/$pid/stat" 2>/dev/null) && [ "$state" != Z ] &&
            return 0
    done
    return 1
}

# interrupt SIGNAL NUMBER TIMES SIGN COMMAND...: SIGN is the file that says that the command is
# under way ("": nothing does).
interrupt() {
    local signal=$1 number=$2 times=$3 sign=$4 code=0 pid
    shift 4
    rm -f "$MARK" "$MARK.pids"
    "$TRITMILL" "$@" </dev/null >"$work/stdout" 2>"$work/err" &
    pid=$!
    until [ "/proc/$pid/exe" -ef "$TRITMILL" ] || ! kill -0 $pid 2>/dev/null; do
        sleep 0.01 # bash, until then
    done
    for _ in $(seq 1000); do
        [ -n "$sign" ] && compgen -G "$sign" >/dev/null && break
        [ -z "$sign" ] && [ $((RANDOM % 4)) = 0 ] && break
        kill -0 $pid 2>/dev/null || break
        sleep 0.02
    done
    for _ in $(seq "$times"); do
        kill -"$signal" $pid 2>/dev/null
    done
    if [ -z "$sign" ]; then # the first may have come before main
        sleep 0.3
        kill -"$signal" $pid 2>/dev/null
    fi
    wait $pid 2>/dev/null || code=$?
    [ $code = $((128 + number)) ] || { [ $code = 0 ] && [ -z "$sign" ]; } ||
        { [ $code = 0 ] && [ ! -e "$MARK" ]; } ||
        fail "SIG$signal gives exit code $code: $* ($(cat "$work/err"))"
    [ "$1" = run ] || [ "$(grep -c . "$work/err")" -le 1 ] ||
        fail "SIG$signal: more than a line: $*: $(cat "$work/err")"
    if [ -n "$(ls -A "$work/tmp")" ]; then
        fail "SIG$signal leaves in TMPDIR: $* ($(ls -A "$work/tmp"))"
        rm -rf "$work"/tmp/*
    fi
    compgen -G "$work/out/*.tmp" >/dev/null &&
        fail "SIG$signal leaves a part: $* ($(ls "$work/out"))"
    if [ $code != 0 ] && [ -n "$sign" ] && [ -n "$(ls -A "$work/out")" ]; then
        [ "$1" = generate ] || fail "SIG$signal leaves an output: $* ($(ls "$work/out"))"
    fi
    for _ in $(seq 100); do
        alive || break
        sleep 0.05
    done
    if alive; then
        fail "SIG$signal leaves a compiler running: $*"
        for pid in $(cat "$MARK.pids"); do kill -9 "$pid" 2>/dev/null; done
    fi
    rm -rf "$work"/out/* "$work/cache"
}

for kind in "INT 2" "TERM 15" "HUP 1"; do
    interrupt $kind 1 "$MARK" check --cc "$work/slowcc" '*quant*'
    interrupt $kind 2 "$MARK" check --cc "$work/mutecc" '*quant*'
    interrupt $kind 1 "$MARK" \
        tune --shape 64x128 -t 1 --budget 60 --cc "$work/mutecc" -o "$work/out/p"
    interrupt $kind 1 "$work/out/*.tmp" synth --shape large -o "$work/out/m.gguf"
done
interrupt INT 2 2 "$MARK" check --cc "$work/slowcc" '*quant*'
interrupt TERM 15 1 "$MARK" compare --shape 64x128 --cc "$work/slowcc" '*gemv_t2*c'
interrupt INT 2 1 "$MARK" tune --shape 64x128 -t 1 --budget 60 --cc "$work/slowcc" -o "$work/out/p"
interrupt HUP 1 1 "$work/out/*" generate -o "$work/out/g"
interrupt INT 2 1 "" check
interrupt TERM 15 1 "" bench -m "$model" -p 64 -n 4096 -r 20
interrupt HUP 1 1 "" perplexity -m "$model" -f "$TRIT_SOURCE/README.md" --log-disable
interrupt TERM 15 1 "" cpu --measure
interrupt INT 2 1 "" run -m "$model" -p "Once" -n 4000 --ignore-eos
interrupt TERM 15 1 "" pack -m "$model" -o "$work/out/c"
interrupt INT 2 1 "" inspect "$model"

# Started by nohup, a program is not ended by SIGHUP.
(
    trap '' HUP
    rm -f "$MARK" "$MARK.pids"
    "$TRITMILL" check --cc "$work/mutecc" '*quant*' >/dev/null 2>&1 &
    pid=$!
    for _ in $(seq 1000); do
        [ -e "$MARK" ] && break
        sleep 0.02
    done
    kill -HUP $pid
    sleep 0.2
    kill -0 $pid || { echo "SIGHUP ends what ignores it" >&2; exit 1; }
    kill -TERM $pid
    code=0
    wait $pid || code=$?
    [ $code = 143 ] || { echo "under nohup SIGTERM gives $code" >&2; exit 1; }
) || failed=1
exit $failed
