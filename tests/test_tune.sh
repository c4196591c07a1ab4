#!/bin/bash
# labels: slow
# Is a tuned profile read back and obeyed, with the same tokens? Does whatever happens while tuning
# leave the old profile or a new one?
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tmp" "$work/empty"
export TMPDIR="$work/tmp" XDG_CACHE_HOME="$work/cache" TRITMILL_PROFILE=none
unset TRITMILL_KERNEL TRITMILL_ISA CC
model=$TRIT_SOURCE/tests/models/stories.gguf
fail() { echo "$*" >&2; exit 1; }
story() { "$TRITMILL" run -m "$model" -p "Once upon a time" -n 24 --temp 0 -t 2 "$@" 2>/dev/null; }
expect() { # exit code, pattern in stderr, command...
    local code=0
    "${@:3}" >"$work/out" 2>"$work/err" || code=$?
    [ "$code" = "$1" ] && grep -q -- "$2" "$work/err" ||
        fail "exit $code, $(cat "$work/err"): ${*:3}"
}
want=$(story)

# Budgets are what a crowded machine needs: small matrices do not use them up, but where a compiler
# is to take too long: half of it. Where the question is not which kernels are tried, the portable
# ones are: they are there on every machine, and few.

# bad arguments, places that cannot be written, no time
expect 2 "give -m FILE, --model NAME or --shape NxK" "$TRITMILL" tune
expect 2 "must be NxK" "$TRITMILL" tune --shape 0x5
expect 2 "must be NxK" "$TRITMILL" tune --shape 5x5x5
expect 2 "must be a multiple of 128, the columns that share a scale" \
    "$TRITMILL" tune --shape 64x192 --weights trits128
expect 2 "isa nosuch: must be one of c, " "$TRITMILL" tune --shape 64x64 --isa nosuch
expect 2 "nosuchcc" "$TRITMILL" tune --shape 64x64 --cc nosuchcc -o "$work/a.profile"
expect 1 "/proc/" "$TRITMILL" tune --shape 64x64 -o /proc/tritmill/a.profile
expect 1 "not a regular file" "$TRITMILL" tune --shape 64x64 -o "$work/empty"
expect 1 "nothing was written" "$TRITMILL" tune --shape 64x64 --budget 0 -o "$work/a.profile"
[ ! -e "$work/a.profile" ] || fail "a budget of 0 wrote a profile"

mkdir "$work"/{none,slow,fused,p,q}

# without a compiler: among the program's own kernels, and it says so
code=0
PATH=$work/empty "$TRITMILL" tune --shape 96x130 -t 1 --budget 300 --isa c \
    -o "$work/none/a.profile" >"$work/out" 2>"$work/err" || code=$?
[ "$code" = 0 ] || fail "without a compiler: exit $code: $(cat "$work/err")"
grep -q "no C compiler" "$work/err" || fail "does not tell that there is no compiler"
"$TRITMILL" profile check "$work/none/a.profile" >/dev/null ||
    fail "the profile made without a compiler is not valid"

# Plans for other weights of the same shape stand beside the first, and serve those alone.
before=$(grep '^plan ' "$work/none/a.profile")
for weights in trits128 signs128 trits; do
    "$TRITMILL" tune --shape 96x256 --weights $weights -t 1 --budget 300 --isa c --no-build \
        -o "$work/none/a.profile" >"$work/out" 2>"$work/err" ||
        fail "tuning $weights: $(cat "$work/out" "$work/err")"
done
[ "$(grep '^plan n 96 k 130 ' "$work/none/a.profile")" = "$before" ] || fail "plans were lost"
grep '^plan n 96 k 256 ' "$work/none/a.profile" >"$work/plans"
[ "$(grep -c 'packing [a-z][0-9] ' "$work/plans")" = 2 ] ||
    fail "not two plans for trits with a scale for each row: $(cat "$work/plans")"
grep -q 'packing [a-z][0-9]g ' "$work/plans" || fail "no plan with groups: $(cat "$work/plans")"

# A model of groups is tuned for what its matrices hold, and runs by it.
"$TRITMILL" synth --arch qwen3 --shape 128x256x1x2x1 --vocab 300 --type q1_0 -o "$work/signs" &&
    "$TRITMILL" tune -m "$work/signs" -t 1 --budget 300 --isa c --no-build \
        -o "$work/none/s.profile" >"$work/out" 2>"$work/err" ||
    fail "tuning signs: $(cat "$work/out" "$work/err")"
[ "$(grep -c '^plan .* packing b1g ' "$work/none/s.profile")" = 8 ] ||
    fail "not a plan for each matrix of signs: $(cat "$work/none/s.profile")"
TRITMILL_LOG=1 "$TRITMILL" run -m "$work/signs" -p a -n 1 -t 1 --profile "$work/none/s.profile" \
    >"$work/out" 2>"$work/err" || fail "$(cat "$work/err")"
[ "$(grep -c ': profile: ' "$work/err")" = 4 ] || fail "the plans are not used: $(cat "$work/err")"

# A folder of templates, and a compiler that takes its time: told, and tuning goes on without its
# kernels.
mkdir "$work/mine"
tiles='{c = {{1, 8, technique = "mine"}}}'
sed '1i $variants {op = "gemv", packing = "t2", act = "i8", kr = 16, tiles = '"$tiles}" \
    "$TRIT_SOURCE/templates/mm.c.in" >"$work/mine/mine.c.in"
