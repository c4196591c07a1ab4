#!/usr/bin/env python3
"""Holds constrained decoding to JSON Schema, of which this has a validator of its own.

grammar.py TOOL MODEL SEED COUNT

Makes COUNT random schemas of the subset; what random walks through the masks give must be JSON and
valid, and random valid documents, in layouts that the grammar has, must be taken token by token.
Prints what differs, and figures; exit code 1 where something differs.
"""
import json
import random
import re
import subprocess
import sys

# --- validation ---

TYPES = {"null": lambda v: v is None, "boolean": lambda v: isinstance(v, bool),
         "string": lambda v: isinstance(v, str), "array": lambda v: isinstance(v, list),
         "object": lambda v: isinstance(v, dict),
         "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
         "integer": lambda v: TYPES["number"](v) and v == int(v)}
LEAP = lambda y: y % 4 == 0 and (y % 100 != 0 or y % 400 == 0)


def is_date(s):
    m = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", s, re.A)
    if not m:
        return False
    y, mo, d = map(int, m.groups())
    days = [31, 29 if LEAP(y) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return 1 <= mo <= 12 and 1 <= d <= days[mo - 1]


def is_time(s):
    m = re.fullmatch(r"(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-](\d\d):(\d\d))", s, re.A)
    return bool(m) and int(m[1]) < 24 and int(m[2]) < 60 and int(m[3]) < 60 and \
        (m[5] == "Z" or (int(m[6]) < 24 and int(m[7]) < 60))


FORMATS = {"date": is_date, "time": is_time,
           "date-time": lambda s: s[10:11] == "T" and is_date(s[:10]) and is_time(s[11:]),
           "uuid": lambda s: bool(re.fullmatch(
               r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", s)),
           "ipv4": lambda s: bool(re.fullmatch(r"(\d{1,3}\.){3}\d{1,3}", s, re.A)) and
           all(int(p) < 256 and str(int(p)) == p for p in s.split(".")),
           "email": lambda s: bool(re.fullmatch(r"[^@\s]+@[0-9A-Za-z.\-]+\.[0-9A-Za-z\-]+", s))}


def same(a, b):
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a == b


def find(root, ref):
    at = root
    for step in ref[1:].split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        at = at[int(step)] if isinstance(at, list) else at[step]
    return at


def valid(v, s, root):
    """JSON Schema 2020-12, of the keywords that there are here, and formats as assertions."""
    if isinstance(s, bool):
        return s
    if s.get("nullable") and v is None:
        return True
    if "$ref" in s and not valid(v, find(root, s["$ref"]), root):
        return False
    if "type" in s:
        types = s["type"] if isinstance(s["type"], list) else [s["type"]]
        if not any(TYPES[t](v) for t in types):
            return False
    if "enum" in s and not any(same(v, e) for e in s["enum"]):
        return False
    if "const" in s and not same(v, s["const"]):
        return False
    if "anyOf" in s and not any(valid(v, a, root) for a in s["anyOf"]):
        return False
    if "oneOf" in s and sum(valid(v, a, root) for a in s["oneOf"]) != 1:
        return False
    if not all(valid(v, a, root) for a in s.get("allOf", [])):
        return False
    if TYPES["number"](v):
        if v < s.get("minimum", v) or v > s.get("maximum", v):
            return False
        if "exclusiveMinimum" in s and v <= s["exclusiveMinimum"]:
            return False
        if "exclusiveMaximum" in s and v >= s["exclusiveMaximum"]:
            return False
    if isinstance(v, str):
        if not s.get("minLength", 0) <= len(v) <= s.get("maxLength", len(v)):
            return False
        if "pattern" in s and not re.search(s["pattern"].replace("$", r"\Z"), v, re.A):
            return False
        if s.get("format") in FORMATS and not FORMATS[s["format"]](v):
            return False
    if isinstance(v, list):
        first = s.get("prefixItems", [])
        if not s.get("minItems", 0) <= len(v) <= s.get("maxItems", len(v)):
            return False
        for i, item in enumerate(v):
            if not valid(item, first[i] if i < len(first) else s.get("items", True), root):
                return False
    if isinstance(v, dict):
        properties = s.get("properties", {})
        if any(name not in v for name in s.get("required", [])):
            return False
        for name, value in v.items():
            if not valid(value, properties.get(name, s.get("additionalProperties", True)), root):
                return False
    return True


# --- random schemas, and documents of them ---

NAMES = ["a", "b", "ab", "name", "x y", "q\"t", "back\\slash", "n\nl", "tag", "é", "nam", ""]
PATTERNS = [("^[a-z]{2,4}$", lambda r: pick(r, "abcxyz", r.randint(2, 4))),
            ("^(ab|cd)*x?$",
             lambda r: "".join(r.choice(["ab", "cd"]) for _ in range(r.randint(0, 4)))
             + r.choice(["", "x"])),
            (r"^\d+\.\d{2}$", lambda r: "%d.%02d" % (r.randint(0, 999), r.randint(0, 99))),
            ("foo", lambda r: text(r) + "foo" + text(r)),
            ("^a|b$", lambda r: r.choice(["a" + text(r), text(r) + "b"])),
            (r"^[^\"\\x]{0,3}$", lambda r: pick(r, "abc é\n", r.randint(0, 3))),
            (r"^\w+@\w+\.(com|org)$",
             lambda r: pick(r, "a_9Z", 3) + "@" + pick(r, "bB", 2) + ".org"),
            ("^[α-ω]+.$", lambda r: pick(r, "αβω", 2) + r.choice("x😀\"")),
            (r"^[\x41-\u005a]+$", lambda r: pick(r, "AMZ", 3)),
            ("^(a|ab)(c|bcd)(d*)$", lambda r: r.choice(["acd", "abcd", "abbcd", "abc", "abcdd"]))]
PIECES = ["a", "foo", " ", "\"", "\\", "é", "😀", "\n", "\t", "/", "ab", "日本", "{", "<",
          "\x7f", "\x01"]


def pick(r, letters, n):
    return "".join(r.choice(letters) for _ in range(n))


def text(r, most=5):
    return "".join(r.choice(PIECES) for _ in range(r.randint(0, most)))


def bounds(r, s, low, high, names):
    a, b = sorted([r.randint(low, high), r.randint(low, high)])
    if r.random() < 0.7:
        s[names[0]] = a
    if r.random() < 0.7:
        s[names[1]] = b
    return s


def scalar(r):
    kind = r.randint(0, 9)
    if kind == 0:
        return {"type": "string"}
    if kind == 1:
        return bounds(r, {"type": "string"}, 0, 8, ("minLength", "maxLength"))
    if kind == 2:
        return {"type": "string", "pattern": r.choice(PATTERNS)[0]}
    if kind == 3:
        return {"type": "string", "format": r.choice(list(FORMATS) + ["uri"])}
    if kind == 4:
        width = 10 ** r.randint(0, 17)
        s = bounds(r, {"type": "integer"}, -width, width, ("minimum", "maximum"))
        if "minimum" in s and r.random() < 0.3:
            s["exclusiveMinimum"] = s.pop("minimum") - 1
        return s
    if kind == 5:
        width = 10 ** r.randint(0, 5)
        return bounds(r, {"type": "number"}, -width, width, ("minimum", "maximum"))
    if kind == 6:
        values = [r.choice([1, -2, 1.5, None, True, False, "x", "xy", "é\n", {"a": [1]}, [], "",
                            7.0, 0.1, 123456789012345678]) for _ in range(r.randint(1, 5))]
        return {"enum": values} if r.random() < 0.7 else {"const": values[0]}
    if kind == 7:
        return {"type": r.sample(["null", "boolean", "integer", "number", "string"], 2)}
    if kind == 8:
        return {"type": r.choice(["null", "boolean"]), "description": "d", "x-y": 1}
    return r.choice([True, {}, {"type": "number", "nullable": True}, {"type": "object"},
                     {"type": "array"}])


def tagged(r, depth, tag):
    s = an_object(r, depth - 1, closed=True)
    s["properties"] = {"kind": {"const": tag}, **s["properties"]}
    s["required"] = ["kind"] + s["required"]
    return s


def schema(r, depth):
    kind = r.random()
    if depth <= 0 or kind < 0.3:
        return scalar(r)
    if kind < 0.6:
        return an_object(r, depth)
    if kind < 0.75:
        s = bounds(r, {"type": "array", "items": schema(r, depth - 1)}, 0, 4,
                   ("minItems", "maxItems"))
        if r.random() < 0.3:
            s["prefixItems"] = [schema(r, depth - 1) for _ in range(r.randint(1, 3))]
        if r.random() < 0.2 and "minItems" not in s:
            s["items"] = r.choice([True, False])
        return s
    if kind < 0.85:
        return {"anyOf": [schema(r, depth - 1) for _ in range(r.randint(1, 3))]}
    if kind < 0.9:
        return {"oneOf": [tagged(r, depth, "one"), tagged(r, depth, 2), {"type": "string"}]}
    if kind < 0.94:
        return {"allOf": [{"type": "object", "properties": {"p": schema(r, depth - 1)},
                           "required": ["p"]},
                          {"properties": {"q": schema(r, depth - 1)}}]}
    return {"$ref": "#/$defs/" + r.choice(["tree", "l~1ist"])}


def an_object(r, depth, closed=False):
    names = [n for n in r.sample(NAMES, r.randint(0, 4))]
    s = {"type": "object", "properties": {n: schema(r, depth - 1) for n in names},
         "required": [n for n in names if r.random() < 0.5]}
    if not closed and r.random() < 0.3 and all(n.isascii() for n in names):
        s["additionalProperties"] = r.choice([True, schema(r, depth - 1)])
        if r.random() < 0.2:
            s["required"] = s["required"] + ["more"]
    elif r.random() < 0.5:
        s["additionalProperties"] = False
    return s


def whole(r):
    root = schema(r, 3)
    if not isinstance(root, dict):
        root = {"anyOf": [root]}
    root["$defs"] = {"tree": {"type": "object", "properties": {
        "v": {"type": "integer"}, "left": {"$ref": "#/$defs/tree"},
        "more": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}, "required": ["v"]},
        "l/ist": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {
            "head": scalar(r), "tail": {"$ref": "#/$defs/l~1ist"}}, "required": ["head", "tail"]}]}}
    return root


