#!/usr/bin/env python3
"""Folds the rotation of FORMATS-2.md 3.5 into the weights of an unrotated qwen35 model, or takes it
out again; shares nothing with the runtime nor with rotation.py.

  fold_qwen35.py PLAIN TWIN --block B [--identity] [--ungrouped] [--plant MISTAKE]
  fold_qwen35.py --unfold ROTATED PLAIN

With W the plain weights, H the transform of blocks and s the signs of a width: the twin has W s H,
with ssm_out's columns in grouped order before (unless --ungrouped), and H(s e) for a row e of the
embedding. Matrices are written in f64, which only our reference reads, or f32. A model without
output.weight becomes version 2, whose head is the rotated embedding.
"""
import argparse
import sys

import numpy as np

from gguf_write import F32, F64, write_gguf
from tensors import Reader, dense
from input_keys import hadamard_keys, random_signs
from write_qwen35 import folded

FORMS = {"f64": (F64, "<f8"), "f32": (F32, "<f4")}
EMBEDDING = "token_embd.weight"

# Mistakes, each of them in the twin while its keys are right, or in its keys while it is right.
PLANTS = {
    "signs-after": "s after H, in every matrix",
    "no-signs": "no s at all",
    "tiled": "ssm_out's columns stay tiled, and the keys say grouped",
    "widths": "the signs stand in the reverse order of their widths",
    "block": "H of half the block",
    "embedding-side": "the embedding's s on the other side of H",
    "embedding-plain": "an embedding as it was",
    "unlisted": "the last ffn_down is not in the list",
    "gates": "ssm_alpha and ssm_beta folded too, and not in the list",
}


def kronecker(block):
    h = np.ones((1, 1))
    while len(h) < block:
        h = np.kron([[1, 1], [1, -1]], h)
    return h / np.sqrt(block)


def blockwise(w, block):
    return (w.reshape(-1, block) @ kronecker(block)).reshape(w.shape)


def grouped_columns(keys):
    """For each grouped column, the tiled one."""
    part = lambda name: keys["qwen35.ssm." + name]
    g, v, d = part("group_count"), part("time_step_rank"), part("state_size")
    columns = np.empty(v * d, int)
    for k in range(g):
        for r in range(v // g):
            at = d * (v // g * k + r)
            columns[at : at + d] = d * (g * r + k) + np.arange(d)
    return columns


class Fold:
    """signs: width -> s; columns: grouped from tiled, or None."""

    def __init__(self, block, signs, columns, plant=None):
        self.block, self.signs, self.columns, self.plant = block, signs, columns, plant

    def steps(self, name, width):
        """From plain to twin: each with its inverse."""
        if name == EMBEDDING and self.plant == "embedding-plain":
            return []
        s = np.ones(width) if self.plant == "no-signs" else self.signs[width]
        block = self.block // 2 if self.plant == "block" else self.block
        own_inverse = lambda change: (change, change)
        steps = [own_inverse(lambda w: w * s), own_inverse(lambda w: blockwise(w, block))]
        side = name == EMBEDDING and self.plant == "embedding-side"
        if self.plant == "signs-after" or side:
            steps.reverse()
        if name.endswith("ssm_out.weight") and self.columns is not None and self.plant != "tiled":
            back = np.argsort(self.columns)
            steps.insert(0, (lambda w: w[:, self.columns], lambda w: w[:, back]))
        return steps

    def rows(self, name, w):
        """As the twin has them."""
        for forward, _ in self.steps(name, w.shape[1]):
            w = forward(w)
        return w

    def plain(self, name, w):
        """From what a twin has."""
        for _, back in reversed(self.steps(name, w.shape[1])):
            w = back(w)
        return w

    def takes(self, name, listed):
        gate = name.endswith(("ssm_alpha.weight", "ssm_beta.weight"))
        return name in listed or (gate and self.plant == "gates")


def convert(gguf, form, change):
    """Tensors for write_gguf: matrices by change(name, w) in `form`, others as they are, in f32."""
    tensors = []
    for name, (_, shape, _) in gguf.tensors.items():
        matrix = len(shape) == 2 and not name.endswith("ssm_conv1d.weight")
        kind, layout = FORMS[form if matrix else "f32"]
        w = change(name, dense(gguf, name)) if matrix else dense(gguf, name)
        tensors.append((name, kind, shape, w.astype(layout).tobytes()))
    return tensors


def listed_names(gguf):
    layers = gguf.keys["qwen35.block_count"] - gguf.keys.get("qwen35.nextn_predict_layers", 0)
    return [name for name in gguf.tensors if folded(name, layers)]


def matrix_widths(gguf):
    return {gguf.tensors[name][1][1] for name in [*listed_names(gguf), EMBEDDING]}


def reversed_widths(signs):
    values = np.concatenate([signs[width] for width in reversed(signs)])
    return dict(zip(signs, np.split(values, np.cumsum(list(signs))[:-1])))


def drop_last(names):
    names.remove([name for name in names if "ffn_down" in name][-1])


def fold(source, target, block, seed=1, form="f64", identity=False, grouped=True, plant=None):
    gguf = Reader(source)
    widths = matrix_widths(gguf)
    signs = random_signs(widths, seed)
    if identity:
        signs = {width: np.ones(width, int) for width in widths}
    columns = grouped_columns(gguf.keys) if grouped else None
    change = Fold(block, signs, columns, plant)
    listed = listed_names(gguf)
    taken = [*listed, EMBEDDING]
    tensors = convert(gguf, form, lambda n, w: change.rows(n, w) if change.takes(n, taken) else w)
    if plant == "unlisted":
        drop_last(listed)
    if plant == "widths":
        signs = reversed_widths(signs)
    version = 1 if "output.weight" in gguf.tensors else 2
    keys = hadamard_keys(listed, block, None if identity else signs, version, grouped)
    write_gguf(target, [*gguf.entries, *keys], tensors)


def unfold(source, target, form="f32", plant=None):
    """The plain model of a twin; with a mistake, of another one."""
    gguf = Reader(source)
    own = lambda name, *default: gguf.keys.get("prism.hadamard." + name, *default)
    widths = own("sign_widths", list(matrix_widths(gguf)))
    values = np.array(own("sign_values", [1] * sum(widths)))
    signs = dict(zip(widths, np.split(values, np.cumsum(widths)[:-1])))
    if plant == "widths":
        signs = reversed_widths(signs)
    change = Fold(own("block_size"), signs,
                  grouped_columns(gguf.keys) if own("gdn_v_grouped", False) else None, plant)
    listed = [name.decode() for name in own("weight_names") + own("inverse_weight_names")]
    if plant == "unlisted":
        drop_last(listed)
    tensors = convert(gguf, form, lambda n, w: change.plain(n, w) if change.takes(n, listed) else w)
    write_gguf(target, [e for e in gguf.entries if b"prism.hadamard." not in e[:40]], tensors)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--unfold", action="store_true")
    parser.add_argument("--block", type=int)
    parser.add_argument("--form", choices=FORMS, help="default: f64, unfolded f32")
    parser.add_argument("--identity", action="store_true", help="no signs")
    parser.add_argument("--ungrouped", action="store_true")
    parser.add_argument("--plant", choices=PLANTS)
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    if a.unfold:
        unfold(a.source, a.target, a.form or "f32", a.plant)
    elif a.block:
        fold(a.source, a.target, a.block, a.seed, a.form or "f64", a.identity, not a.ungrouped,
             a.plant)
    else:
        parser.error("folding needs --block")
    return 0


if __name__ == "__main__":
    sys.exit(main())
