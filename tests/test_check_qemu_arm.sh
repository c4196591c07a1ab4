#!/bin/bash
# labels: slow
# Do the ARM kernels give the reference's bits, those of each ISA on an emulated CPU that has no
# more, and do CPUs refuse the others?
set -u
skip() { echo "$1"; exit 77; }
qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64) ||
    skip "qemu-user is not installed"
command -v aarch64-linux-gnu-gcc >/dev/null || skip "gcc-aarch64-linux-gnu is not installed"
[ -e /usr/aarch64-linux-gnu/lib/libc.a ] || skip "libc6-dev-arm64-cross is not installed"

build=$TRIT_BUILD/../aarch64
mkdir -p "$build"
exec 9>"$build/.lock" && flock 9 # builds side by side share it
# Portable kernels are this machine's too, where they are checked as they are compiled for users.
settings=(--toolchain "$TRIT_SOURCE/tests/aarch64.cmake" -DTRIT_CHECK_ONLY=ON
    -DTRIT_GEN_TOOL="$TRIT_BUILD/gen-tool" -DTRIT_KERNEL_FLAGS_c=-O1)
if ! { cmake -S "$TRIT_SOURCE" -B "$build" -G Ninja "${settings[@]}" &&
    cmake --build "$build"; } >"$build/log" 2>&1; then
    echo "FAILED: the check does not build for aarch64"
    tail -20 "$build/log" | cut -c 1-300
    exit 1
fi

. "$TRIT_SOURCE/tests/check_emulated.sh"
check=("$build/check" --quick)
declare -A least=([c]=36 [neon]=41 [dotprod]=36 [i8mm]=39)
on cortex-a53 "c neon" "dotprod i8mm"
on neoverse-n1 "dotprod" "i8mm"
on max "i8mm" ""
exit $failed
