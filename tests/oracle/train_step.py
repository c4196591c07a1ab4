#!/usr/bin/env python3
"""One step of training, computed again in float64, against a trainer's:

  train_step.py FOLDER [--within E]     compares; fails where they differ
  train_step.py --self-test [SEED]      gradients against central differences

FOLDER has, little-endian: shape.json (the fields of struct trit_train_shape by name), tokens.i32
(rows of T + 1 ids; meta.json's "rows" says how many, else T is the context), w.f32 (the block of
masters before the step), g.f32 (the gradient of the mean loss, before clipping), after.f32 (the
masters after the first AdamW step, of m = v = 0), meta.json: loss, lr, weight_decay, clip_norm (the
largest length of the gradient; 0: any), b1, b2, adam_eps.

Three comparisons. Gradients: each tensor's largest error, as a share of its largest element. AdamW
alone, of the trainer's own gradient: every element. The whole step, of the gradient computed here:
every element but those whose gradient is noise. The first step moves an element by
lr * g / (|g| + eps), about lr in the direction of g's sign, so where |g| is not above the error
that its tensor's gradient may have, the direction means nothing; those are counted and left out.

Inputs are rounded to integers in both runs, and a value half way between two may be rounded apart.
Such ties are sought among the values that lay nearest to half way, one by one, and taken where the
gradient then agrees better; they are told, and they are all within SLACK of half way.
"""
import argparse
import json
import sys
from pathlib import Path

import numpy as np

from train_graph import Exact, Graph, layout

WITHIN = 3e-5  # of a tensor's largest gradient
SLACK = 2e-3  # of the distance between two integers
AGREED = 1e-5  # of the gradient's length: below it no ties are sought
TRIES = 60  # of the nearest values, each time
TIES = 30  # at most settled
SHARE = 0.02  # of elements that may be left out


