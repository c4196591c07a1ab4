# Sourced by test_ARCH_reference.sh: random models of architecture $arch, whose logits are held to
# the independent reference (bit for bit by the number contract, within 1e-3 of float64, with ties
# settled alike), the same in every type of the matrices, and with any ISA, threads, chunks and
# packed cache (packs=no: there is none of such models).
# shellcheck shell=bash disable=SC2154,SC2034
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
oracle() { "$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/$1.py" "${@:2}"; }
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
export TRITMILL_CACHE=none
isas=$("$TRITMILL" cpu | awk 'ready && $3 == "usable" { print $1 } $1 == "ISA" { ready = 1 }')
failed=0
fail() { echo "FAILED: $*"; failed=1; }

# run TYPE OPTIONS: what the runtime says of the ids, in raw.TYPE.
run() {
    "$TRIT_BUILD/tests/logits" -m "$dir/model.$1" --ids "$dir/ids" --out "$dir/raw.$1" "${@:2}" \
        >"$dir/hash"
}

# same TYPE: other threads, chunks and a packed cache change nothing.
same() {
    mv "$dir/raw.$1" "$dir/raw"
    for isa in $isas; do
        TRITMILL_ISA=$isa TRITMILL_KERNEL="*__$isa*" run "$1" -t 2 &&
            cmp "$dir/raw" "$dir/raw.$1" || fail "$1: ISA $isa"
    done
    for options in "-t 1 --chunk 1" "-t 3 --chunk 7" "-t 2 --chunk 512"; do
        run "$1" $options && cmp "$dir/raw" "$dir/raw.$1" || fail "$1: $options"
    done
    [ "${packs-yes}" = no ] && return
    "$TRITMILL" pack -m "$dir/model.$1" -t 2 -o "$dir/pack" >/dev/null 2>"$dir/err" ||
        fail "pack: $(cat "$dir/err")"
    TRITMILL_CACHE=$dir/pack run "$1" -t 2 && cmp "$dir/raw" "$dir/raw.$1" || fail "$1: its cache"
    TRITMILL_CACHE=$dir/pack "$TRITMILL" run -m "$dir/model.$1" -p ab -n 3 >/dev/null \
        2>"$dir/err" &&
        grep -q "packed cache $dir/pack" "$dir/err" && ! grep -q 'packed again' "$dir/err" ||
        fail "$1: its cache: $(cat "$dir/err")"
    rm -f "$dir/pack" "$dir/raw"
}

# model TOKENS "TYPES" ARGUMENTS: the first type is held to the reference, the others to the first.
# A type with a colon has embedding and output of the type after it.
model() {
    local tokens=$1 types=$2 first=${2%% *} type rows
    shift 2
    echo "$*, $tokens tokens: $types"
    "$TRIT_PYTHON" -c "print(*(i * i * 7 % 251 for i in range($tokens)))" >"$dir/ids"
    for type in $types; do
        case $type in *:*) rows="--rows ${type#*:}" ;; *) rows= ;; esac
        # shellcheck disable=SC2086
        oracle "write_$arch" -o "$dir/model.$type" --type "${type%:*}" $rows "$@" &&
            run "$type" -t 2 ||
            fail "$type: $*"
        cmp "$dir/raw.$first" "$dir/raw.$type" || fail "$type is not $first: $*"
    done
    oracle reference compare "$dir/model.$first" --ids "$dir/ids" --logits "$dir/raw.$first" ||
        fail "$*"
    same "$first"
    rm -f "$dir"/model.* "$dir"/raw.*
}
