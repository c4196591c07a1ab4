"""gguf_compare.py OURS THEIRS: do `tritmill inspect -o json --all` and gguf.mjs say the same of a file? Numbers are compared
as numbers, because a JavaScript reader writes 500000.0 as 500000, and zero without its sign."""
import json
import sys


def same(a, b):
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    return a == b


ours, theirs = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:3])
keep = ("name", "type_id", "shape", "data_offset")
ours["tensors"] = [{k: t[k] for k in keep} for t in ours["tensors"]]
faults = [f"version: {ours['version']} {theirs['version']}"] if ours["version"] != theirs["version"] else []
for key in ours["metadata"].keys() | theirs["metadata"].keys():
    a, b = ours["metadata"].get(key), theirs["metadata"].get(key)
    if not same(a, b):
        faults.append(f"key {key}: {str(a)[:200]} | {str(b)[:200]}")
if not same(ours["tensors"], theirs["tensors"]):
    faults += [f"tensor: {a} | {b}" for a, b in zip(ours["tensors"], theirs["tensors"]) if not same(a, b)]
    faults.append(f"{len(ours['tensors'])} and {len(theirs['tensors'])} tensors")
print(f"{len(ours['metadata'])} keys, {len(ours['tensors'])} tensors: {len(faults)} faults")
print("\n".join(faults[:20]))
sys.exit(1 if faults else 0)
