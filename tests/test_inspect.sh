#!/bin/bash
# Does `tritmill inspect` show what is in a file, as text and as JSON, and refuse what is not one?
set -eu
model=$TRIT_SOURCE/tests/models/stories.gguf
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fails=0

# says TEXT COMMAND...: exit code 0 and TEXT in what is printed
says() {
    local text=$1; shift
    local out
    if ! out=$("$@" 2>&1) || ! grep -qF -- "$text" <<<"$out"; then
        echo "not said: '$text' by $*"; head -30 <<<"$out"; fails=$((fails + 1))
    fi
}

# refuses CODE TEXT COMMAND...: that exit code, nothing on stdout, TEXT in one line on stderr
refuses() {
    local code=$1 text=$2 got=0; shift 2
    "$@" >"$work/out" 2>"$work/err" || got=$?
    if [ $got != $code ] || [ -s "$work/out" ] || [ "$(wc -l <"$work/err")" != 1 ] ||
        ! grep -qF -- "$text" "$work/err"; then
        echo "not refused ($got) with '$text': $*"; cat "$work/err"; fails=$((fails + 1))
    fi
}

says 'architecture  bitnet-b1.58' "$TRITMILL" inspect "$model"
says 'parameters    5252352 in 68 tensors' "$TRITMILL" inspect "$model"
says 'bitnet-b1.58.rope.freq_base                    f32       500000' "$TRITMILL" inspect "$model"
says '["!", "\"", "#", "$", "%", "&", ... (2048)]' "$TRITMILL" inspect "$model"
says 'blk.5.ffn_down.weight       I2_S      768 x 256                   49184        2298112' \
    "$TRITMILL" inspect --tensors "$model"
[ "$("$TRITMILL" inspect "$model" | grep -c '^  blk')" = 0 ] || fails=$((fails + 1))
[ "$("$TRITMILL" inspect "$model" --tensors | grep -c '^  blk')" = 66 ] || fails=$((fails + 1))
synth() { "$TRITMILL" synth --shape tiny --vocab 300 -o "$work/made" "$@" 2>/dev/null; }
synth --activation-bits 4 --hadamard 128
says 'inputs        int4, of rotated weights in blocks of 128' "$TRITMILL" inspect "$work/made"
says 'tritmill.activation_bits                       u32       4' "$TRITMILL" inspect "$work/made"
synth --hadamard 64
says 'inputs        int8, of rotated weights in blocks of 64' "$TRITMILL" inspect "$work/made"
synth --activation-bits 4
says 'inputs        int4' "$TRITMILL" inspect "$work/made"
says 'Usage: tritmill inspect FILE' "$TRITMILL" inspect --help

# The JSON: well formed, and right where the text is.
"$TRITMILL" inspect -o json "$model" >"$work/short.json"
"$TRITMILL" inspect -o json --all "$model" >"$work/full.json"
"$TRIT_PYTHON" - "$work" <<'END' || fails=$((fails + 1))
import json, struct, sys
def load(name):
    return json.load(open(f"{sys.argv[1]}/{name}.json", encoding="utf-8"))
short, full = load("short"), load("full")
tokens = short["metadata"]["tokenizer.ggml.tokens"]
assert (tokens["type"], tokens["items"], tokens["count"]) == ("array", "string", 2048)
assert len(tokens["value"]) == 8
assert len(full["metadata"]["tokenizer.ggml.tokens"]["value"]) == 2048
assert full["metadata"]["tokenizer.ggml.add_bos_token"] == {"type": "bool", "value": True}
eps = full["metadata"]["bitnet-b1.58.attention.layer_norm_rms_epsilon"]
assert eps == {"type": "f32", "value": struct.unpack("f", struct.pack("f", 1e-5))[0]}
assert short["tensors"] == full["tensors"] and len(full["tensors"]) == 68
t = {t["name"]: t for t in full["tensors"]}["blk.5.ffn_down.weight"]
assert (t["type"], t["type_id"], t["shape"], t["bytes"]) == ("I2_S", 36, [768, 256], 49184)
assert t["offset"] == t["data_offset"] + full["data_offset"] == 2298112
assert sum(x["parameters"] for x in full["types"].values()) == 5252352
assert full["trailing_bytes"] == 0
END

# A file that no model can be made of is shown all the same; what a terminal would act on is not.
says 'type 99' "$TRITMILL" inspect --tensors "$TRIT_SOURCE/tests/corpus/gguf/unknown_type"
says '"type_id": 99' "$TRITMILL" inspect -o json "$TRIT_SOURCE/tests/corpus/gguf/unknown_type"
# Type 42 has two layouts, which only the places in the file tell apart.
corpus=$TRIT_SOURCE/tests/corpus/gguf
says ' Q2_0             1           2048      576 B ' "$TRITMILL" inspect "$corpus/q2_0"
says ' PQ2_0            1           2048      544 B ' "$TRITMILL" inspect "$corpus/q2_0_legacy"
printf 'GGUF\3\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0' >"$work/strange"
printf '\4\0\0\0\0\0\0\0k\33[m\10\0\0\0\6\0\0\0\0\0\0\0a\n\33\377\302\233' >>"$work/strange"
printf '\1\0\0\0\0\0\0\0f\6\0\0\0\0\0\300\177' >>"$work/strange"
says 'k\x1b[m  string    "a\n\x1b\xff\xc2\x9b"' "$TRITMILL" inspect "$work/strange"
says '"value": "a\n\u001B�' "$TRITMILL" inspect -o json "$work/strange"
says '"value": "nan"' "$TRITMILL" inspect -o json "$work/strange"
cp "$model" "$work/tail" && echo more >>"$work/tail"
says '5 bytes after the last tensor are not used' "$TRITMILL" inspect "$work/tail"

refuses 1 'header (offset 0): not a GGUF file' \
    "$TRITMILL" inspect "$TRIT_SOURCE/tests/test_inspect.sh"
refuses 1 "cut: tensor 'b' (offset 264): its 96 bytes" \
    "$TRITMILL" inspect "$TRIT_SOURCE/tests/corpus/gguf/cut"
refuses 1 'No such file' "$TRITMILL" inspect "$work/absent"
refuses 1 'is a folder, must be a regular file' "$TRITMILL" inspect "$work"
refuses 2 'give one file' "$TRITMILL" inspect
refuses 2 'two' "$TRITMILL" inspect "$model" two
refuses 2 '--tensors' "$TRITMILL" inspect "$model" --tensor
refuses 2 'xml' "$TRITMILL" inspect "$model" -o xml

[ $fails = 0 ] && echo "all as expected"
[ $fails = 0 ]
