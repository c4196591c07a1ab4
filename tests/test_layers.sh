#!/usr/bin/env bash
# labels: slow
# Does every file keep to the floors of runtime/LAYERS, and does the check see one that does not?
set -u
python=${TRIT_PYTHON:-/usr/bin/python3}
[ -x "$python" ] || { echo "skipped: no python3"; exit 77; }
layers="$TRIT_SOURCE/tests/layers.py"
failed=0
fail() { echo "FAILED: $*"; failed=1; }

"$python" "$layers" "$TRIT_SOURCE" || fail "the includes above leave their floor"
"$python" "$layers" "$TRIT_SOURCE" "$TRIT_BUILD" || fail "the calls above leave their floor"

# caught WHAT FILE:LINE ARGUMENTS...: the check fails, and names the place.
caught() {
    local what=$1 place=$2 said
    shift 2
    said=$("$python" "$layers" "$@") && fail "$what: not seen"
    grep -q "^$place: " <<<"$said" || fail "$what: expected $place, got: $said"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tree"
cp -r "$TRIT_SOURCE"/{runtime,autotune,generator} "$work/tree"
tree=$work/tree

# plant FILE LINE: the line becomes the file's second one.
plant() { sed -i "1a $2" "$tree/$1"; }
plant runtime/base/utf8.h '#include "runtime/model/model.h"'
caught "an include of a higher floor" runtime/base/utf8.h:2 "$tree"
sed -i 2d "$tree/runtime/base/utf8.h"
plant runtime/head/head.c '#include "runtime/format/internal.h"'
caught "an include of a lower floor's internal.h" runtime/head/head.c:2 "$tree"
sed -i 2d "$tree/runtime/head/head.c"
plant runtime/base/error.h '#include "runtime/base/file.h"'
caught "a circle of includes" runtime/base/error.h:1 "$tree"
sed -i 2d "$tree/runtime/base/error.h"
echo '/* Lost. */' >"$tree/runtime/lost.c"
caught "a file outside of all floors" runtime/lost.c:1 "$tree"
rm "$tree/runtime/lost.c"
"$python" "$layers" "$tree" || fail "the tree is not whole again"

objects=$work/build/CMakeFiles/trit.dir/runtime
mkdir -p "$objects"/{base,model}
cat >"$tree/runtime/base/low.c" <<'C'
int trit_high(void);
int trit_low(void);
int trit_low(void)
{
    return trit_high();
}
C
cat >"$tree/runtime/model/high.c" <<'C'
int trit_high(void);
int trit_high(void)
{
    return 1;
}
C
for file in base/low model/high; do
    cc -g -c "$tree/runtime/$file.c" -o "$objects/$file.c.o" || fail "cc"
done
caught "a call of a higher floor" runtime/base/low.c:5 "$tree" "$work/build"
exit $failed
