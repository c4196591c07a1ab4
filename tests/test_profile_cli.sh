#!/bin/bash
# Does a profile that is wrong cost one line and never the text? Do run, bench and perplexity find
# the one to use, and does `tritmill profile` tell what would be used?
set -u
model=$TRIT_SOURCE/tests/models/stories.gguf
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
unset TRITMILL_PROFILE TRITMILL_KERNEL TRITMILL_ISA TRITMILL_LOG
export XDG_CACHE_HOME=$dir/cache
failed=0
fail() { echo "FAILED: $*"; failed=1; }
has() { grep -q -- "$2" "$3" || fail "$1: no '$2' in: $(head -3 "$3")"; }

# The first usable pair that shares its weights and is not what the estimate picks: its use can be
# seen.
"$TRITMILL" check --list 2>/dev/null |
    sed -n 's/^\(trit_gem[vm]_t2_i8_[^ ]*\) .* usable$/\1/p' >kernels
TRITMILL_LOG=1 TRITMILL_PROFILE=none "$TRITMILL" run -m "$model" -p x -n 1 -t 1 >/dev/null 2>plan
usual=$(sed -n 's/^blk.0.attn_output .*decode \([^,]*\),.*/\1/p' plan)
gemm=
for gemv in $(grep gemv kernels | grep -vx "$usual" | grep __c); do
    tile=$(sed 's/.*_1x\([0-9x]*\)__.*/\1/' <<<"$gemv")
    gemm=$(grep -m 1 "gemm_t2_i8_[0-9]*x${tile}__c" kernels) && break
done
[ -n "$gemm" ] || { echo "no pair of kernels among $(wc -l <kernels)"; exit 1; }
profile() { "$TRIT_BUILD/tests/profile" "$@" || exit 1; }
plans=(plan 256 256 1 decode 1 "$gemv" 3.5 plan 256 256 1 prefill 512 "$gemm" 400)
profile good limit 1 10 100 "${plans[@]}"

go() { # arguments for run; stdout in out, stderr in err
    TRITMILL_LOG=1 "$TRITMILL" run -m "$model" -p 'Once upon a time,' -n 24 --temp 0 -t 1 "$@" \
        >out 2>err
}
go --profile none && cp out expected || exit 1
used() { # NAME [arguments]
    go "${@:2}" || fail "$1: exit code $?: $(tail -1 err)"
    cmp -s out expected || fail "$1: the text changes"
    grep '^tritmill:' err && fail "$1: speaks"
    local times="3.5 us, .* % of read limit; prefill 400.0 us for 512"
    has "$1" "attn_output 256x256: decode $gemv, prefill $gemm: profile: $times" err
    has "$1" 'attn_qkv 512x256: .*: best estimate' err
}
ignored() { # NAME TEXT [arguments]
    go "${@:3}" || fail "$1: exit code $?: $(tail -1 err)"
    cmp -s out expected || fail "$1: the text changes"
    [ "$(grep -c '^tritmill:' err)" = 1 ] || fail "$1: not one line: $(grep '^tritmill:' err)"
    has "$1" "^tritmill: .*$2" err
    grep -q 'profile: ' <(grep '^blk' err) && fail "$1: it is used"
    "$TRITMILL" run -m "$model" -p x -n 1 --log-disable "${@:3}" >/dev/null 2>quiet
    [ -s quiet ] && fail "$1: --log-disable leaves: $(cat quiet)"
}
used given --profile good
TRITMILL_PROFILE=good used variable
user=$("$TRITMILL" profile show 2>/dev/null | sed -n 's/^profile *//p') # shipped, if any
mkdir -p cache/tritmill
name=$("$TRIT_BUILD/tests/profile" --user)
cp good "$name" && used "the user's"
echo rubbish >"$name"
go || fail "a spoilt user's profile: exit code $?"
cmp -s out expected && [ "$(grep -c '^tritmill: .* is no profile' err)" = 1 ] ||
    fail "a spoilt user's profile: $(grep tritmill err)"
[ "$("$TRITMILL" profile show 2>/dev/null | sed -n 's/^profile *//p')" = "$user" ] ||
    fail "the shipped profile is not the next"
rm "$name"

# The file is ignored: each row of the table in profiles/README.md.
change() { sed "$1" good >bad; ! cmp -s good bad || fail "no change: $1"; }
change '1s/1/2/' && ignored newer 'line 1: format 2' --profile bad
change '1s/.*/{}/' && ignored json 'is no profile' --profile bad
change '$d' && ignored "no end" "ends without its last line" --profile bad
change 's/median_us 3.500/median_us nan/' &&
    ignored nan "line .*: median_us 'nan' is no number" --profile bad
