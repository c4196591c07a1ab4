# Sourced by tests that run `check` on emulated CPUs. Before the first `on`: qemu (the emulator),
# check (the command, an array) and least, an associative array of the kernels that each ISA must
# have at least. A count that shrinks is a kernel that went missing.
failed=0

# on CPU "ISA..." "ISA...": on this CPU all kernels of the first ISAs are right, and all those of
# the second are left alone.
on() {
    local cpu=$1 runs=$2 refused=$3 isa n said patterns=()
    for isa in $runs $refused; do patterns+=("*__$isa" "*__${isa}_*"); done
    said=$("$qemu" -cpu "$cpu" "${check[@]}" "${patterns[@]}" 2>&1) ||
        { failed=1; echo "FAILED: on $cpu, exit code $?:"; grep -v '^ok' <<<"$said" | tail -20; }
    for isa in $runs; do count "$cpu" "$isa" "$said" '^ok'; done
    for isa in $refused; do count "$cpu" "$isa" "$said" '^skipped.*CPU lacks'; done
    echo "$cpu: $(tail -1 <<<"$said")"
}

# count CPU ISA OUTPUT WANT: every line about the ISA matches WANT, and the kernels in them are
# enough.
count() {
    local lines kernels
    lines=$(awk -v isa="$2" '$4 == isa' <<<"$3")
    kernels=$(awk '{ n += $5 } END { print n + 0 }' <<<"$lines")
    if grep -vE "$4" <<<"$lines"; then
        failed=1; echo "FAILED: on $1, $2: the lines above are not '$4'"
    elif [ "$kernels" -lt "${least[$2]}" ]; then
        failed=1; echo "FAILED: on $1, $2: $kernels kernels, there were ${least[$2]}"
    fi
}