cat >"$work/slowcc" <<END
#!/bin/bash
case "\$*" in *mine*) sleep 300 ;; esac
exec $(command -v gcc || command -v clang) "\$@"
END
chmod +x "$work/slowcc"
TRITMILL_KERNEL='*_t2_*__c' \
    expect 0 "no kernels of your templates were made: no kernel was built: the time" \
    "$TRITMILL" tune --shape 96x130 -t 1 --budget 60 --templates "$work/mine" \
    --cc "$work/slowcc" -o "$work/slow/a.profile"

# A model's matrices are those that are run: q, k and v in one, gate and up in one.
"$TRITMILL" tune --model 256x768x2x4x2 -t 1 --budget 300 --isa c --no-build \
    -o "$work/fused/a.profile" >"$work/out"
for line in 'q|k|v .*512 x 256 ' 'o .*256 x 256 ' 'gate|up .*1536 x 256 ' 'down .*256 x 768 '; do
    grep -q "^$line" "$work/out" || fail "no '$line' in $(cat "$work/out")"
done

# The small model against a poor plan, so that something changes: own kernels, a library (of one
# compiler: test_extend.sh takes all), the same tokens.
p=$work/p/stories.profile
cc=$(command -v gcc || command -v clang)
TRITMILL_KERNEL='*_t2_*__c' "$TRITMILL" tune -m "$model" -t 2 --budget 300 --cc "$cc" -o "$p" \
    --json "$work/p.json" >"$work/out" ||
    fail "tuning the small model: $(cat "$work/out")"
grep -q "decode" "$work/out" || fail "no table: $(cat "$work/out")"
grep -q "^plan " "$p" || fail "no plans in the profile"
"$TRIT_PYTHON" -c 'import json, sys; assert json.load(open(sys.argv[1]))["benchmarks"]' \
    "$work/p.json"
"$TRITMILL" profile check "$p" >/dev/null || fail "the profile is not valid"
[ "$(story --profile "$p")" = "$want" ] || fail "other tokens with the profile"
libraries=$(ls "$work/p" | grep -c '^tritmill-.*\.so$' || true)
[ "$libraries" = "$(grep -c '^library ' "$p" || true)" ] ||
    fail "libraries beside the profile: $libraries"

# An update changes as many plans as it says, and loses none; odd shapes come beside what is there.
grep '^plan ' "$p" >"$work/plans"
code=0
"$TRITMILL" tune -m "$model" -t 2 --budget 300 --cc "$cc" --update -o "$p" \
    >"$work/out" 2>"$work/err" || code=$?
changed=$(sed -n 's/^[0-9]* of [0-9]* plans decided, \([0-9]*\) changed, .*/\1/p' "$work/out")
if [ "$code" = 1 ] && grep -q "nothing was written" "$work/err"; then
    changed=0 # too crowded
elif [ "$code" != 0 ] || [ -z "$changed" ]; then
    fail "update: exit $code: $(cat "$work/out" "$work/err")"
fi
# what_of FILE: its plans, but for what was measured; which_of: their matrices and threads.
what_of() { sed -n 's/^\(plan .*\) median_us .*/\1/p' "$1" | sort; }
which_of() { sed 's/ phase .*//' | sort -u; }
[ -n "$(what_of "$work/plans")" ] || fail "no plans: $(cat "$work/plans")"
differ=$(comm -13 <(what_of "$work/plans") <(what_of "$p") | which_of | grep -c . || true)
[ "$differ" = "$changed" ] || fail "an update changed $differ plans, and says $changed"
without_kernel() { what_of "$1" | sed 's/ packing .*//'; }
lost=$(comm -23 <(without_kernel "$work/plans") <(without_kernel "$p"))
[ -z "$lost" ] || fail "an update lost: $lost"
grep '^plan ' "$p" >"$work/plans"
"$TRITMILL" tune --shape 1000x1111 --shape 640x2560 -t 1 --budget 300 --no-build --update \
    -o "$p" >"$work/out"
while read -r line; do
    grep -qF "${line%% median*}" "$p" || fail "lost: $line"
done <"$work/plans"
"$TRITMILL" profile check "$p" >/dev/null || fail "the profile is not valid after an update"
[ "$(story --profile "$p")" = "$want" ] || fail "other tokens after an update"

# Killed at any moment: the old profile or a new one, never a broken one.
q=$work/q/kill.profile
for i in $(seq 6); do
    TRITMILL_KERNEL='*_t2_*__c' \
        "$TRITMILL" tune --shape 48x80 -t 1 --budget 4 -o "$q" >/dev/null 2>&1 &
    pid=$!
    sleep "0.$((RANDOM % 10))"
    sleep "$((i / 2))"
    signal=INT
    [ $((i % 2)) = 1 ] || signal=KILL
    kill -$signal $pid 2>/dev/null || true
    code=0
    wait $pid 2>/dev/null || code=$?
    case $code in 0 | 1 | 130 | 137) ;; *) fail "tune, interrupted, gave exit code $code" ;; esac
    [ ! -e "$q" ] || "$TRITMILL" profile check "$q" >"$work/out" 2>&1 ||
        fail "after a kill: $(cat "$work/out")"
done
# A compiler that is killed with it leaves files of its own.
leftovers=$(ls -A "$work/tmp" | grep -c '^tritmill-')
[ "$leftovers" -le 3 ] || fail "$leftovers temporary folders; only a kill may leave one"