class Cannot(Exception):
    """There is no such document, or it is not worth looking for."""


def anything(r, depth=2):
    kind = r.randint(0, 7 if depth else 5)
    if kind == 6:
        return [anything(r, depth - 1) for _ in range(r.randint(0, 3))]
    if kind == 7:
        return {text(r, 2).replace("\x00", ""): anything(r, depth - 1)
                for _ in range(r.randint(0, 3))}
    return [None, True, False, r.randint(-10**17, 10**17), r.randint(-999, 999) / 8, text(r)][kind]


def document(r, s, root, depth=0):
    """A random value of the schema, with members in its order."""
    if depth > 12:
        raise Cannot
    if s is False:
        raise Cannot
    if s is True:
        return anything(r)
    if s.get("nullable") and r.random() < 0.3:
        return None
    if "$ref" in s:
        return document(r, find(root, s["$ref"]), root, depth + 1)
    for name in ("anyOf", "oneOf"):
        if name in s:
            return document(r, r.choice(s[name]), root, depth + 1)
    if "allOf" in s:
        merged = {"type": "object", "properties": {}, "required": []}
        for one in s["allOf"]:
            merged["properties"].update(one.get("properties", {}))
            merged["required"] += one.get("required", [])
        return document(r, merged, root, depth + 1)
    if "const" in s:
        return s["const"]
    if "enum" in s:
        return r.choice(s["enum"])
    kind = s.get("type")
    kind = r.choice(kind) if isinstance(kind, list) else kind
    if kind is None:
        return anything(r)
    if kind == "null":
        return None
    if kind == "boolean":
        return r.random() < 0.5
    if kind == "integer":
        low = s.get("minimum", s.get("exclusiveMinimum", -10**6 - 1) + 1)
        high = s.get("maximum", max(low, 10**6))
        if low > high:
            raise Cannot
        return r.choice([low, high, r.randint(low, high)])
    if kind == "number":
        low, high = s.get("minimum", -1000), s.get("maximum", 1000)
        low, high = min(low, high), max(low, high)
        v = r.choice([low, high, r.randint(low, high), low + (high - low) * r.randint(0, 64) / 64])
        if not valid(v, s, root):
            raise Cannot
        return v
    if kind == "string":
        return a_string(r, s)
    if kind == "array":
        first = s.get("prefixItems", [])
        low, high = s.get("minItems", 0), s.get("maxItems", s.get("minItems", 0) + 4)
        if s.get("items") is False:
            high = min(high, len(first))
        if low > high:
            raise Cannot
        return [document(r, first[i] if i < len(first) else s.get("items", True), root, depth + 1)
                for i in range(r.randint(low, high))]
    return a_document(r, s, root, depth)


