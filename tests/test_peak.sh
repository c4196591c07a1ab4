#!/bin/bash
# labels: slow
# Do the kernels that measure the int8 peak do what they count, with every compiler: enough
# independent accumulators to keep the multipliers busy, in registers, and nothing but multiply-adds
# in the loop? Read off the machine code; nothing is timed. What compilers make of the generic
# vectors of ISA c is their affair.
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cat >"$dir/loop.py" <<'END'
"""loop.py LISTING ISA NR: looks at the innermost loop of objdump's listing of a peak kernel."""
import re, sys
listing, isa, nr = open(sys.argv[1]).read(), sys.argv[2], int(sys.argv[3])
arm = "aarch64" in listing
MULTIPLIES = (r"v?pdp(busd|wssd)|v?pmaddubsw|v?pmaddwd|v?pmull[wd]|"
              r"[us]{1,2}dot|[us]{1,2}mmla|[us]mlal2?|[us]mull2?|ml[as]|mul")
# These read their destination as well.
ALSO_READ = r"v?pdp.*|[us]{1,2}dot|[us]{1,2}mmla|[us]mla[lb]2?|[us]adalp|ml[as]"
# Latency 4, two multipliers (Arm: up to four): 8 or 16. Where products are added apart, only that
# addition waits, for 1 cycle.
WANTED = 16 if isa.startswith("avx512") or arm else 6 if isa == "ssse3" else 8

LINE = r"^ *([0-9a-f]+):\t(?:\{vex\} *)?(\S+)[ \t]*([^\n#<]*)"  # address, name, operands
JUMPS = r"j[a-z]+$|b\.?[a-z]*$|cbn?z$|tbn?z$"
code = [(int(m[1], 16), m[2], m[3].strip()) for m in re.finditer(LINE, listing, re.M)]
loops = []
for at, (address, name, operands) in enumerate(code):
    target = re.match(JUMPS, name) and re.search(r"([0-9a-f]+)$", operands)
    begin = [i for i in range(at) if target and code[i][0] == int(target[1], 16)]
    if begin:
        loops.append(code[begin[0]:at + 1])
loops = [l for l in loops if not any(m is not l and set(m) < set(l) for m in loops)]
multiplies = lambda l: sum(bool(re.fullmatch(MULTIPLIES, name)) for _, name, _ in l)
loop = max(loops, key=multiplies, default=[])

written, carried, faults = set(), set(), []
for _, name, operands in loop:
    memory = ("(" in operands or "[" in operands) and not re.match(r"lea|nop|cs", name)
    if memory or re.search(r"call|bl$", name):
        faults.append(f"memory or a call in the loop: {name} {operands}")
    registers = re.findall(r"\bv(\d+)\." if arm else r"%[xyz]mm(\d+)", operands)
    if not registers:
        continue
    to, others = (registers[0], registers[1:]) if arm else (registers[-1], registers[:-1])
    sse = not arm and not name.startswith(("v", "mov", "pshuf"))
    read = others + ([to] if sse or re.fullmatch(ALSO_READ, name) else [])
    carried |= {r for r in read if r not in written}
    written.add(to)
carried &= written
if multiplies(loop) < nr:
    faults.append(f"{multiplies(loop)} multiplications in a round of {nr}")
if len(carried) < max(WANTED, nr):
    faults.append(f"{len(carried)} accumulators, {max(WANTED, nr)} wanted")
found = f"{len(carried)} accumulators, {multiplies(loop)} multiplications"
print("; ".join(faults) or f"{found} in {len(loop)} instructions")
sys.exit(bool(faults))
END

checked=0 failed=0
# look ARCH OBJDUMP COMPILER: every peak kernel of the architecture.
look() {
    command -v "$2" >/dev/null && command -v "$3" >/dev/null || return
    local gen=$dir/$1 name isa flags nr said
    [ -d "$gen" ] || "$TRITMILL" generate --arch "$1" -o "$gen" >/dev/null ||
        { echo "FAILED: generate $1"; failed=1; return; }
    while read -r name isa flags; do
        nr=${name#*_1x} && nr=${nr%%x*}
        # shellcheck disable=SC2086 # flags are words
        "$3" -std=gnu11 -O3 -ffp-contract=off $flags -I"$TRIT_SOURCE" -I"$gen" \
            -c "$gen/$name.c" -o "$dir/k.o" ||
            { echo "FAILED: $3 $name"; failed=1; continue; }
        "$2" -d --no-show-raw-insn "$dir/k.o" >"$dir/k.s"
        said=$("${TRIT_PYTHON:-python3}" "$dir/loop.py" "$dir/k.s" "$isa" "$nr") ||
            { failed=1; said="FAILED: $said"; }
        echo "$name with $3: $said"
        checked=$((checked + 1))
    done < <(sed -nE 's/^trit_kernel\((trit_peak[^)]*)\)$/\1/p' "$gen/kernels.cmake" |
        grep -v '__c ')
}
machine=$(uname -m)
for cc in gcc clang; do look "$machine" objdump $cc; done
[ "$machine" = aarch64 ] || look aarch64 aarch64-linux-gnu-objdump aarch64-linux-gnu-gcc
[ $checked -gt 0 ] || { echo "no objdump, or no compiler"; exit 77; }
exit $failed
