#!/bin/bash
# labels: slow
# Does `tritmill compare` rank variants, precisions and profiles, in outputs that programs and
# browsers can read, and refuse what it cannot mean?
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
model=$TRIT_SOURCE/tests/models/stories.gguf
failed=0
fail() { echo "FAILED: $*"; failed=1; }

# into NAME ARGUMENTS: of `compare`, which must succeed, into NAME.$format.
into() {
    "$TRITMILL" compare "${@:2}" -o $format >"$1.$format" 2>err ||
        fail "$1.$format: $? $(cat err)"
}
for format in md json csv html; do
    into v 'trit_gemv_t2_*' --shape 640x260 --seconds 0.2 -t 2
    into e --e2e none none -m "$model" -p 8 -n 3 -r 6 -t 1
done
for format in json html; do
    into m 'trit_gemm_t2_*' --shape 100x1111 --tokens 9 --seconds 0.2 -t 1
    into p --precision --model 256x768x2x4x2 --seconds 0.2 -t 1
done
cat v.md e.md
one=$("$TRITMILL" check --list 'trit_gemv_t2_*__c' | sed -n '1s/ .*//p')
format=csv
into one "$one" --shape 64x64 --seconds 0.1 -t 1
[ "$(wc -l <one.csv)" -ge 2 ] || fail "one kernel: $(cat one.csv)"

grep -q 'q|k|v: 2 x (512 x 256)' p.html ||
    fail "precision does not count the matrices as they are run"
into fixed 'trit_gemv_t[25]_i8_1x8*__c*' --fixed --shape 37x260 --seconds 0.1 -t 1
grep '_k260_n37__c_u4' fixed.csv | grep -q ',true,' ||
    fail "no unrolled kernel is right: $(cat fixed.csv)"

PATH=/nonexistent "$TRITMILL" compare "$one" --shape 64x64 --seconds 0.1 -t 1 >bare.md ||
    fail "without objdump and llvm-mca"
grep -q 'objdump (binutils) is not installed' bare.md ||
    fail "no word about objdump: $(cat bare.md)"
TRITMILL_ISA=c into c --shape 64x64 --seconds 0.1 -t 1
grep -v '^name,' c.csv | grep -q '__c' || fail "TRITMILL_ISA=c: no kernel took part"
grep -v '^name,' c.csv | grep -v '__c' && fail "TRITMILL_ISA=c: other kernels took part"

"${TRIT_PYTHON:-python3}" - <<'PYTHON' || failed=1
import csv, json, math
from html.parser import HTMLParser
from xml.etree import ElementTree

columns = """name packing isa median_ns low_ns high_ns samples vs_best vs_reference gbs gmacs
    limit_share limit bytes_per_weight code_bytes instructions_per_64 verified""".split()
bits = {"f32": 32, "f16": 16, "bf16": 16, "int8": 8, "int4": 4, "t2": 2, "t5": 1.6, "v5": 1.6,
        "t2g": 2.125, "t5g": 1.75, "v5g": 1.75, "b1g": 1.125}

def report_of(name):
    return json.load(open(name + ".json"))

def check_variants(name, op, n, k, m, threads):
    report = report_of(name)
    rows = report["rows"]
    shape = report["n"], report["k"], report["tokens"], report["threads"]
    assert shape == (n, k, m, threads), report
    assert report["limit_read_gbs"] > 0 and report["limit_int8_gmacs"] > 0
    assert report["cpu"] and report["date"]
    assert report["reference"].endswith("__c")
    assert any(r["name"] == report["reference"] for r in rows)
    assert rows and all(r["name"].startswith(f"trit_{op}_t2_") for r in rows)
    for r in rows:
        missing = [c for c in columns if c not in r]
        assert not missing, missing
        assert r["verified"] and r["why"] is None, r
        assert r["median_ns"] > 0 and r["bytes_per_weight"] >= 0.25, r
        assert r["low_ns"] is None or r["low_ns"] <= r["median_ns"] <= r["high_ns"], r
        assert (r["low_ns"] is not None) == (r["samples"] >= 6), r
        assert math.isclose(r["gmacs"], n * k * m / r["median_ns"], rel_tol=1e-6), r
        gbs = n * k * r["bytes_per_weight"] / r["median_ns"]
        assert math.isclose(r["gbs"], gbs, rel_tol=1e-6), r
        share = max(r["gbs"] / report["limit_read_gbs"], r["gmacs"] / report["limit_int8_gmacs"])
        assert math.isclose(r["limit_share"], share, rel_tol=1e-6), r
        assert math.isclose(r["vs_best"], r["median_ns"] / rows[0]["median_ns"], rel_tol=1e-9), r
    times = [r["median_ns"] for r in rows]
    assert times == sorted(times)
    assert next(r for r in rows if r["name"] == report["reference"])["vs_reference"] == 1
    return rows

rows = check_variants("v", "gemv", 640, 260, 1, 2)
check_variants("m", "gemm", 100, 1111, 9, 1)
sized = [r for r in rows if r["code_bytes"]]
assert not sized or all(r["code_bytes"] >= 64 for r in sized)
assert all(r["instructions_per_64"] is None or 1 < r["instructions_per_64"] < 500 for r in rows)

