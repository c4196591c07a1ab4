# Is a kernel of every operation timed by `check --bench`?
set -eu
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
"$TRITMILL" check --list '*__c*' |
    awk '{ split($1, part, "_"); if (!seen[part[2]]++) print $1 }' > "$dir/kernels"
"$TRITMILL" check --quick --bench $(cat "$dir/kernels") > "$dir/out" ||
    { cat "$dir/out"; echo "FAILED: check --bench"; exit 1; }
while read -r kernel; do
    grep -qE "^$kernel +[0-9]+ ns" "$dir/out" || { echo "FAILED: $kernel is not timed"; exit 1; }
done < "$dir/kernels"
[ "$(wc -l < "$dir/kernels")" -ge 23 ] ||
    { echo "FAILED: few operations: $(cat "$dir/kernels")"; exit 1; }
