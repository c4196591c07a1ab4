#!/bin/bash
# labels: slow
# Does what is installed serve from wherever it is put: the examples built by each compiler through
# pkg-config and CMake, shared and static, without leaks; the binding for Python; the pages?
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
root=$dir/moved failed=0
fail() { echo "FAILED: $*"; failed=1; }
die() { fail "$@"; exit 1; }
unset TRITMILL_LIBRARY LD_LIBRARY_PATH CFLAGS
export XDG_CACHE_HOME=$dir/cache
[ -e "$TRIT_BUILD/libtritmill.a" ] || { echo "no library in this build"; exit 77; }

DESTDIR=$dir/stage cmake --install "$TRIT_BUILD" --prefix /opt/tritmill >"$dir/log" ||
    die "install: $(tail -3 "$dir/log")"
mv "$dir/stage/opt/tritmill" "$root"
cd "$root" || exit 1
lib=$(dirname "$(find . -name libtritmill.a)") model=share/tritmill/tales.gguf
[ -L "$lib/libtritmill.so" ] && [ -L "$lib/libtritmill.so.0" ] || fail "no links to the library"
readelf -d "$lib/libtritmill.so" | grep -q 'SONAME.*\[libtritmill.so.0\]' || fail "soname"
export PKG_CONFIG_PATH=$root/$lib/pkgconfig LD_LIBRARY_PATH=$root/$lib
[ "$(pkg-config --modversion tritmill)" = "$(bin/tritmill --version | cut -d' ' -f2)" ] ||
    fail "pkg-config's version is not the program's"
want=$(bin/tritmill run -p 'Once upon a time,' -n 40 --temp 0 --log-disable)

# Whether the three programs do what they are there for.
serve() { # FOLDER
    "$1/generate" $model 'Once upon a time,' >out 2>err || fail "$1: generate: $(cat err)"
    [ "Once upon a time,$(cat out)" = "$want" ] || fail "$1: generate: $(cat out)"
    "$1/score" $model 'Once upon a time' >out 2>err || fail "$1: score: $(cat err)"
    tail -1 out | grep -q '^ *-[0-9.]* in all$' || fail "$1: score: $(tail -1 out)"
    "$1/chat" $model 'Who is Lily?' >out 2>err && [ -s out ] || fail "$1: chat: $(cat err)"
    "$1/score" no.gguf x 2>err && fail "$1: a missing model is no error"
    grep -q '^score: no.gguf: ' err || fail "$1: $(cat err)"
}
examples=(share/doc/tritmill/examples/*.c)
[ ${#examples[@]} = 3 ] || fail "examples: ${examples[*]}"
shared=$(pkg-config --cflags --libs tritmill)
static="$(pkg-config --cflags tritmill) $lib/libtritmill.a"
static+=" $(pkg-config --static --libs-only-l tritmill)"
static=${static/-ltritmill/}
build() { # FOLDER COMPILER LIBRARY-FLAGS [FLAG...]
    mkdir "$1"
    local file
    for file in "${examples[@]}"; do
        "$2" -std=c11 -pedantic -Wall -Wextra -Werror "${@:4}" "$file" $3 -lm \
            -o "$1/$(basename "$file" .c)" || fail "$1: $file"
    done
    serve "$1"
}
for cc in gcc clang; do
    command -v $cc >/dev/null || { echo "no $cc here"; continue; }
    build $cc-shared $cc "$shared"
    build $cc-static $cc "$static" -fsanitize=address
done
echo '#include <tritmill.h>
int main() { return trit_lm_version() != TRIT_LM_VERSION; }' >plus.cc
g++ -std=c++11 -pedantic -Wall -Wextra -Werror plus.cc $shared -o plus && ./plus || fail "C++"

# CMake: both kinds, side by side.
mkdir -p package/{shared,static}
echo 'cmake_minimum_required(VERSION 3.16)
project(user LANGUAGES C)
add_subdirectory(shared)
add_subdirectory(static)' >package/CMakeLists.txt
for kind in shared static; do
    [ $kind = static ] && components='COMPONENTS static' || components=
    echo "find_package(tritmill 0.1 REQUIRED $components)
foreach(name generate chat score)
  add_executable(${kind}_\${name} $root/share/doc/tritmill/examples/\${name}.c)
  target_link_libraries(${kind}_\${name} tritmill::tritmill m)
  set_target_properties(${kind}_\${name} PROPERTIES OUTPUT_NAME \${name})
endforeach()" >package/$kind/CMakeLists.txt
done
cmake -G Ninja -S package -B package/build -DCMAKE_PREFIX_PATH="$root" >log 2>&1 &&
    cmake --build package/build >>log 2>&1 || fail "CMake: $(tail -5 log)"
ldd package/build/static/generate | grep -q libtritmill && fail "CMake: static is shared"
serve package/build/shared
serve package/build/static

# Python, whose structs are the header's.
structs='Options Facts Sampling Writing Piece Error Tokens Chat_Facts Ask Prompt Taking Calls'
{
    echo '#include <stdio.h>
#include <tritmill.h>
int main(void) {'
    for s in $structs; do echo "printf(\"$s %zu\\n\", sizeof(struct trit_lm_${s,,}));"; done
    echo '}'
} >sizes.c
gcc sizes.c $shared -o sizes && ./sizes >want || fail "sizes.c"
if [ -n "$TRIT_PYTHON" ]; then
    export PYTHONPATH=$root/share/tritmill/python PYTHONDONTWRITEBYTECODE=1
    unset LD_LIBRARY_PATH # it finds the library by itself
    "$TRIT_PYTHON" -c "
import ctypes, sys, tritmill
for s in sys.argv[1:]:
    print(s, ctypes.sizeof(getattr(tritmill, '_' + s.replace('_', ''))))" $structs >out ||
        fail "Python"
    cmp out want || fail "Python's structs are not the header's"
    "$TRIT_PYTHON" "$TRIT_SOURCE/tests/api.py" $model "${want#Once upon a time,}" ||
        fail "the binding for Python"
fi

# Pages.
for c in $(bin/tritmill --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p'); do
    grep -q "^tritmill.-$c .. " share/man/man1/tritmill-"$c".1 || fail "no page of $c"
    grep -q "tritmill.-$c (1)" share/man/man1/tritmill.1 || fail "tritmill(1) does not name $c"
done
for f in $(grep -oE 'trit_lm_[a-z0-9_]+\(' include/tritmill.h | tr -d '(' | sort -u); do
    grep -qw "$f" share/man/man3/tritmill.h.3 || fail "tritmill.h(3) does not name $f"
done
if command -v groff >/dev/null; then
    for page in share/man/man?/*; do
        said=$(groff -man -Tutf8 -ww "$page" 2>&1 >/dev/null) && [ -z "$said" ] ||
            fail "$page: $said"
    done
fi

# Parts.
DESTDIR=$dir/part cmake --install "$TRIT_BUILD" --prefix / --component runtime >/dev/null
[ -x "$dir/part/bin/tritmill" ] && [ -e "$(find "$dir/part" -name libtritmill.so.0)" ] &&
    [ -z "$(find "$dir/part" -name tritmill.h -o -name '*.a' -o -name '*.so')" ] ||
    fail "the part of users is not what they need"
exit $failed
