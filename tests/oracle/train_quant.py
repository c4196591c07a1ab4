"""The quantisers of training (CONVENTIONS.md, "Training"), step by step in binary32: what masters
and inputs become in the forward pass. They are defined in binary32, so the float64 graph
(train_graph.py) asks them for numbers of which the weights' are exact, and the inputs' differ from
a float32 run's only where a value lies within a rounding error of half way between two integers.
"""
import numpy as np

from binary32 import r16

F = np.float32
GROUP = 128
DENSE, TERNARY, BINARY = range(3)
LEAST = F(1e-5)


def sums_of_8(rows):
    """Of the last axis, in binary64: eight partial sums, then their tree."""
    pad = -rows.shape[-1] % 8
    rows = np.concatenate([rows, np.zeros(rows.shape[:-1] + (pad,))], axis=-1)
    lanes = rows.reshape(rows.shape[:-1] + (-1, 8))
    p = np.zeros(rows.shape[:-1] + (8,))
    for i in range(lanes.shape[-2]):
        p = p + lanes[..., i, :]
    p = p[..., :4] + p[..., 4:]
    return (p[..., 0] + p[..., 2]) + (p[..., 1] + p[..., 3])


def absmean(w):
    """Of all of a matrix."""
    total = 0.0
    for row in sums_of_8(np.abs(w.astype(np.float64))):
        total += row
    return F(total / w.size)


def ternary(w, s):
    return np.rint(np.clip(w * s, F(-1), F(1)))


def signs(w):
    return np.where(w < 0, F(-1), F(1))


def by_matrix(w, kind, half):
    """half: the scale is f16's, since it will stand with each group."""
    d = max(absmean(w), LEAST)
    d = F(np.float16(d)) if half else d
    if kind == BINARY:
        return signs(w) * d
    s = F(1) / d
    return ternary(w, s) * (d if half else F(1) / s)


def by_groups(w, kind):
    """Scales are f16's."""
    w = w.reshape(w.shape[0], -1, GROUP)
    m = (sums_of_8(np.abs(w.astype(np.float64))) / GROUP).astype(F)
    d = np.maximum(m, LEAST).astype(np.float16).astype(F)[..., None]
    t = signs(w) if kind == BINARY else ternary(w, F(1) / d)
    return (t * d).reshape(w.shape[0], -1)


def weights(w, kind, group, inputs_group=0):
    """The numbers that masters w, a matrix, have in products, as float64."""
    if kind == DENSE:
        return w
    w = w.astype(F)
    return (by_groups(w, kind) if group else by_matrix(w, kind, inputs_group)).astype(np.float64)


def inputs(x, bits, group, flips=()):
    """Of each token's x, or of each group of it: its numbers in products as float64, and how far
    each was from half way between two integers before it was rounded (in their distance; those
    that were clamped: 1). flips: (index, +1 or -1) of those that another run rounded apart."""
    n = group or x.shape[-1]
    parts = x.astype(F).reshape(-1, n)
    if bits == 8:
        m, top, low, high = np.abs(parts).max(axis=-1), F(127), F(-128), F(127)
    else:
        m, top, low, high = r16(np.abs(parts)) / F(n), F(2.64575131), F(-8), F(7)
    s = (top / np.maximum(m, LEAST))[:, None]
    scaled = parts * s
    a = np.rint(np.clip(scaled, low, high)).ravel()
    inside = (scaled > low) & (scaled < high)
    tie = np.where(inside, np.abs(np.abs(scaled - np.rint(scaled)) - F(0.5)), 1)
    for index, by in flips:
        a[index] += by
    y = a.reshape(parts.shape) * (F(1) / s)
    way = np.sign(scaled - np.rint(scaled))
    return y.astype(np.float64).reshape(x.shape), tie.ravel(), way.ravel()
