#!/bin/sh
# labels: slow
# Does an emulated CPU get the instruction sets that it has, and no others?
set -u
skip() { echo "$1"; exit 77; }
[ "$(uname -m)" = x86_64 ] || skip "only an x86-64 program runs on emulated x86 CPUs"
qemu=$(command -v qemu-x86_64-static || command -v qemu-x86_64) || skip "qemu-user is not installed"
! grep -qE "__(asan|tsan|msan)_init" "$TRITMILL" || skip "sanitizers do not run under qemu"

failed=0
# expect CPU ISA TEXT: `tritmill cpu` on the emulated CPU says TEXT of the ISA.
expect() {
    said=$("$qemu" -cpu "$1" "$TRITMILL" cpu 2>/dev/null |
        awk -v isa="$2" '$1 == isa { $1 = $2 = ""; print $0 }')
    case "$said" in
    *"$3"*) ;;
    *) echo "on $1, $2: '$said', not '$3'"; failed=1 ;;
    esac
}
expect kvm64 c usable
expect kvm64 ssse3 "CPU lacks ssse3"
expect core2duo ssse3 usable
expect Nehalem c usable
expect Nehalem avx2 "CPU lacks avx2"
expect Nehalem avx512vnni "CPU lacks avx512f"
expect Haswell c usable
expect Haswell avx2 usable
expect Haswell ssse3 usable
expect Haswell avxvnni "CPU lacks avx_vnni"
expect Haswell avx512bw "CPU lacks avx512f"
expect Haswell avx512vnni "CPU lacks avx512f"
expect Haswell avx512vbmi "CPU lacks avx512f"
TRITMILL_ISA=c expect Haswell avx2 "capped by TRITMILL_ISA=c"
exit $failed
