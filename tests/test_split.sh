#!/bin/bash
# Is a model in several files the model that it was in one, for every command, and is every file
# that is missing, misnamed, of another model or there twice one clear error?
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
retype() { "$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/retype.py" "$@"; }
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
export XDG_CACHE_HOME=$dir/cache
failed=0
fail() { echo "FAILED: $*"; failed=1; }

stories=$TRIT_SOURCE/tests/models/stories.gguf
retype "$stories" -o "$dir/m" --parts 3 || fail "parts"
first=$dir/m-00001-of-00003.gguf
run() { "$TRITMILL" run -m "$1" -p "Once upon a time" -n 24 --temp 0 2>"$dir/err"; }
run "$stories" >"$dir/text"
run "$first" | cmp - "$dir/text" || fail "$(cat "$dir/err")"

# Its packed cache serves as long as no part changes.
"$TRITMILL" pack -m "$first" -o "$dir/pack" >/dev/null 2>"$dir/err" || fail "$(cat "$dir/err")"
export TRITMILL_CACHE=$dir/pack
run "$first" | cmp - "$dir/text" && ! grep ignored "$dir/err" || fail "packed: $(cat "$dir/err")"
cp "$dir/m-00003-of-00003.gguf" "$dir/kept"
printf '\377' | dd of="$dir/m-00003-of-00003.gguf" bs=1 seek=300000 conv=notrunc 2>/dev/null
run "$first" >/dev/null
grep -q "the packed cache is ignored" "$dir/err" || fail "a part was changed: $(cat "$dir/err")"
cp "$dir/kept" "$dir/m-00003-of-00003.gguf"
unset TRITMILL_CACHE

"$TRITMILL" inspect "$first" | grep -q "bytes in 3 files)" || fail "inspect"
"$TRITMILL" inspect "$first" -o json --tensors >"$dir/json" || fail "inspect -o json"
[ "$(grep -c '"file": [012]' "$dir/json")" = 68 ] || fail "inspect's tensors"
"$TRITMILL" estimate "$first" --limits none >/dev/null || fail "estimate"
mkdir -p "$dir/models/all"
cp "$dir"/m-*.gguf "$dir/models/all"
TRITMILL_MODELS=$dir/models "$TRITMILL" list >"$dir/list"
[ "$(grep -c "of-00003" "$dir/list")" = 1 ] &&
    grep -q "00001-of-00003  *2.3 MB  *5.3M" "$dir/list" ||
    fail "list: $(cat "$dir/list")"
TRITMILL_MODELS=$dir/models "$TRITMILL" rm m-00001-of-00003 >/dev/null || fail "rm"
[ -z "$(find "$dir/models" -name "*.gguf")" ] || fail "rm leaves parts"

# refused TEXT FILE: exit code 1, one line with TEXT.
refused() {
    "$TRITMILL" run -m "$2" -p x -n 1 >/dev/null 2>"$dir/err"
    [ $? = 1 ] && [ "$(wc -l <"$dir/err")" = 1 ] && grep -qF -- "$1" "$dir/err" ||
        fail "wanted '$1': $(cat "$dir/err")"
}
refused "is part 2 of 3 of a model: name the first" "$dir/m-00002-of-00003.gguf"
cp "$first" "$dir/other.gguf"
refused "its name must end with -00001-of-00003.gguf" "$dir/other.gguf"

# scene: the parts anew, in a folder of their own.
scene() { rm -rf "$dir/s"; mkdir "$dir/s"; cp "$dir"/m-*.gguf "$dir/s"; }
s=$dir/s/m-00001-of-00003.gguf
scene; rm "$dir/s/m-00002-of-00003.gguf"
refused "m-00002-of-00003.gguf: cannot read: No such file or directory (part 2 of 3 of a model)" \
    "$s"
scene; cp "$stories" "$dir/s/m-00003-of-00003.gguf"
refused "has no key 'split.count': it is no part of the model" "$s"
scene; cp "$dir/s/m-00002-of-00003.gguf" "$dir/s/m-00003-of-00003.gguf"
refused "is part 2 of 3 with 68 tensors in all: part 3 of 3 with 68 belongs to" "$s"
scene; truncate -s 200000 "$dir/s/m-00002-of-00003.gguf"
refused "run past the end of the file (200000 bytes) (part 2 of 3 of a model)" "$s"
retype "$stories" -o "$dir/n" --parts 4
scene; cp "$dir/n-00003-of-00004.gguf" "$dir/s/m-00003-of-00003.gguf"
refused "is part 3 of 4 with 68 tensors in all: part 3 of 3" "$s"
"$TRITMILL" synth -o "$dir/toy" --shape 256x768x5x4x2 --vocab 2048 2>/dev/null
retype "$dir/toy" -o "$dir/t" --parts 3
scene; cp "$dir/t-00003-of-00003.gguf" "$dir/s/m-00003-of-00003.gguf"
refused "m-00003-of-00003.gguf: is part 3 of 3 with 57 tensors in all" "$s"

# Counts and numbers of the keys: spoil FILE FROM TO changes bytes of the same length.
spoil() {
    "$TRIT_PYTHON" - "$@" <<'END'
import sys
path, key, old, new = sys.argv[1], sys.argv[2].encode(), bytes([int(sys.argv[3])]), int(sys.argv[4])
raw = bytearray(open(path, "rb").read())
at = raw.index(key) + len(key) + 4
assert raw[at] == old[0]
raw[at] = new
open(path, "wb").write(raw)
END
}
scene; for i in 1 2 3; do spoil "$dir/s/m-0000$i-of-00003.gguf" split.tensors.count 68 69; done
refused "its 3 parts have 68 tensors, key 'split.tensors.count' is 69" "$s"
scene; spoil "$dir/s/m-00002-of-00003.gguf" split.no 1 3
refused "keys 'split.no' and 'split.count' are 3 and 3" "$s"
scene; spoil "$s" split.count 3 0
refused "keys 'split.no' and 'split.count' are 0 and 0" "$s"
# The second part's tensors again, under the third's number.
scene; cp "$dir/s/m-00002-of-00003.gguf" "$dir/s/m-00003-of-00003.gguf"
spoil "$dir/s/m-00003-of-00003.gguf" split.no 1 2
for i in 1 2 3; do spoil "$dir/s/m-0000$i-of-00003.gguf" split.tensors.count 68 69; done
refused "duplicate name" "$s"
exit $failed