rows = report_of("p")["rows"]
formats = [r["format"] for r in rows]
assert formats == [f for f in bits if f in formats], formats
assert {"f32", "f16", "bf16", "t2", "t2g", "b1g"} <= set(formats), formats
for r in rows:
    assert r["verified"] and r["token_ms"] > 0
    assert math.isclose(r["token_ms"], r["matrix_ms"] + r["head_ms"], rel_tol=1e-9)
    assert math.isclose(r["tokens_per_second"], 1000 / r["token_ms"], rel_tol=1e-9)
    assert r["joules_per_token"] is None or r["joules_per_token"] > 0
    assert bits[r["format"]] <= r["bits_per_weight"] + 1e-9
weights = 2 * (2 * 256 * 256 + 2 * 128 * 256 + 3 * 768 * 256)
assert rows[0]["matrix_bytes"] == 4 * weights

report = report_of("e")
assert report["logits_equal"] == "equal" and report["logits_a"] == report["logits_b"] != "0" * 16
assert [r["test"] for r in report["rows"]] == ["pp8", "pp8", "tg3", "tg3"]
assert all(r["tokens_per_second"] > 0 and r["ratio"] > 0 for r in report["rows"])
assert all(r["ratio_low"] <= r["ratio"] <= r["ratio_high"] for r in report["rows"][1::2])

for name in "ve":
    table = list(csv.DictReader(open(name + ".csv")))
    rows = report_of(name)["rows"]
    assert table and len(table) == len(rows), name
    assert list(table[0]) == list(rows[0]), name
    assert all(None not in r and None not in r.values() for r in table), name
    lines = [l for l in open(name + ".md").read().splitlines() if l.startswith("|")]
    assert len(lines) == 2 + len(table), name
    assert len({len(l) for l in lines}) == 1, f"{name}.md is not aligned"

class Page(HTMLParser):
    void = {"meta"}
    def __init__(self):
        super().__init__()
        self.open, self.seen, self.links = [], [], []
    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.links += [v for k, v in attrs if k in ("src", "href", "srcset")]
        if tag not in self.void:
            self.open.append(tag)
    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)
    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

for name in "vmpe":
    text = open(name + ".html").read()
    page = Page()
    page.feed(text)
    page.close()
    assert not page.open and not page.links, (name, page.open, page.links)
    body = text.split("<body>")[1].lower().replace("nanosecond", "")
    assert "table" in page.seen and "nan" not in body, name
    figures = text.split("<svg")[1:]
    assert len(figures) == {"v": 2, "m": 2, "p": 1, "e": 0}[name], (name, len(figures))
    for figure in figures:
        root = ElementTree.fromstring("<svg" + figure.split("</svg>")[0] + "</svg>")
        width, height = map(float, root.attrib["viewBox"].split()[2:])
        for e in root.iter():
            for key in ("x", "x1", "x2", "cx"):
                assert 0 <= float(e.attrib.get(key, 0)) <= width, (e.tag, e.attrib)
            for key in ("y", "y1", "y2", "cy"):
                assert 0 <= float(e.attrib.get(key, 0)) <= height, (e.tag, e.attrib)
    if name in "vm":
        rows = report_of(name)["rows"]
        assert text.count("<circle") >= len(rows)
        assert text.count('<rect class="bar') == len(rows)
PYTHON

refused() {
    "$TRITMILL" compare "$@" >out 2>err
    local code=$?
    [ $code = 2 ] || fail "compare $*: exit code $code: $(cat err)"
    [ "$(wc -l <err)" = 1 ] || fail "compare $*: not one line: $(cat err)"
    [ -s out ] && fail "compare $*: output: $(head -c 100 out)"
}
refused
refused 'no-such-kernel*' --shape 64x64 --seconds 0.1
for shape in 64 64x x64 0x64 64x0 64x64x64 -1x64 99999999999x64 64x99999999 64X64 ' 64x64' \
    64xx64 ''; do
    refused --shape="$shape" --seconds 0.1
done
refused --shape 64x64 --tokens 0
refused --shape 64x64 --seconds 0
refused --shape 64x64 --cc no-such-compiler
refused --shape 64x64 -o xml
refused --shape 64x64 -m "$model"
refused --shape 64x192 --weights trits128
refused --shape 64x128 --weights trits128 'trit_gemv_t2_*'
refused --precision --model tiny --weights trits
refused --precision
refused --precision --model no-such-shape
refused --precision --model tiny -m "$model"
refused --precision --e2e
refused --precision --model tiny --shape 64x64
refused --precision --model tiny extra
refused --e2e none
refused --e2e none none none -m "$model"
refused --e2e none none -m "$model" -p 0 -n 0
refused --e2e none none -m "$model" -p 100000
# fails WHAT ARGUMENTS: that `compare` was to find impossible on its way.
fails() { "$TRITMILL" compare "${@:2}" >out 2>err && fail "$1 was taken"; }
short_of_memory() {
    fails "$@"
    grep -q memory err && [ "$(wc -l <err)" = 1 ] || fail "$1: $(cat err)"
}
short_of_memory "a shape beyond all memory" --shape 16777216x4194304 --seconds 0.1
short_of_memory "a model beyond all memory" --precision --model 4194304x4194304x1x1024x1024
fails "a profile that is not there" --e2e none ./no-such-profile -m "$model"
fails "a model that is not there" --e2e none none -m ./no-such-model
fails "a model that is none" --precision -m "$TRIT_SOURCE/README.md"
"$TRITMILL" compare 'trit_gemv_t2*__c' --shape 64x64 --seconds 0.1 >/dev/full 2>err &&
    fail "a full disk was not noticed"
exit $failed
