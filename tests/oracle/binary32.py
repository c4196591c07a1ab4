"""The number contract of CONVENTIONS.md ("Numbers") in numpy: every operation in binary32, in the
contract's order.

The graph is chaotic at its quantisers. Where a value lies within a rounding error of half way
between two integers, a float64 run and a binary32 run round it apart; the integers differ by one,
everything after that differs a little, more values tip over, and some ten tokens later the logits
differ by a hundredth. So a float64 reference alone says little about a binary32 runtime. This file
closes the gap: its logits must equal the runtime's bit for bit, and what it rounded lets the
float64 graph settle its ties the same way (Ties), after which the two agree to binary32's
precision.
"""
import numpy as np

from blocks import Blocks
from experts import Experts
from tensors import Grouped, Rows

F = np.float32
CHUNK = 256  # positions of one chunk of attention


def r16(terms):
    """The row reduction over the last axis."""
    pad = -terms.shape[-1] % 16
    zeros = np.zeros(terms.shape[:-1] + (pad,), F)
    rows = np.concatenate([terms, zeros], axis=-1).reshape(terms.shape[:-1] + (-1, 16))
    p = np.zeros(terms.shape[:-1] + (16,), F)
    for i in range(rows.shape[-2]):
        p = p + rows[..., i, :]
    for width in (8, 4, 2, 1):
        p = p[..., :width] + p[..., width:]
    return p[..., 0]


def rows_by(rows, x):
    """R16 of each row times each of the inputs."""
    flat = x.reshape(-1, x.shape[-1])
    return np.array([r16(rows * one) for one in flat]).reshape(x.shape[:-1] + (len(rows),))


def exp(x):
    x = np.where(x > F(-87), x, F(-87))
    x = np.where(x < F(88), x, F(88))
    n = (x * F(1.44269504) + F(12582912)) - F(12582912)
    r = (x - n * F(0.693145752)) - n * F(1.42860677e-6)
    p = np.full(x.shape, 1.38888892e-3, F)
    for c in (8.33333377e-3, 4.16666679e-2, 1.66666672e-1, 0.5, 1.0, 1.0):
        p = p * r + F(c)
    return (p.view(np.int32) + (n.astype(np.int32) << 23)).view(F)


def relu2(g):
    r = np.where(g > F(0), g, F(0))
    return r * r


def silu(g):
    e = exp(-g)
    s = F(1) + e
    return g / s


def gelu(g):
    """The tanh form: (1 + tanh(z / 2)) / 2 = 1 / (1 + e^-z)."""
    z = g * (F(0.0713548139) * (g * g) + F(1.59576917))
    return g / (F(1) + exp(-z))


ACTIVATIONS = {"relu2": relu2, "silu": silu, "gelu": gelu}


def norm(x, weight, eps):
    r = F(1) / np.sqrt(r16(x * x) / F(x.shape[-1]) + eps)
    return (x * r[..., None]) * weight


def butterflies(x, block):
    """H of consecutive blocks of the last axis, without the copies of a matrix."""
    z = x.reshape(x.shape[:-1] + (-1, block))
    d = 1
    while d < block:
        pairs = z.reshape(z.shape[:-1] + (-1, 2, d))
        a, b = pairs[..., 0, :], pairs[..., 1, :]
        z = np.stack([a + b, a - b], axis=-2).reshape(z.shape)
        d *= 2
    return (z * (F(1) / np.sqrt(F(block)))).reshape(x.shape)


def softmax(x, seen):
    """p, its largest x and its sum, over the positions seen (the rest adds nothing)."""
    m = np.where(seen, x, F(-np.inf)).max(axis=-1, keepdims=True)
    p = np.where(seen, exp(x - m), F(0))
    return p, m, r16(p)[..., None]