change 's/^cpu .*/cpu Another 1\/2\/3 CPU/' && ignored cpu 'made on another CPU' --profile bad
change 's/^isas c/isas c quantum/' &&
    ignored isa 'ISA quantum, which is not usable here' --profile bad
sed '/^plan/p' good >bad && ignored twice 'same matrix, threads and phase' --profile bad
change '/prefill/s/packing t2\(.*\)_t2_/packing t5\1_t5_/' &&
    ignored packings 'another packing' --profile bad
printf '\377\376t\0r\0' >bad && ignored utf16 'is no profile' --profile bad
head -c 20000000 /dev/zero >bad && ignored huge 'larger than 16777216 bytes' --profile bad
printf '' >bad && ignored empty 'is no profile' --profile bad
change 's/^cpu .*/cpu Another/' && TRITMILL_PROFILE=bad ignored variable 'another CPU'

# Stale: used without a word.
change 's/^kernels .*/kernels 0000000000000000/' && used stale --profile bad
has stale '^profile bad: stale: made with another set' err
"$TRITMILL" profile check bad >out || fail "check of a stale one"
has stale 'bad: used: made with another set of kernels; .tritmill tune --update' out

# A plan is ignored: without a word, but check tells.
plan() { # NAME TEXT: the changed profile's first plan is not used
    go --profile bad && cmp -s out expected || fail "$1: the text changes"
    grep '^tritmill:' err && fail "$1: speaks"
    grep -q "decode $gemv" err && fail "$1: it is used"
    "$TRITMILL" profile check bad >out && fail "$1: check finds nothing"
    has "$1" "^  line .*: 256 x 256, 1 thread, decode: ignored: .*: $2" out
    has "$1" '1 of 2 plans are used' out
}
change "/decode/s/$gemv/${gemv}_nobody/" && plan name 'there is no kernel of that name'
change '/decode/s/hash [0-9a-f]*/hash 0123456789abcdef/' &&
    plan hash "the kernel's source has changed"

# Errors: what was named and is not there.
go --profile /nonexistent/x && fail "a missing profile is no error"
[ "$(wc -l <err)" = 1 ] || fail "missing: not one line: $(cat err)"
has missing '^tritmill: /nonexistent/x: No such file' err
TRITMILL_PROFILE=/nonexistent/x go && fail "a missing TRITMILL_PROFILE is no error"

# The other programs.
"$TRITMILL" bench -m "$model" --profile good -t 1 -p 4 -n 2 -r 1 >out 2>err ||
    fail "bench: $(cat err)"
has bench '^profile: good$' out
"$TRITMILL" bench -m "$model" --profile none -t 1 -p 4 -n 0 -r 1 -o json >out 2>err ||
    fail "bench: $(cat err)"
has bench '"profile": "none"' out
for i in $(seq 40); do echo "Once upon a time there was a girl called Lily, $i times."; done >text
"$TRITMILL" perplexity -m "$model" -f text -c 64 --profile good --log-disable >one 2>err ||
    fail "perplexity: $(cat err)"
"$TRITMILL" perplexity -m "$model" -f text -c 64 --profile none --log-disable >two 2>err ||
    fail "perplexity: $(cat err)"
[ -s one ] && cmp -s one two || fail "the perplexity depends on the profile"

# show, check, diff.
"$TRITMILL" profile show good >out || fail show
has show "^ *256 x 256 *1  decode *1 *3.5 us .* all *all  $gemv\$" out
"$TRITMILL" profile show -o json good good >out || fail "show -o json"
"${TRIT_PYTHON:-python3}" - <<'PYTHON' || fail JSON
import json
a = json.load(open("out"))
p = a[1]["plans"]
assert len(a) == 2 and a[0]["format"] == 1
assert len(p) == 2 and p[0]["median_ns"] == 3500 and p[0]["phase"] == "decode"
PYTHON
"$TRITMILL" profile check good >out || fail "check: $(cat out)"
has check '2 of 2 plans are used' out
TRITMILL_PROFILE=good "$TRITMILL" profile check >out || fail "check of the one in use"
has check '^good: used$' out
TRITMILL_PROFILE=none "$TRITMILL" profile show >out 2>err && fail "show of none"
sed 's/median_us 3.500/median_us 1.750/' good >bad
"$TRITMILL" profile diff good bad >out
[ $? = 1 ] || fail "the exit code of a difference"
has diff '256 x 256, 1 thread, decode: 0.500 of the time' out
has diff '1 plan differs' out
TRITMILL_PROFILE=good "$TRITMILL" profile diff bad >two
[ $? = 1 ] && cmp -s out two || fail "diff with the one in use"
"$TRITMILL" profile diff good good >out || fail "diff of one with itself"
has same '0 plans differ' out
"$TRITMILL" profile what >out 2>err
[ $? = 2 ] || fail "an unknown word: $(cat err)"
has usage 'give show, check or diff, not what' err
exit $failed
