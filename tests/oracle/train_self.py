"""Holds train_graph.py to the mathematics: for every kind of model, the gradient of the loss
against central differences in float64.

A quantiser has no derivative, so it is replaced by its surrogate (train_graph.Frozen): the number
that it added at the point of the test is added at all points near it. The surrogate's forward at
that point must be the quantiser's, and its true gradient is the straight-through one.
"""
import io
import json
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np

import train_quant as quant
from train_graph import Exact, Frozen, Graph, layout
from train_step import WITHIN, Dump, adamw, compare

LIMIT = 1e-6
PLAIN = {"family": 0, "weights": 1, "weight_group": 0, "input_group": 0, "input_bits": 8,
         "hadamard": 0, "low_rows": 0, "vocab": 40, "hidden": 48, "ffn": 80, "layers": 1,
         "heads": 4, "kv_heads": 2, "head_dim": 12, "context": 64, "eps": 1e-5,
         "rope_base": 10000.0}
WIDE = {"hidden": 128, "ffn": 256, "head_dim": 32}  # that groups divide
QWEN3 = {"family": 1, "eps": 1e-6}
SHAPES = {
    "bitnet, dense": {"weights": 0, "input_bits": 0},
    "bitnet, ternary": {"layers": 2},
    "bitnet, binary": {"weights": 2},
    "bitnet, int4": {"input_bits": 4},
    "bitnet, int4, rotated": {**WIDE, "input_bits": 4, "hadamard": 64},
    "bitnet, int8 in groups": {**WIDE, "input_group": 128},
    "bitnet, groups, low rows": {**WIDE, "weight_group": 128, "input_group": 128, "low_rows": 1},
    "qwen3, dense": {**QWEN3, "weights": 0, "input_bits": 0, "kv_heads": 1, "head_dim": 16},
    "qwen3, ternary": {**QWEN3, "kv_heads": 4, "layers": 2},
    "qwen3, groups": {**WIDE, **QWEN3, "weight_group": 128, "input_group": 128},
    "qwen3, int4 groups, rotated, binary, low rows": {
        **WIDE, **QWEN3, "weights": 2, "weight_group": 128, "input_group": 128, "input_bits": 4,
        "hadamard": 128, "low_rows": 1},
}


def masters(shape, random):
    """Norms near 1, matrices larger than at a model's beginning, so that all parts matter."""
    tensors, floats = layout(shape)
    w = np.zeros(floats)
    for t in tensors.values():
        noise = random.normal(size=t.of(w).shape)
        t.of(w)[:] = 1 + 0.3 * noise if t.norm else 0.2 * noise
    return w.astype(np.float32).astype(np.float64), tensors


def slope(shape, w, shifts, tokens, way):
    """d loss(w + h way) / dh, to the fourth order."""
    at = lambda h: Graph(shape, w + h * way, Frozen(shifts)).run(tokens)
    h = 2e-5  # small: a gate that turns 0 within it bends the slope
    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)