class Binary32(Experts, Blocks):
    """Runs a graph.Model by the contract; decisions: all that was rounded to int8 or f16, in
    order."""

    rotated = staticmethod(butterflies)

    def __init__(self, model):
        self.model = model
        self.eps = F(model.eps)
        self.activation = ACTIVATIONS[model.family.activation]
        self.decisions = []

    def linear(self, x, *matrices):
        return self.products(self.turned(x, matrices), matrices)

    def products(self, x, matrices):
        if isinstance(matrices[0], Rows):
            return [rows_by(m.rows.astype(F), x) for m in matrices]
        x = self.model.parts(x, matrices)
        low, high, s = self.limits(np.abs(x), matrices[0])
        a8 = np.rint(np.clip(x * s, low, high))
        self.decisions.append(a8.astype(np.int8))
        groups = any(w.group for w in matrices)  # those that share inputs are read alike
        return [(self.grouped if groups else self.product)(a8, s, w) for w in matrices]

    def limits(self, size, matrix):
        """Of a quantiser's integers; scales of inputs of that size."""
        above = lambda m: np.where(m > F(1e-5), m, F(1e-5))
        if self.model.int4 and matrix is not self.model.head:
            mean = r16(size)[..., None] / F(size.shape[-1])
            return F(-8), F(7), F(2.64575131) / above(mean)
        return F(-128), F(127), F(127) / above(size.max(axis=-1, keepdims=True))

    def product(self, a8, s, w):
        """A factor beside the matrix goes into the scales of its rows; others have none."""
        sums = a8[..., 0, :].astype(w.columns.dtype) @ w.columns  # exact
        d = w.d.astype(F) if w.factor is None else w.d.astype(F) * F(w.factor)
        return sums.astype(F) * (d / s[..., 0, :])

    def grouped(self, a8, s, w):
        group = a8.shape[-1]
        d, r = w.scales(group).astype(F), F(1) / s
        y = np.zeros(a8.shape[:-2] + (len(d),), F)
        for g in range(a8.shape[-2]):
            sums = a8[..., g, :] @ w.columns[g * group : (g + 1) * group]  # exact
            y = y + sums * (d[:, g] * r[..., g, :])
        return y

    def rotate(self, x, turn):
        if turn is None:
            return x
        c, s = (t.astype(F)[:, None, :] for t in self.model.angles(x.shape[1], turn))
        first, second = self.model.pairs
        a, b = x[..., first], x[..., second]
        y = x.copy()
        y[..., first], y[..., second] = a * c - b * s, a * s + b * c
        return y

    def cached(self, x):
        half = np.clip(x, F(-65504), F(65504)).astype(np.float16)
        self.decisions.append(half)
        return half.astype(F)

    def attention(self, q, k, v, w):
        n, t = q.shape[:2]
        m = self.model
        turn = w.get("turn", m.turn)
        q = self.norm(q.reshape(n, t, m.heads, m.head_dim), w, "attn_q_norm")
        k = self.norm(k.reshape(n, t, m.kv_heads, m.head_dim), w, "attn_k_norm")
        q, k = self.rotate(q, turn), self.cached(self.rotate(k, turn))
        v = self.cached(v.reshape(n, t, m.kv_heads, m.head_dim))
        out = np.empty(q.shape, F)
        for h in range(m.heads):
            group = h * m.kv_heads // m.heads
            heads = q[:, :, h], k[:, :, group], v[:, :, group]
            out[:, :, h] = self.attend(*heads, w.get("window"))
        return out.reshape(n, t, -1)

    def attend(self, q, k, v, window):
        """Chunks in order; a query takes those of which it sees something."""
        m, l = np.full(q.shape[:2] + (1,), -np.inf, F), np.zeros(q.shape[:2] + (1,), F)
        o = np.zeros(q.shape, F)
        for start in range(0, q.shape[1], CHUNK):
            chunk = slice(start, start + CHUNK)
            end = start + CHUNK + window - 1 if window else None
            some = slice(start, end)
            distance = np.arange(q.shape[1])[some, None] - np.arange(q.shape[1])[chunk]
            seen = (distance >= 0) & (distance < (window or q.shape[1]))
            part = self.attend_chunk(q[:, some], k[:, chunk], v[:, chunk], seen)
            new = np.isinf(m[:, some])  # a query's first chunk: its results as they are
            top = np.where(part[0] > m[:, some], part[0], m[:, some])
            a, b = exp(m[:, some] - top), exp(part[0] - top)
            l[:, some] = np.where(new, part[1], l[:, some] * a + part[1] * b)
            o[:, some] = np.where(new, part[2], o[:, some] * a + part[2] * b)
            m[:, some] = top
        return o / l

    def attend_chunk(self, q, k, v, seen):
        s = np.zeros((q.shape[0], q.shape[1], k.shape[1]), F)
        for d in range(q.shape[-1]):
            s = s + q[:, :, None, d] * k[:, None, :, d]
        p, m, l = softmax(s * (F(1) / np.sqrt(F(q.shape[-1]))), seen)
        o = np.zeros(q.shape, F)
        for t in range(k.shape[1]):
            o = o + p[:, :, t, None] * v[:, t, None, :]
        return m, l, o

    def norm(self, x, w, name):
        return norm(x, w[name].astype(F), self.eps) if name in w else x

    def choose(self, logits, own):
        self.decisions.append(own)
        return own

    def weigh(self, chosen, logits):
        e = exp(chosen - chosen[..., :1])
        total = e[..., :1]
        for i in range(1, e.shape[-1]):
            total = total + e[..., i : i + 1]
        return e / total

    def embed(self, ids):
        x = self.model.embedding[np.asarray(ids)].astype(F)
        return x * np.sqrt(F(x.shape[-1])) if self.model.family.scaled else x

    def all_blocks(self):
        return self.model.blocks

    def normed(self, ids, first=0):
        x = self.states(ids)[:, first:]
        return norm(x, self.model.output_norm.astype(F), self.eps)

    def logits(self, ids, first=0):
        x = self.normed(ids, first)
        if isinstance(self.model.head, Grouped):
            return self.linear(x, self.model.head)[0]
        return rows_by(self.model.head.astype(F), x)


class Ties:
    """Takes over recorded decisions, each of which float64 must have been able to take, up to a
    rounding error."""

    SLACK = 0.01  # of the distance between neighbours at the vector's largest element

    def __init__(self, decisions):
        self.queue = iter(decisions)
        self.settled = self.all = 0
        self.worst = 0.0  # how far past the middle a decision was, in those distances

    def settle(self, exact, own, distance):
        """exact was rounded to own, whose neighbours lie at `distance`."""
        taken = next(self.queue).astype(np.float64)
        past = (np.abs(taken - exact) - distance / 2) / distance.max(axis=-1, keepdims=True)
        if past.max() > self.SLACK:
            raise ValueError(
                f"binary32 rounds {past.max():.3f} past the middle of two neighbours: no tie"
            )
        self.worst = max(self.worst, float(past.max()))
        self.settled += int((taken != own).sum())
        self.all += own.size
        return taken

    def chosen(self, logits, own):
        """Experts that were chosen: those of float64, but where two are as likely as another."""
        taken = next(self.queue)
        at = lambda order: np.take_along_axis(logits, order, -1)
        apart = np.abs(at(taken) - at(own)).max() / np.abs(logits).max()
        if apart > 1e-5:
            raise ValueError(f"binary32 chooses experts that are {apart:.1e} apart")
        return taken
