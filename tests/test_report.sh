#!/bin/bash
# labels: slow
# Does `make report`'s program make a whole page of a tiny budget: rows in each table, figures that
# are XML with nothing outside, no number that is missing or NaN; is nothing run twice, and what was
# stopped gone on with?
set -u
python=${TRIT_PYTHON:-python3}
"$python" -c 'import argparse, csv, hashlib, json, html' 2>/dev/null ||
    { echo "skipped: no python3 with its library"; exit 77; }
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
[ "$(uname -m)" = x86_64 ] && export TRITMILL_ISA=ssse3 # fewer kernels to time
fail() { echo "FAILED: $*"; exit 1; }
sed 's/^$/<|endoftext|>/' "$TRIT_SOURCE/tests/data/stories.txt" >"$dir/text"
command=("$python" -B "$TRIT_SOURCE/runtime/train/recipe/report.py" "$TRITMILL" -o "$dir/out"
    --size tiny --text "$dir/text")
report() { "${command[@]}" "$@" 2>&1; }

# Stopped in a training that takes minutes, and gone on with; then the same budget, less the steps.
rows() { cat "$dir"/out/runs-*/dense.csv 2>/dev/null | wc -l; }
stopped_after() {
    "${command[@]}" --steps 100000 >"$dir/said" 2>&1 & pid=$!
    while kill -0 "$pid" 2>/dev/null && [ "$(rows)" -le "$1" ]; do sleep 0.05; done
    kill "$pid" && wait "$pid"
    [ $? = 130 ] || fail "stopped: $(cat "$dir/said")"
}
stopped_after 2
ls "$dir"/out/runs-*/dense.ckpt >/dev/null || fail "a run that is stopped has no checkpoint"
first=$(sed -n 2p "$dir"/out/runs-*/dense.csv) last=$(rows)
stopped_after "$last"
grep -q 'training dense, from its checkpoint' "$dir/said" || fail "begun again: $(cat "$dir/said")"
[ "$first" = "$(sed -n 2p "$dir"/out/runs-*/dense.csv)" ] || fail "rows of its log are lost"

report >"$dir/said" || fail "$(cat "$dir/said")"
report >"$dir/again" || fail "again: $(cat "$dir/again")"
[ "$(wc -l <"$dir/again")" = 1 ] || fail "run twice: $(cat "$dir/again")"
"$python" -B - "$dir/out" <<'P' || exit 1
import json
import os
import re
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree

out = sys.argv[1]
md, html = (open(os.path.join(out, "report." + end)).read() for end in ("md", "html"))
sections = dict(s.split("\n", 1) for s in re.split(r"^##+ ", md, flags=re.M)[1:])
for text in md, html:
    assert not re.search(r"\b([Nn]a[Nn]|inf|None)\b", text), "a number is missing"
precisions = ["f32", "f16", "int8", "int4", "ternary, 2 bits", "ternary, 1.6 bits",
              "grouped, 1.75 bits", "1 bit"]
NONE = "\u2013"


def table(section):
    lines = [line for line in sections[section].splitlines() if line.startswith("|")]
    assert len({len(line) for line in lines}) == 1, section + ": its table is not aligned"
    return [[c.strip() for c in line.strip("|").split("|")] for line in lines[:1] + lines[2:]]


def number(cell):
    return float(cell.removeprefix("\u2248").rstrip("%"))


head, *rows = table("Precisions on the trained shape")
assert [r[0] for r in rows] == precisions, rows
whole = [r[0] for r in rows if r[6] != NONE]
assert len(whole) == 6 and "int4" not in whole and len({"f32", "f16"} - set(whole)) == 0, whole
for r in rows:
    assert all(number(c) > 0 for c in (r[3], r[4], r[7], r[8], r[9])), r
    assert (r[5] == NONE) == (r[6] == NONE), r
    assert 2 < number(r[9]) < 400, r
sizes = [number(r[4]) for r in rows]
assert sizes[:5] == sorted(sizes[:5], reverse=True) and sizes[7] == min(sizes), sizes
by = {r[0]: number(r[9]) for r in rows}
assert abs(by["f32"] - by["f16"]) < 0.1 and 0 < abs(by["f32"] - by["int4"]) < 20, by

head, *rows = table("256x256x1x4x2")
assert [r[0] for r in rows] == precisions, rows
for r in rows:
    assert all(number(c) > 0 for c in r[1:4] + r[5:]), r
    assert (r[4] == NONE) == (r[0] in precisions[:4]), r
head, *rows = table("Whole models of random weights")
assert len(rows) == 1 and all(number(c) > 0 for c in rows[0][2:]), rows

head, *rows = table("Training: loss of each recipe")
assert len(rows) == 6 and len({r[0] for r in rows}) == 6, rows
assert all(number(c) >= 0 for r in rows for c in r[1:]), rows
assert len({r[4] for r in rows}) == 6, "two recipes have one loss"
assert "Not measured: RAPL" in sections["Energy"] or table("Energy")[1:]

figures = re.findall(r"!\[.*\]\((.*)\)", md)
assert len(figures) == 4 == html.count("<svg") == html.count("<figcaption>"), figures
for name in figures:
    text = open(os.path.join(out, name)).read()
    root = ElementTree.fromstring(text)
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    places = [(e, k, float(v)) for e in root.iter() for k, v in e.attrib.items()
              if k in ("x", "x1", "x2", "cx", "y", "y1", "y2", "cy")]
    assert all(0 <= v <= (width if "x" in k else height) for _, k, v in places), name
    texts = [e.text for e in root.iter() if e.tag.endswith("text")]
    assert len(texts) > 12 and "nan" not in text.lower(), (name, texts)
    assert text in html, name + " is not in the page"
curves = open(os.path.join(out, "loss.svg")).read()
assert curves.count("<polyline") == 6
lines = re.findall(r"^20\S+ \S+ UTC  tritmill .*", md, re.M)
assert len(lines) > 20 and sum("tritmill train " in line for line in lines) == 6, lines


class Balance(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.links = [], []

    def handle_starttag(self, tag, attrs):
        self.links += [v for k, v in attrs if k in ("src", "href")]
        self.open += [] if tag == "meta" else [tag]

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag


page = Balance()
page.feed(html)
page.close()
assert not page.open and not page.links, (page.open, page.links)
for name in os.listdir(os.path.join(out, "results")):
    record = json.load(open(os.path.join(out, "results", name)))
    assert record["build"] and record["date"] and record["words"], name
P

# Where counters of energy can be read they are shown.
"$python" - "$dir"/out/results/products-256*.json <<'P'
import json, sys
record = json.load(open(sys.argv[1]))
found = json.loads(record["out"])
for i, row in enumerate(found["rows"]):
    row["joules_per_token"] = 0.5 + i
record["out"] = json.dumps(found)
json.dump(record, open(sys.argv[1], "w"))
P
report >/dev/null && grep -q '^| 256x256x1x4x2 | f32 .*0.500 |' "$dir/out/report.md" ||
    fail "energy is not shown: $(grep -A9 '^## Energy' "$dir/out/report.md")"

# A text that cannot be trained on is refused in a line.
cp "$TRIT_SOURCE/tests/data/stories.txt" "$dir/text" # one document
report >"$dir/said" && fail "a text without held-out documents was taken"
tail -1 "$dir/said" | grep -q '^report: .*text: 1 documents.* give a longer text' ||
    fail "$(cat "$dir/said")"
