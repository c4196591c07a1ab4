#!/usr/bin/env python3
"""Holds what the runtime reads from matrices with a scale for each group to the reader here:

  weights_check.py TOOL FOLDER       writes random models there; TOOL is tests/tool_weights.c

Every type of the same weights, with groups of 128, of 64, of both; codes +2, empty groups.
"""
import subprocess
import sys
from pathlib import Path

import numpy as np

from tensors import LOW_BITS, Q1_0, Grouped, Reader, dense


def write(path, words):
    script = Path(__file__).with_name("write_qwen3.py")
    subprocess.run([sys.executable, "-B", script, "-o", path, *words.split()], check=True)


def read(tool, path):
    """Name -> (group, values, weights)."""
    raw = subprocess.run([tool, path], check=True, stdout=subprocess.PIPE).stdout
    found, at = {}, 0
    while at < len(raw):
        end = raw.index(b"\n", at)
        name, n, k, group, values = raw[at:end].decode().split()
        count, at = int(n) * int(k), end + 1
        w = np.frombuffer(raw, "<f4", count, at).reshape(int(n), int(k))
        found[name], at = (int(group), values, w), at + 4 * count
    return found


def values(gguf, name):
    """The fewest that the type shows."""
    kind, codes = gguf.tensors[name][0], Grouped(gguf, name).codes
    if (codes == 2).any():
        return "twos"
    signs = kind == Q1_0 or (kind not in LOW_BITS and codes.all())
    return "signs" if signs else "trits"


def check(tool, path):
    gguf, found = Reader(str(path)), read(tool, path)
    names = [name for name, (_, shape, _) in gguf.tensors.items() if len(shape) == 2]
    assert names == list(found), (names, list(found))
    for name in names:
        group, kind, w = found[name]
        assert np.array_equal(w, dense(gguf, name)), name
        assert group == Grouped(gguf, name).group, (name, group)
        assert kind == values(gguf, name), (name, kind)
    return sorted({(group, kind) for group, kind, _ in found.values()})


MODELS = {
    "--shape 256x384x2x4x2 --head-dim 96 --empty 0.05":
        "f32 f16 q2_0 q2_0_legacy pq2_0 ptq1_0",
    "--shape 128x256x1x4x4 --signs --tied": "f32 f16 q2_0 q2_0_legacy pq2_0 ptq1_0 q1_0",
    "--shape 128x128x1x2x2 --twos 0.1 --seed 3": "f32 f16 q2_0 q2_0_legacy pq2_0",
    "--shape 256x256x1x4x2 --split-scales --twos 0.1 --seed 4": "f32 f16 q2_0",
    "--shape 256x384x1x4x2 --split-scales attn_k|ffn_up --empty 0.3 --seed 5": "f32 f16 q2_0",
}


def main():
    tool, folder = sys.argv[1], Path(sys.argv[2])
    for words, types in MODELS.items():
        for kind in types.split():
            path = folder / kind
            write(path, f"--type {kind} {words}")
            print(f"{words} --type {kind}: {check(tool, path)}")
            path.unlink()


if __name__ == "__main__":
    main()
