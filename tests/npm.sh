#!/bin/sh
# npm.sh FOLDER: installs the packages of tests/FOLDER/package.json into $TRIT_BUILD/FOLDER, once,
# and puts the scripts of that folder beside them (that is where node looks for packages). Exits 77
# with a reason where they cannot be had.
set -eu
here=$(cd "$(dirname "$0")" && pwd)/$1
there=$TRIT_BUILD/$1

command -v npm >/dev/null && command -v node >/dev/null || { echo "skipped: no npm"; exit 77; }
mkdir -p "$there"
exec 9>"$there/lock"
flock 9 # tests run at the same time
for script in "$here"/*.mjs; do # renamed into place: another test may be reading it
    cp "$script" "$there/new.mjs"
    mv "$there/new.mjs" "$there/${script##*/}"
done
cmp -s "$here/package.json" "$there/installed.json" && exit 0
cp "$here/package.json" "$there/package.json"
# fetch [PACKAGE]: what package.json names, and that one, but not what is optional: of the oracles'
# 600 MB of llama.cpp for GPUs.
fetch() {
    (cd "$there" && npm install "$@" --omit=optional --no-audit --no-fund --no-package-lock \
        --ignore-scripts --fetch-retries=1 --fetch-retry-mintimeout=2000 --fetch-timeout=60000 \
        >>npm.log 2>&1 9>&-)
}
: >"$there/npm.log"
if ! fetch; then
    echo "skipped: npm install failed ($there/npm.log)"
    exit 77
fi
# llama.cpp for this CPU. Without it the others serve all the same, and it is asked for next time.
version=$(sed -n 's/.*"node-llama-cpp": "\(.*\)".*/\1/p' "$here/package.json")
if [ -z "$version" ] ||
    fetch --no-save "@node-llama-cpp/linux-$(node -p process.arch)@$version"; then
    cp "$there/package.json" "$there/installed.json"
fi