class Dump:
    def __init__(self, folder):
        folder = Path(folder)
        self.shape = json.loads((folder / "shape.json").read_text())
        self.meta = json.loads((folder / "meta.json").read_text())
        block = lambda name: np.fromfile(folder / name, "<f4").astype(np.float64)
        self.w, self.g, self.after = block("w.f32"), block("g.f32"), block("after.f32")
        tokens = np.fromfile(folder / "tokens.i32", "<i4")
        rows = self.meta.get("rows", tokens.size // (self.shape["context"] + 1))
        self.tokens = tokens.reshape(rows, -1)
        self.tensors, floats = layout(self.shape)
        for name in ("w", "g", "after"):
            values = getattr(self, name)
            if len(values) != floats or not np.isfinite(values).all():
                raise ValueError(f"{name}.f32: no {floats} finite floats")
        if self.tokens.min() < 0 or self.tokens.max() >= self.shape["vocab"]:
            raise ValueError("tokens.i32: an id outside the vocabulary")


def adamw(w, g, tensors, meta):
    """The masters after a first step."""
    length, clip = np.sqrt((g * g).sum()), meta["clip_norm"]
    if clip and length > clip:
        g = g * (clip / length)
    m, v = (1 - meta["b1"]) * g, (1 - meta["b2"]) * g * g
    step = (m / (1 - meta["b1"])) / (np.sqrt(v / (1 - meta["b2"])) + meta["adam_eps"])
    decay = np.zeros_like(w)
    for t in tensors.values():
        if not t.norm:
            t.of(decay)[:] = meta["weight_decay"]
    return w - meta["lr"] * (step + decay * w)


# --- ties ---


class Attempt:
    def __init__(self, dump, flips):
        self.flips = flips
        self.q = Exact(dump.shape, flips, SLACK)
        graph = Graph(dump.shape, dump.w, self.q)
        self.loss = graph.run(dump.tokens)
        self.g = graph.g
        self.error = np.linalg.norm(self.g - dump.g) / np.linalg.norm(self.g)


def next_tie(dump, best):
    """The first of the nearest values, rounded apart, that takes away a part of the error."""
    taken = {(site, i) for site, flips in best.flips.items() for i, _ in flips}
    for tie, site, index, by in sorted(best.q.near)[: TRIES + len(taken)]:
        if (site, index) in taken:
            continue
        flips = {**best.flips, site: [*best.flips.get(site, ()), (index, by)]}
        attempt = Attempt(dump, flips)
        if attempt.error < 0.95 * best.error:
            print(f"  a tie: {site}[{index}], {tie:.1e} from half way: "
                  f"error {best.error:.1e} -> {attempt.error:.1e}")
            return attempt
    return None


def settled(dump):
    best = Attempt(dump, {})
    for _ in range(TIES):
        better = next_tie(dump, best) if best.error > AGREED else None
        if not better:
            break
        best = better
    count = sum(len(flips) for flips in best.flips.values())
    print(f"  {count} of {best.q.count} inputs rounded apart, {len(best.q.near)} lay within "
          f"{SLACK} of half way")
    return best


# --- comparisons ---


def gradients(dump, g, within):
    worst = 0.0
    for t in dump.tensors.values():
        ours, theirs = t.of(g), t.of(dump.g)
        error = np.abs(ours - theirs).max() / max(np.abs(ours).max(), 1e-30)
        worst = max(worst, error)
        print(f"  {error:.1e}  {t.name}" + ("  <- over" if error > within else ""))
    return worst <= within


def allowed(dump):
    """Of a parameter: a hundredth of a step, at most 1e-5, and the rounding of its sum."""
    return min(1e-5, 0.01 * dump.meta["lr"]) + 2.0**-23 * np.abs(dump.w)


def steps(dump, after, counted, what):
    error = np.abs(after - dump.after)
    over = (error > allowed(dump)) & counted
    most = error[counted].max(initial=0)
    print(f"  {what}: parameters differ by {most:.1e} at most, {most / dump.meta['lr']:.1e} of lr; "
          f"{over.sum()} over the limit")
    for t in dump.tensors.values():
        if t.of(over).any():
            print(f"    {t.of(over).sum()} of {t.name}, up to {t.of(error * counted).max():.1e}")
    return not over.any()


def meaningful(dump, g, within):
    """Elements whose gradient's sign is known: above the error allowed of its tensor, and, clipped,
    well above AdamW's eps; or exactly 0 in both."""
    length, clip = np.sqrt((g * g).sum()), dump.meta["clip_norm"]
    scale = clip / length if clip and length > clip else 1.0
    known = np.ones(g.shape, bool)
    for t in dump.tensors.values():
        own = np.abs(t.of(g))
        t.of(known)[:] = own > max(within * own.max(), 300 * dump.meta["adam_eps"] / scale)
    return known | ((g == 0) & (dump.g == 0))


def compare(dump, within):
    best = settled(dump)
    g = best.g
    off = abs(best.loss - dump.meta["loss"])
    print(f"  loss {best.loss:.6f}, theirs {dump.meta['loss']:.6f}: {off:.1e} apart")
    good = off <= 1e-5 * max(1.0, best.loss)
    good &= gradients(dump, g, within)
    every = np.ones(g.shape, bool)
    good &= steps(dump, adamw(dump.w, dump.g, dump.tensors, dump.meta), every, "AdamW alone")
    known = meaningful(dump, g, within)
    good &= steps(dump, adamw(dump.w, g, dump.tensors, dump.meta), known, "the step")
    left = int((~known).sum())
    print(f"  {left} of {g.size} parameters left out, whose gradient is noise")
    return good and left <= SHARE * g.size


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--within", type=float, default=WITHIN,
                        help="of gradients, per tensor (%(default)s)")
    parser.add_argument("--self-test", type=int, nargs="?", const=1, metavar="SEED")
    a = parser.parse_args()
    if a.self_test is not None:
        from train_self import self_test
        return 0 if self_test(a.self_test) else 1
    if not a.folder:
        parser.error("a folder, or --self-test")
    good = compare(Dump(a.folder), a.within)
    print("agreed" if good else "they differ")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
