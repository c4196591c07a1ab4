# Does each of these facts stand in one place of the sources?
set -eu
cd "$TRIT_SOURCE"
failed=0
# once WORDS PATTERN PLACE: the pattern is in that file and in no other.
once() {
    found=$(grep -rlE "$2" runtime generator autotune templates | sort | tr '\n' ' ')
    [ "$found" = "$3 " ] ||
        { echo "FAILED: $1: $3 alone is to say it, not: $found"; failed=1; }
}
once "which variable forces kernels" 'getenv\("TRITMILL_KERNEL"\)' runtime/plan/pick.c
once "splitmix64" '9e3779b97f4a7c15' runtime/base/random.h
once "NxK" 'must be NxK' runtime/cli/shape.c
once "the numbers of architectures in ELF files" 'EM_X86_64' runtime/base/arch.h
once "which packings are ternary" 'low == -1 && [a-z>-]*high == 1' runtime/kernel/pack.c
once "the largest K of packings" 'max_k = 1' generator/packings.lua

# The catalogue names no instruction set.
for isa in templates/isa/*.lua; do
    name=$(basename "$isa" .lua)
    [ "$name" = c ] ||
        ! grep -nw "$name" generator/*.lua generator/*.c | grep -vE '^[^:]*:[0-9]+: *--' ||
        { echo "FAILED: $name is named in the generator"; failed=1; }
done
exit $failed