def a_string(r, s):
    if "pattern" in s:
        return dict(PATTERNS)[s["pattern"]](r)
    if s.get("format") in FORMATS:
        date = "%04d-%02d-%02d" % (r.choice([1900, 2000, 2024, r.randint(0, 9999)]),
                                   r.choice([2, r.randint(1, 12)]),
                                   r.choice([29, r.randint(1, 31)]))
        if s["format"].startswith("date") and not is_date(date):
            raise Cannot
        time = "%02d:%02d:%02d%s%s" % (r.randint(0, 23), r.randint(0, 59), r.randint(0, 59),
                                       r.choice(["", ".5"]), r.choice(["Z", "+05:30", "-00:00"]))
        return {"date": date, "time": time, "date-time": date + "T" + time,
                "uuid": "0b5e3a3c-AAAA-4b1c-9d7e-%012x" % r.getrandbits(48),
                "ipv4": ".".join(str(r.choice([0, 9, 99, 199, 249, 255])) for _ in range(4)),
                "email": "a.b+c@d-e.example.org"}[s["format"]]
    letters = ["a", "é", "😀", "\"", "\\", "\n", " ", "日"]
    low, high = s.get("minLength", 0), s.get("maxLength", s.get("minLength", 0) + 6)
    if low > high:
        raise Cannot
    return pick(r, letters, r.randint(low, high))


