#!/usr/bin/env python3
"""Holds a family's writer, the reader and the two references to each other:

  types_check.py FOLDER ARCHITECTURE       qwen3 or qwen35; writes models there

Every type of the same weights must read as the same weights, equal FORMATS-2.md's formulas taken
element by element, and give the same binary32 logits; float64, with ties settled alike, must agree
with binary32 to 1e-4 of the row's largest logit.
"""
import subprocess
import sys
from pathlib import Path

import numpy as np

from hybrid import open_model
from reference import difference
from tensors import LOW_BITS, Reader, dense

ARCHITECTURE = sys.argv[2]
IDS = [i * i * 7 % 251 for i in range(40)]

# --- the formulas: code of element j of a block without its scale ---


def one_bit(qs, j):
    return 1 if qs[j // 8] >> j % 8 & 1 else -1


def two_bits(qs, j):
    return (qs[j // 4] >> 2 * (j % 4) & 3) - 1


def base_3(qs, j):
    if j < 80:
        n, byte = j // 16, qs[j % 16]
    elif j < 120:
        n, byte = (j - 80) // 8, qs[16 + j % 8]
    else:
        n, byte = (j - 120) // 2, qs[24 + j % 2]
    return ((byte * 3**n % 256) * 3 >> 8) - 1


FORMULAS = {41: one_bit, 42: two_bits, 142: two_bits, 143: base_3}


def check_formulas(gguf, name, w):
    """The first rows, element by element."""
    kind, shape, offset = gguf.tensors[name]
    block, size, at, _ = LOW_BITS[kind]
    for b in range(3 * shape[1] // block):
        raw = bytes(gguf.bytes_at(offset + b * size, size))
        d = float(np.frombuffer(raw[at : at + 2], "<f2")[0])
        qs = raw[:at] + raw[at + 2 :]
        wanted = [d * FORMULAS[kind](qs, j) for j in range(block)]
        assert w.ravel()[b * block : (b + 1) * block].tolist() == wanted, (name, b)


# --- models ---


def write(path, words):
    script = Path(__file__).with_name(f"write_{ARCHITECTURE}.py")
    subprocess.run([sys.executable, "-B", script, "-o", path, *words.split()], check=True)


def is_matrix(name, shape):
    return len(shape) == 2 and "ssm_conv1d" not in name


def check_tensors(gguf, first, kind):
    assert list(gguf.tensors) == list(first.tensors)
    for name, (stored, shape, _) in gguf.tensors.items():
        w = dense(gguf, name)
        assert np.array_equal(w, dense(first, name)), name
        assert stored == (kind if is_matrix(name, shape) else 0), (name, stored)
        if stored in LOW_BITS:
            check_formulas(gguf, name, w)


def logits(path):
    """Of binary32; holds float64 to it."""
    model = open_model(str(path))
    contract = model.contract()
    rows = contract.logits([IDS])[0]
    error, apart = difference(model.logits_after(contract, [IDS])[0], rows)
    groups = sorted({m.group for w in model.blocks for m in w.values()
                     if getattr(m, "group", None)})
    print(f"  {path.name}: groups {groups}, float64 {error:.1e} from binary32, "
          f"{model.ties.settled} ties settled, up to {model.ties.worst:.1e} past the middle")
    assert error < 1e-4 and not (apart > 1e-4).any()
    return rows.view(np.uint32), groups


KINDS = {"f32": 0, "f16": 1, "bf16": 30, "q2_0": 42, "q2_0_legacy": 142, "pq2_0": 142,
         "ptq1_0": 143, "q1_0": 41}


def check(folder, types, wanted, words):
    """Files of those types; the same bits in all of them."""
    print(f"{words}: {types}")
    first, same = None, None
    for kind in types.split():
        path = Path(folder) / kind
        write(path, f"--type {kind} {words}")
        gguf = Reader(str(path))
        first = first or gguf
        if not {"--rows", "--gates", "--hadamard"} & set(words.split()):
            check_tensors(gguf, first, KINDS[kind])
        rows, groups = logits(path)
        assert groups == wanted, groups
        same = rows if same is None else same
        assert np.array_equal(rows, same), kind
        path.unlink()


def qwen3(folder):
    two, low = "q2_0 q2_0_legacy pq2_0", "q2_0 q2_0_legacy pq2_0 ptq1_0"
    check(folder, f"f32 f16 {low}", [128], "--shape 256x384x2x4x2 --head-dim 96 --empty 0.05")
    check(folder, f"f32 {low} q1_0", [128],
          "--shape 128x256x2x4x4 --signs --tied --yarn 4 --orig 64")
    check(folder, f"f16 {low}", [128], "--shape 256x128x3x2x1 --rows q8_0 --chain --seed 2")
    check(folder, f"f32 f16 bf16 {two}", [128],
          "--shape 128x128x1x2x2 --short-scales --twos 0.1 --seed 3")
    check(folder, "f32 f16 q2_0", [64], "--shape 256x256x2x4x2 --split-scales --twos 0.1 --seed 4")
    check(folder, "f32 q2_0", [64, 128],
          "--shape 256x384x2x4x2 --split-scales attn_k|ffn_up --rows f32 --empty 0.1 --seed 5")


def qwen35(folder):
    """Floats of the gates' matrices and of the head are multiplied as floats."""
    low = "q2_0 q2_0_legacy pq2_0 ptq1_0"
    check(folder, f"f32 f16 {low}", [128], "--shape 128x256x4x4x2 --head-dim 64 --empty 0.05")
    check(folder, "f32 q1_0 ptq1_0", [128],
          "--shape 128x256x2x2x1 --interval 2 --signs --hadamard 64 --tied --seed 2")
    check(folder, "f32 q2_0", [64, 128],
          "--shape 256x128x2x4x2 --interval 2 --v-heads 4 --conv 2 --rows f16 --gates f32 "
          "--hadamard 32 --identity --split-scales attn_k|ssm_out --twos 0.1 --seed 3")


def main():
    {"qwen3": qwen3, "qwen35": qwen35}[ARCHITECTURE](sys.argv[1])


if __name__ == "__main__":
    main()
