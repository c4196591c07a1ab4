#!/bin/bash
# labels: slow
# Is a text the same, greedy and drawn, with and without drafts by a file's prediction block; are
# its drafts as good as those of the independent reference, whose block is not rounded; and is a
# block that is not whole, or not there, refused by name?
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
oracle() { "$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/$1.py" "${@:2}"; }
work=$(mktemp -d) && cd "$work" && trap 'rm -rf "$work"' EXIT
export TRITMILL_CACHE=none
failed=0
fail() { echo "FAILED: $*"; failed=1; }
run() { # FILE OPTIONS: its text to `text`, what it says to `said`
    "$TRITMILL" run -m "$1" -p "a text" -n 120 --ignore-eos "${@:2}" >text 2>said ||
        fail "$*: $(cat said)"
}
# same FILE: with drafts of every number.
same() {
    local options drafts
    for options in "--temp 0" "--temp 1 --seed 4" "--temp 0 --kv-type i8 -t 2 --chunk 3"; do
        # shellcheck disable=SC2086
        run "$1" $options --draft none && mv text plain
        for drafts in "--draft mtp" "--draft mtp --draft-n 1" "--draft mtp --draft-n 16" \
            "--draft lookup" "--draft auto --draft-n 3"; do
            # shellcheck disable=SC2086
            run "$1" $options $drafts
            cmp -s plain text || fail "$1: $options: $drafts changes the text"
        done
        grep -q 'mtp = [1-9].* drafted tokens accepted' said || fail "$1: no word of drafts"
    done
}
# The share of drafts that the runtime's block has right, of all and by the reference.
quality() {
    "$TRITMILL" run -m "$1" -p "a text" -n 90 --ignore-eos --temp 0 --draft mtp --draft-n 1 \
        -o json >json 2>said || fail "$1: $(cat said)"
    "$TRIT_PYTHON" -c 'import json
j = json.load(open("json"))
print(*j["tokens"], file=open("ids", "w"))
t = j["timings"]
assert t["draft"] == "mtp"
print(t["draft_n_accepted"] / t["draft_n"])' >share
    oracle reference drafts "$1" --ids ids >drafts
    "$TRIT_PYTHON" - "$1" <<'END' || fail "$1: quality"
import sys
ids = open("ids").read().split()
right = [d.split()[0] == t for d, t in zip(open("drafts"), ids[2:])]
own, theirs = float(open("share").read()), sum(right) / len(right)
print(f"{sys.argv[1]}: drafts right {own:.2f}, by the reference {theirs:.2f}")
assert own > theirs - 0.2 and theirs > 0.5
END
}
shape="--shape 256x384x4x4x2 --head-dim 64"
# shellcheck disable=SC2086
oracle write_qwen35 -o own --type ptq1_0 $shape --mtp --mtp-own --chain --vocab 400 &&
    oracle write_qwen35 -o turned --type q2_0 $shape --hadamard 128 --mtp f16 --mtp-own --chain &&
    oracle write_qwen35 -o plain.gguf --type q1_0 $shape
"$TRITMILL" synth -o chain --shape 256x384x4x4x2x64 --arch qwen35 --vocab 600 --mtp-accept 0.9 \
    --hadamard 64
for model in own turned chain; do
    same $model
    quality $model
done
# A packed cache holds the block, too.
run chain --temp 0 && mv text plain
"$TRITMILL" pack -m chain -o chain.pack >out 2>&1 || fail "pack: $(cat out)"
TRITMILL_CACHE=chain.pack run chain --temp 0
cmp -s plain text && ! grep -q 'packed again' said || fail "from a packed cache: $(cat said)"

refused() { # WORDS COMMAND...
    "${@:2}" >out 2>&1 && fail "$*: not refused"
    [ "$(wc -l <out)" = 1 ] && grep -qF -- "$1" out || fail "$*: $(cat out)"
}
refused "has no prediction block" "$TRITMILL" run -m plain.gguf -p x -n 4 --draft mtp
refused "has no prediction block" "$TRITMILL" bench -m plain.gguf -p 0 -n 4 --draft mtp
for tensor in nextn.eh_proj nextn.enorm nextn.hnorm ffn_down attn_q_norm; do
    "$TRIT_PYTHON" -c 'import sys
name = sys.argv[1].encode()
b = open("chain", "rb").read()
assert b.count(name) == 1
open("lacking", "wb").write(b.replace(name, b"X" + name[1:]))' "blk.4.$tensor.weight"
    refused "tensor 'blk.4.$tensor.weight' is missing" "$TRITMILL" run -m lacking -p x -n 4
done
exit $failed