def a_document(r, s, root, depth):
    v = {}
    properties = dict(s.get("properties", {}))
    more = s.get("additionalProperties", "properties" not in s and not s.get("required"))
    for name in s.get("required", []):
        properties.setdefault(name, more if more is not False else True)
    for name, one in properties.items():
        if name in s.get("required", []) or r.random() < 0.4 / (1 + depth / 3):
            try:
                v[name] = document(r, one, root, depth + 1)
            except Cannot:
                if name in s.get("required", []):
                    raise
    if more is not False:
        names = ["k1", "nam", "na\"me", "abc", "日", "zz\n"]
        for name in names[r.randint(0, 5):][:r.randint(0, 2)]:
            if name not in properties:
                v[name] = document(r, more, root, depth + 1)
    return v


def write(r, v, indent, free):
    """The value in one of the layouts that models have. free: strings may have any escape."""
    if isinstance(v, bool) or v is None or isinstance(v, (int, float)):
        return json.dumps(v)
    if isinstance(v, str):
        return quote(r, v, free)
    style = r.choice(["", " ", "\n" + "  " * (indent + 1), "\n", "\n\t"])
    colon = r.choice([":", ": "])
    if isinstance(v, list):
        parts = [write(r, one, indent + 1, free) for one in v]
    else:
        parts = [quote(r, k, False) + colon + write(r, one, indent + 1, free)
                 for k, one in v.items()]
    around = "[]" if isinstance(v, list) else "{}"
    comma = "," + (style or r.choice(["", " "]))
    if not parts:
        return around[0] + r.choice(["", style]) + around[1]
    end = "" if not style else "\n" + "  " * indent if style[0] == "\n" else " "
    return around[0] + style + comma.join(parts) + end + around[1]


def quote(r, s, free):
    out = ""
    for c in s:
        if c in "\"\\" or ord(c) < 32:
            out += json.dumps(c)[1:-1]
        elif free and r.random() < 0.1:
            out += json.dumps(c)[1:-1]
        else:
            out += c
    return '"' + out + '"'


def is_free(s):
    """No part of the schema has strings that may have but one writing."""
    return not re.search(r'"(pattern|format|enum|const)"', json.dumps(s))


# --- the comparison ---

def main():
    tool, model, seed, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    print("seed", seed)
    asks = []
    for i in range(count):
        r = random.Random(seed * 1000003 + i)
        root = whole(r)
        texts = []
        for _ in range(6):
            try:
                v = document(r, root, root)
            except Cannot:
                continue
            if valid(v, root, root):
                texts.append(write(r, v, 0, is_free(root)))
        asks.append({"schema": root, "texts": texts, "walks": 4, "seed": i})
    lines = "".join(json.dumps(a) + "\n" for a in asks)
    run = subprocess.run([tool, model], input=lines.encode(), stdout=subprocess.PIPE, check=True)
    said = [json.loads(line) for line in run.stdout.splitlines()]
    bad = walks = open_ = taken = refused = 0
    assert len(said) == len(asks)
    for ask, answer in zip(asks, said):
        if "error" in answer:
            refused += 1
            if answer["code"] not in (3, 4):
                bad += 1
                print("code", answer)
            if ask["texts"] and answer["code"] == 4 and "no text can" in answer["error"]:
                bad += 1
                print("refused", json.dumps(ask["schema"]), answer["error"], ask["texts"][0])
            elif "-v" in sys.argv:
                print("refused:", answer["error"])
            continue
        for walk in answer["walks"]:
            if not walk["ended"]:
                open_ += 1
                if walk["dead"]:
                    bad += 1
                    print("dead end", json.dumps(ask["schema"]), walk["text"])
                continue
            walks += 1
            try:
                good = valid(json.loads(walk["text"]), ask["schema"], ask["schema"])
            except ValueError:
                good = False
            if not good:
                bad += 1
                print("not valid", json.dumps(ask["schema"]), walk["text"])
        for text_, good in zip(ask["texts"], answer["taken"]):
            taken += 1
            if not good:
                bad += 1
                print("not taken", json.dumps(ask["schema"]), text_)
    print("%d schemas, %d refused; %d walks valid, %d not ended; %d documents taken; %d wrong" %
          (count, refused, walks, open_, taken, bad))
    if walks < count or taken < count:
        bad += 1
        print("too few")
    sys.exit(bad > 0)


main()
