#!/bin/bash
# labels: slow
# Does `convert` write the same bytes with any number of threads and from a model in several files,
# in bounded memory, over nothing that it reads, and whole or not at all?
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
unset TRITMILL_MODEL TRITMILL_ISA TRITMILL_KERNEL TRITMILL_CACHE
export XDG_CACHE_HOME=$dir/cache TRITMILL_PROFILE=none
failed=0
fail() { echo "FAILED: $*"; failed=1; }

# refuse CODE PART ARGS...: exit code CODE, one line with PART, and every file as it was.
refuse() {
    local code=$1 part=$2 before got
    shift 2
    before=$(find . -type f -exec sha256sum {} + | sort)
    "$TRITMILL" convert "$@" >said 2>err </dev/null
    got=$?
    rm -f said
    [ $got = "$code" ] && [ "$(wc -l <err)" = 1 ] && grep -qF -- "$part" err ||
        fail "convert $*: not $code and '$part', but $got: $(cat err)"
    rm -f err
    [ "$(find . -type f -exec sha256sum {} + | sort)" = "$before" ] ||
        fail "convert $* changed a file"
}

"$TRITMILL" synth --shape 1024x2816x6x16x8 --vocab 4000 --type ptq1_0 --arch qwen3 -o in \
    2>/dev/null || fail "synth"

# What is read is not written over, by whatever name.
ln in twin
ln -s in link
echo 'dear diary' >note
same='this command uses the same file'
for out in in ./in twin link; do refuse 2 "$same" in -o $out; done
refuse 2 "$same" twin -o in
refuse 1 'is there and is not a GGUF file' in -o note
refuse 1 'not a regular file' in -o .
refuse 2 'give -o FILE' in
refuse 2 'give one model' -o out
refuse 1 'none: ' none -o out
mkdir folder
: >folder/empty
ln note folder/note
refuse 2 "$same" folder -o folder/empty
refuse 1 'folder' folder -o out
cp in part-00001-of-00002.gguf
: >part-00002-of-00002.gguf
refuse 2 "$same" part-00001-of-00002.gguf -o part-00002-of-00002.gguf
rm -f part-*
rm -r folder

# The same bytes, with one thread and with several, there and back.
for threads in 1 2 5; do
    "$TRITMILL" convert in -o pq$threads --type pq2_0 -t $threads >/dev/null || fail "$threads"
    cmp pq1 pq$threads || fail "$threads threads write other bytes"
done
"$TRITMILL" convert in -o first --type ptq1_0 >/dev/null &&
    "$TRITMILL" convert pq1 -o back >/dev/null && cmp first back || fail "not there and back"
"$TRITMILL" convert in -o pq2 --type pq2_0 >/dev/null || fail "a GGUF file is not replaced"
"$TRITMILL" convert in -o /dev/stdout --type pq2_0 2>/dev/null | cmp - pq1 || fail "into a pipe"

# Memory does not grow with the file: 131 MB of floats here.
"$TRITMILL" convert in -o floats --type f16 >/dev/null || fail "f16"
cat >peak.py <<'END'
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
END
peak=$(python3 peak.py "$TRITMILL" convert floats -o /dev/null --type ptq1_0 -t 2)
[ "$peak" -lt 100000 ] || nm "$TRITMILL" 2>/dev/null | grep -q '__[at]san_init' ||
    fail "$peak kB of memory"

# A disk that is full, and one that fills up.
(ulimit -f 20000 && exec "$TRITMILL" convert floats -o out --type f16 >/dev/null 2>err) &&
    fail "a file larger than it may be"
[ "$(wc -l <err)" = 1 ] && grep -q 'out needs .*are free' err || fail "$(cat err)"
said=$("$TRITMILL" convert floats -o /dev/full --type f16 2>&1 >/dev/null) && fail "/dev/full"
[ "$said" = "tritmill: /dev/full: cannot write: No space left on device" ] || fail "$said"

# Ended or killed at any moment it leaves the file that was there, or the whole new one; what a kill
# leaves beside it is in nobody's way.
cp in out
for signal in KILL KILL KILL KILL KILL INT TERM; do
    "$TRITMILL" convert floats -o out --type pq2_0 >/dev/null 2>err &
    pid=$!
    sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
    kill -$signal $pid 2>/dev/null
    wait $pid 2>/dev/null
    cmp -s out in || cmp -s out pq1 || fail "SIG$signal left half a file"
    [ $signal = KILL ] || [ "$(wc -l <err)" -le 1 ] || fail "SIG$signal: $(cat err)"
    [ $signal = KILL ] && rm -f out.*.tmp
    compgen -G 'out.*.tmp' && fail "SIG$signal left a part"
done
"$TRITMILL" convert floats -o out --type pq2_0 >/dev/null && cmp out pq1 ||
    fail "not written after all"
echo "peak $peak kB"
exit $failed
