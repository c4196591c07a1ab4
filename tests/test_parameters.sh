#!/usr/bin/env bash
# Has every function six parameters at most, and does the check see one that has more?
set -u
python=${TRIT_PYTHON:-/usr/bin/python3}
[ -x "$python" ] || { echo "skipped: no python3"; exit 77; }
check="$TRIT_SOURCE/tests/parameters.py"
failed=0
fail() { echo "FAILED: $*"; failed=1; }

"$python" "$check" "$TRIT_SOURCE" || fail "the functions above have too many parameters"

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{runtime/kernel,autotune,generator}

# caught WHAT FILE EXPECTED: the check fails, and prints that line alone.
caught() {
    local said
    said=$("$python" "$check" "$tree") && fail "$1: not seen"
    [ "$said" = "$2:$3, at most 6" ] || fail "$1: expected $2:$3, got: $said"
    rm "$tree/$2"
}

# passes WHAT FILE
passes() {
    "$python" "$check" "$tree" || fail "$1"
    rm "$tree/$2"
}

cat >"$tree/runtime/six.c" <<'END'
static int six(int a, int b, int (*c)(int, int), const char *d, int e, int f)
{
    for (int i = 0, j = 0, k = 0, l = 0, m = 0, n = 0, o = 0; i + j + k + l + m + n + o;) {
        six(1, 2, c, "(,,,,,,,) {" /* , , , , , , , */, 5, 6);
    }
    return a + b + e + f;
}
END
passes "six parameters" runtime/six.c
cat >"$tree/autotune/seven.c" <<'END'
/* Seven (one, two, three, four, five, six, seven) {. */
__attribute__((format(printf, 6, 7))) void seven(int a, int b, int c, int d, int e,
                                                 const char *format, ...)
{
}
END
caught "seven" autotune/seven.c "2: seven has 7 parameters"
cat >"$tree/runtime/inline.h" <<'END'
static inline int eight(int a, int b, int c, int d, int e, int f, int g, int h) { return a; }
END
caught "eight in a header" runtime/inline.h "1: eight has 8 parameters"
printf 'namespace\n{\nvoid run(int, int, int, int, int, int, int) noexcept\n{\n}\n}\n' \
    >"$tree/generator/seven.cc"
caught "seven in C++" generator/seven.cc "3: run has 7 parameters"
printf 'void trit_ref(int a, int b, int c, int d, int e, int f, int g)\n{\n}\n' \
    >"$tree/runtime/kernel/ref.c"
passes "a kernel's reference" runtime/kernel/ref.c
exit $failed
