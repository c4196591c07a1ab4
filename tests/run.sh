#!/bin/sh
# run.sh PRESET [ctest options]: the tests of a build; one line each, then
# `N passed, N failed, N skipped`, alone on a line.
set -u
preset=$1
shift
log=build/$preset/tests.log
ctest --preset "$preset" --output-log "$log" -j "$(nproc)" "$@"
code=$?
count() { grep -cE "^ *[0-9]+/[0-9]+ Test +#[0-9]+: .*$1" "$log"; }
passed=$(count ' +Passed ') skipped=$(count '\*\*\*Skipped')
total=$(grep -cE '^ *[0-9]+/[0-9]+ Test +#' "$log")
names() { sed -nE 's/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: ([^ ]+) .*\*\*\*Skipped.*/\1/p' "$log"; }
slowest() { # eight of them, with their seconds
    sed -nE 's/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: ([^ ]+) .* ([0-9.]+) sec.*/\2 \1/p' "$log" |
        sort -rn | head -8 | awk '{ printf "%s %s %.0f s", (NR > 1 ? "," : ""), $2, $1 }'
}
echo "slowest:$(slowest)"
[ "$skipped" -gt 0 ] && echo "skipped: $(names | tr '\n' ' ')"
echo "$passed passed, $((total - passed - skipped)) failed, $skipped skipped"
[ "$code" = 0 ] && [ "$total" -gt 0 ]
