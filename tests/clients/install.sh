#!/bin/sh
# Installs the packages of package.json into $TRIT_BUILD/clients, once, and puts the scripts of this
# folder beside them (that is where node looks for packages). Exits 77 with a reason where they
# cannot be had.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
there=$TRIT_BUILD/clients

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
(cd "$there" && npm install --no-audit --no-fund --no-package-lock --ignore-scripts \
    --fetch-retries=1 --fetch-retry-mintimeout=2000 --fetch-timeout=60000 >npm.log 2>&1 9>&-) ||
    { echo "skipped: npm install failed ($there/npm.log)"; exit 77; }
cp "$there/package.json" "$there/installed.json"
