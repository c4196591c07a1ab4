#!/bin/bash
# labels: slow
# Do kernels give the reference's bits on emulated x86 CPUs, from Core 2 up, and do CPUs refuse
# those of ISAs they do not have?
set -u
skip() { echo "$1"; exit 77; }
[ "$(uname -m)" = x86_64 ] || skip "only an x86-64 program runs on emulated x86 CPUs"
qemu=$(command -v qemu-x86_64-static || command -v qemu-x86_64) || skip "qemu-user is not installed"
grep -qE '__(asan|tsan|msan)_init' "$TRITMILL" &&
    skip "a build with sanitizers does not run under qemu"

. "$TRIT_SOURCE/tests/check_emulated.sh"
check=("$TRITMILL" check --quick)
declare -A least=([c]=36 [ssse3]=39 [avx2]=45 [avxvnni]=40
    [avx512bw]=42 [avx512vnni]=42 [avx512vbmi]=46)
wide="avxvnni avx512bw avx512vnni avx512vbmi" # qemu 7.2 has none of them
on core2duo "c ssse3" "avx2 $wide"
on Haswell "avx2" "$wide"
exit $failed
