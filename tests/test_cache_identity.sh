#!/bin/bash
# labels: slow
# Does a packed cache answer for its own model alone, whatever two files have in common; and is a
# model that was copied, touched or restored known again, after one look at all of it?
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
unset TRITMILL_CACHE TRITMILL_KERNEL TRITMILL_PROFILE
export XDG_CACHE_HOME=$dir/cache
failed=0
fail() { echo "FAILED: $*"; failed=1; }
head -c 3000 "$TRIT_SOURCE/tests/data/stories.txt" >text

# ppl NAME FILE: the perplexity of FILE to NAME, what it said to err
ppl() {
    "$TRITMILL" perplexity -m "$2" -f text -c 64 -t 2 2>err | grep -i ppl >"$1" && [ -s "$1" ] ||
        fail "perplexity -m $2: $(cat err)"
}
# use FILE WANTED IGNORED WHEN
use() {
    ppl now "$1"
    cmp -s now "$2" && [ "$(grep -c 'the packed cache is ignored' err)" = "$3" ] ||
        fail "$1, $4: $(cat now) instead of $(cat "$2"); $(grep tritmill: err)"
}
known() { use "$1" "$2" 0 "$3"; }
another() { use "$1" "$2" 1 "$3"; }
# All trits are -1 from there on.
spoil() { dd if=/dev/zero of="$1" bs=1 seek="$2" count=16384 conv=notrunc status=none; }

cp "$TRIT_SOURCE/tests/models/stories.gguf" A
cp A B
spoil B 1744512
touch -r A B
export TRITMILL_CACHE=none
ppl a A && ppl b B
cmp -s a b && fail "the spoilt weights make no difference"
unset TRITMILL_CACHE

# Packed at once after it was written, and later.
for round in fresh old; do
    "$TRITMILL" pack -m A -t 2 >/dev/null 2>err || fail "pack: $(cat err)"
    another B b "same size, header, samples and time, $round"
    known A a "$round"
    known A a "again, $round"
    [ $round = old ] || sleep 2.1
    rm -rf cache/tritmill/*.known
done

# The same file changed where nothing looks, its times set back: a copy, in place, behind a link.
cp -p A C
known C a "a copy"
sleep 2.1
known C a "a copy, which is remembered"
[ -e cache/tritmill/*.known ] || fail "a copy is not remembered"
spoil C 1744512
touch -r A C
TRITMILL_CACHE=none ppl c C
another C c "a copy that was changed"
cp -p A save
spoil A 1744512
touch -r save A
TRITMILL_CACHE=none ppl c A
another A c "the model itself, changed in place"
cat save >A
touch -r save A
known A a "put back in place"
rm A && cp -p save A
known A a "restored"
touch A
known A a "touched"
mv A D && ln -s D A
known A a "moved, behind a link"
ln D E
known E a "of two names"

# The cache itself: verified once, and again after it was written to, its time set back or not.
for n in 1 2; do # by now its last write is so old that it is remembered
    known D a "with a cache that was verified"
done
pack=$(echo cache/tritmill/*.pack)
cp -p "$pack" save.pack
spoil "$pack" $(($(stat -c %s "$pack") / 4))
touch -r save.pack "$pack"
another D a "with a spoilt cache"
grep -q 'a checksum differs' err || fail "a spoilt cache: $(cat err)"
cat save.pack >"$pack"
known D a "with the cache mended"

# Changed and back within one tick of the clock, many times.
for i in $(seq 5); do
    cp D F && "$TRITMILL" pack -m F -t 2 -o f.pack >/dev/null 2>&1 && spoil F 1744512
    touch -r D F
    TRITMILL_CACHE=none ppl c F
    TRITMILL_CACHE=f.pack another F c "written while it was packed, $i"
done

# Where it cannot be remembered it is told, and the cache serves all the same.
rm -f cache/tritmill/*.known
"$TRITMILL" pack -m D -t 2 >/dev/null 2>err || fail "pack: $(cat err)"
pack=$(echo cache/tritmill/*.pack)
mkdir "${pack%.pack}.known"
touch -d '2001-01-01' D
sleep 2.1
known D a "not remembered"
grep -q 'D: is read as a whole each time' err || fail "not told: $(cat err)"
rmdir "${pack%.pack}.known"
known D a "remembered again"
[ -s err ] && grep -q tritmill: err && fail "told without need: $(cat err)"

# A damaged memory is none; a lying one is not read.
known=${pack%.pack}.known
for spoil in "truncate -s 20" "truncate -s 0" "chmod 666" "chmod 620" "sed -i s/./x/20"; do
    $spoil "$known"
    known D a "after: $spoil"
done
"$TRITMILL" pack -m D --remove 2>err && [ -z "$(ls cache/tritmill)" ] ||
    fail "pack --remove left: $(ls cache/tritmill) $(cat err)"

# Of an older format: one line.
"$TRITMILL" pack -m D -t 2 -o f.pack >/dev/null 2>err || fail "pack: $(cat err)"
printf '\1' | dd of=f.pack bs=1 seek=12 conv=notrunc status=none
TRITMILL_CACHE=f.pack another D a "of format 1"
grep -q 'packed cache format 1, this program reads format 2' err || fail "format 1: $(cat err)"

# The mode: readable by all, writable by nobody else, whatever the umask.
(umask 0 && "$TRITMILL" pack -m D -t 2 -o mode.pack >/dev/null 2>&1)
[ "$(stat -c %a mode.pack)" = 644 ] || fail "mode $(stat -c %a mode.pack)"
for mode in 602 620; do
    chmod $mode mode.pack
    TRITMILL_CACHE=mode.pack another D a "mode $mode"
    grep -q 'chmod go-w' err || fail "mode $mode: $(cat err)"
done
[ $failed = 0 ] && echo "all as expected"
exit $failed
