#!/bin/bash
# Does the build say the commit of its own sources, and no other's? And does it do without cmocka
# and without a package manager?
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
failed=0
fail() { echo "FAILED: $*"; failed=1; }
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
command -v git >/dev/null || { echo "no git"; exit 77; }
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
git() { command git -c user.name=x -c user.email=x@example.org "$@"; }

# The header that each build writes.
inner=$dir/outer/inner
mkdir -p "$inner"
script=$TRIT_SOURCE/runtime/cli/commit.cmake
header() { cmake "-DSOURCE=$inner" "-DHEADER=$dir/header.h" -P "$script" 2>&1; }
is() {
    header && [ "$(cat "$dir/header.h")" = "#define TRIT_COMMIT \"$1\"" ] ||
        fail "$2: $(cat "$dir/header.h"), not $1"
}
git -C "$dir/outer" init -q && git -C "$dir/outer" commit -q --allow-empty -m outer || exit 1
is unknown "inside another repository"
mkdir "$inner/.git"
is unknown "beside a folder .git that is no repository"
rmdir "$inner/.git"
git -C "$inner" init -q && echo 1 >"$inner/file" && git -C "$inner" add file
git -C "$inner" commit -q -m inner
is "$(git -C "$inner" describe --always)" "in a repository"
touch -d 2001-01-01 "$dir/header.h"
header
[ -z "$(find "$dir/header.h" -newermt 2001-01-02)" ] || fail "the same commit touches the header"
git -C "$inner" commit -q --allow-empty -m next
is "$(git -C "$inner" describe --always)" "after one more commit"
echo 2 >"$inner/file"
is "$(git -C "$inner" describe --always)-dirty" "with a change"
GIT_DIR=$dir/outer/.git is "$(git -C "$inner" describe --always)-dirty" "under GIT_DIR of another"
git -C "$inner" worktree add -q "$dir/tree" && inner=$dir/tree
is "$(git -C "$inner" describe --always)" "in a worktree"

# A build asks again, without being configured: of a copy whose build has nothing else to do.
mkdir "$dir/copy" && cd "$dir/copy" || exit 1
cat >CMakeLists.txt <<CMAKE
cmake_minimum_required(VERSION 3.25)
project(copy LANGUAGES NONE)
$(sed -n '/^set(COMMIT_HEADER /,/commit.cmake)$/p' "$TRIT_SOURCE/CMakeLists.txt")
CMAKE
mkdir -p runtime/cli && cp "$TRIT_SOURCE/runtime/cli/commit.cmake" runtime/cli
git init -q && git add . && git commit -q -m one
cmake -G Ninja -S . -B "$dir/build" >/dev/null || fail "no configuring"
for _ in 1 2; do
    cmake --build "$dir/build" --target commit >/dev/null
    said=$(cat "$dir/build/commit/trit_commit.h")
    [[ $said == *"\"$(git describe --always)\""* ]] || fail "a build says $said"
    git commit -q --allow-empty -m two
done

# What `make` needs of packages: it says so, and calls no package manager.
mkdir "$dir/bin" && cd "$dir" || exit 1
for tool in apt-get sudo; do
    printf '#!/bin/sh\necho called >>%s/called\n' "$dir" >"bin/$tool"
done
printf '#!/bin/sh\n[ "$1" = --print-architecture ] && echo amd64\n' >bin/dpkg
printf '#!/bin/sh\n[ "${4-}" = cmake ] || echo installed\n' >bin/dpkg-query
chmod +x bin/*
for target in all install bench configure; do
    PATH=$dir/bin:$PATH make -C "$TRIT_SOURCE" PRESET=nowhere $target >out 2>&1 &&
        fail "make $target goes on without cmake's package"
    grep -q "tritmill: packages are missing: .*make deps.* apt-get install cmake" out ||
        fail "make $target says: $(cat out)"
done
[ -e called ] && fail "make calls a package manager"
PATH=$dir/bin:$PATH make -C "$TRIT_SOURCE" -n deps | grep -q 'packages build' ||
    fail "make deps does not install"
printf '#!/bin/sh\necho installed\n' >bin/dpkg-query
PATH=$dir/bin:$PATH sh "$TRIT_SOURCE/.ci/packages" check ||
    fail "all packages are there, and the check fails"

# Without cmocka, nothing that includes it is compiled.
mkdir pc
for path in $(pkg-config --variable pc_path pkg-config | tr : ' '); do
    [ -d "$path" ] && find "$path" -name '*.pc' ! -name 'cmocka*' -exec ln -sf {} pc/ \;
done
if PKG_CONFIG_LIBDIR=$dir/pc cmake -G Ninja -S "$TRIT_SOURCE" -B "$dir/bare" \
    "-DTRIT_GEN_TOOL=$TRIT_BUILD/gen-tool" -DTRIT_ARCH=any >out 2>&1; then
    compiled=$(sed -nE 's/^ *"file": "(.*)".*/\1/p' bare/compile_commands.json)
    [ "$(wc -l <<<"$compiled")" -gt 100 ] || fail "there is hardly anything to compile"
    # shellcheck disable=SC2086 # file names without blanks
    grep -l 'include <cmocka.h>' $compiled && fail "these need cmocka"
else
    fail "it does not configure without cmocka: $(tail -20 out)"
fi
exit $failed