def ways(tensors, g, random):
    """For each tensor a direction of all elements that leans to the gradient (across it, little is
    left to compare), and one of its larger elements."""
    for t in tensors.values():
        own = t.of(g)
        whole, single = np.zeros_like(g), np.zeros_like(g)
        lean = own / np.linalg.norm(own) + 0.3 * random.normal(size=own.shape) / np.sqrt(own.size)
        t.of(whole)[:] = 0.1 * lean
        largest = np.argsort(-np.abs(own), axis=None)[: max(1, own.size // 10)]
        t.of(single).reshape(-1)[random.choice(largest)] = 0.1
        yield t.name, whole
        yield t.name + ", one element", single


def gradient_of(name, shape, random):
    w, tensors = masters(shape, random)
    tokens = random.integers(0, shape["vocab"], size=(2, 10))
    q = Exact(shape)
    graph = Graph(shape, w, q)
    loss = graph.run(tokens)
    frozen = Graph(shape, w, Frozen(q.shifts))
    assert abs(frozen.run(tokens) - loss) < 1e-12, "the surrogate's forward"
    worst, where = 0.0, ""
    for what, way in ways(tensors, graph.g, random):
        wanted = slope(shape, w, q.shifts, tokens, way)
        error = abs(graph.g @ way - wanted) / abs(wanted)
        worst, where = max((worst, where), (error, what))
    print(f"  {name}: error {worst:.1e} ({where})")
    return worst < LIMIT


def quantisers(random):
    """On numbers that can be done by hand."""
    w = np.array([[0.5, -1.0, 0.0, 0.1, 0.2, -0.1, 0.05, 0.05]])  # absmean 0.25
    assert quant.weights(w, quant.TERNARY, 0).tolist() == [[0.25, -0.25, 0, 0, 0.25, 0, 0, 0]]
    assert np.abs(quant.weights(w, quant.BINARY, 0)).tolist() == [[0.25] * 8]
    wide = random.normal(size=(3, 256))
    y = quant.weights(wide, quant.TERNARY, 128).reshape(6, 128)
    d = np.abs(wide).reshape(6, 128).mean(axis=1)
    top = np.abs(y).max(axis=1)
    assert (np.abs(top - d) <= 2.0**-11 * d).all() and (top == top.astype(np.float16)).all()
    assert all(set(np.unique(np.abs(row))) == {0, most} for row, most in zip(y, top))
    x, _, _ = quant.inputs(np.array([[127.0, -63.5, 0.4, 1.6]]), 8, 0)
    assert np.allclose(x, [[127, -64, 0, 2]], rtol=1e-6)
    x, _, _ = quant.inputs(np.array([[4.0, -1.0, 1.0, 0.0]]), 4, 0)  # mean 1.5, step 1.5 / sqrt 7
    step = 1.5 / np.sqrt(7)
    assert np.allclose(x, np.array([[7, -2, 2, 0]]) * step, rtol=1e-6)


# --- the comparison: a trainer that computes with noise of float32's size must agree, one with a
# mistake must not ---


class Noisy(Graph):
    def linear(self, x, site, names, turn=False):
        noise = lambda y: y * (1 + 1e-7 * self.random.normal(size=y.shape))
        ys, back = super().linear(noise(x), site, names, turn)
        return [noise(y) for y in ys], lambda *dys: noise(back(*(noise(dy) for dy in dys)))


META = {"lr": 1e-3, "weight_decay": 0.1, "clip_norm": 1.0, "b1": 0.9, "b2": 0.95, "adam_eps": 1e-8,
        "rows": 4}


def decay_of_norms(g, step, t):
    t["output_norm"].of(step)[:] -= META["lr"] * META["weight_decay"]


def one_row(g, step, t):
    rows = t["blk.0.ffn_up"].of(g)
    rows[np.abs(rows).max(axis=1).argmax()] *= 1.001


def one_sign(g, step, t):
    at = np.abs(t["blk.0.attn_k"].of(g)).argmax()
    t["blk.0.attn_k"].of(step).reshape(-1)[at] *= -1


def rate(g, step, t):
    step *= 1.05


def dumped(folder, shape, random, mistake):
    w, tensors = masters(shape, random)
    tokens = random.integers(0, shape["vocab"], size=(META["rows"], 33)).astype("<i4")
    graph = Noisy(shape, w, Exact(shape))
    graph.random = random
    loss, g = graph.run(tokens), graph.g
    step = adamw(w, g, tensors, META) - w
    if mistake:
        mistake(g, step, tensors)
    (folder / "shape.json").write_text(json.dumps(shape))
    (folder / "meta.json").write_text(json.dumps({**META, "loss": loss}))
    tokens.tofile(folder / "tokens.i32")
    for name, block in (("w", w), ("g", g), ("after", w + step)):
        block.astype("<f4").tofile(folder / (name + ".f32"))


def comparison(mistake, what, random):
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()) as told:
        dumped(Path(folder), {**PLAIN, **what}, random, mistake)
        agreed = compare(Dump(folder), WITHIN)
    right = agreed == (mistake is None)
    print(told.getvalue() if not right else
          f"  {mistake.__name__ if mistake else 'no mistake'}: {'agreed' if agreed else 'found'}")
    return right


def self_test(seed):
    random = np.random.default_rng(seed)
    print(f"  seed {seed}")
    quantisers(random)
    good = [gradient_of(name, {**PLAIN, **what}, random) for name, what in SHAPES.items()]
    mistakes = (None, None, decay_of_norms, one_row, one_sign, rate)
    good += [comparison(m, SHAPES["bitnet, ternary"], random) for m in mistakes]
    return all(good)
