"""A model that is trained (CONVENTIONS.md, "Training"): its tensors, its loss on a batch, and the
loss's gradient, in float64. Each operation gives its result and a function from the result's
gradient to its inputs', written down from the mathematics; gradients of tensors gather in a block
as that of the masters."""
import numpy as np

import train_quant as quant
from rotation import transform

BITNET, QWEN3 = range(2)
LANES = 16


class Tensor:
    def __init__(self, name, n, k, at, norm):
        self.name, self.n, self.k, self.at, self.norm = name, n, k, at, norm

    def of(self, block):
        """A view."""
        rows = block[self.at : self.at + self.n * self.k]
        return rows if self.norm else rows.reshape(self.n, self.k)


def layer_tensors(s):
    """(name, n, k) in the order of the block; norms have n = 0."""
    hidden, ffn = s["hidden"], s["ffn"]
    q, kv = s["heads"] * s["head_dim"], s["kv_heads"] * s["head_dim"]
    bitnet = s["family"] == BITNET
    rows = [("attn_norm", 0, hidden), ("attn_q", q, hidden), ("attn_k", kv, hidden),
            ("attn_v", kv, hidden)]
    rows += [] if bitnet else [("attn_q_norm", 0, s["head_dim"]), ("attn_k_norm", 0, s["head_dim"])]
    rows += [("attn_sub_norm", 0, q)] if bitnet else []
    rows += [("attn_output", hidden, q), ("ffn_norm", 0, hidden), ("ffn_gate", ffn, hidden),
             ("ffn_up", ffn, hidden)]
    rows += [("ffn_sub_norm", 0, ffn)] if bitnet else []
    return rows + [("ffn_down", hidden, ffn)]


def layout(s):
    """Name -> Tensor, in the order of the block, and the block's length."""
    rows = [("token_embd", s["vocab"], s["hidden"])]
    for i in range(s["layers"]):
        rows += [(f"blk.{i}.{name}", n, k) for name, n, k in layer_tensors(s)]
    rows.append(("output_norm", 0, s["hidden"]))
    tensors, at = {}, 0
    for name, n, k in rows:
        tensors[name] = Tensor(name, n or 1, k, at, n == 0)
        at += -(-tensors[name].n * k // LANES) * LANES
    return tensors, at


# --- operations without tensors ---


def rms(x, eps):
    """x over its root mean square: y = r x, r = (mean x^2 + eps)^-1/2, so dr = -r^3 x.dx / k."""
    r = 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps)

    def back(dy):
        return r * dy - r**3 * x * (dy * x).mean(axis=-1, keepdims=True)

    return x * r, back


def turned(x, c, s):
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * c - b * s, a * s + b * c], axis=-1)


def rope(x, base):
    """x[batch, position, head, element]: pairs i, i + n/2. A rotation's gradient turns back."""
    half = x.shape[-1] // 2
    angle = np.arange(x.shape[1])[:, None] * base ** (-np.arange(half) / half)
    c, s = (f(angle).astype(np.float32).astype(np.float64)[:, None, :] for f in (np.cos, np.sin))
    return turned(x, c, s), lambda dy: turned(dy, c, -s)


def attention(q, k, v):
    """q[b, t, kv head, query of its group, element], k and v [b, t, kv head, element]; causal.
    Of p = softmax(z): dz = p (dp - sum of p dp)."""
    scale = 1 / np.sqrt(q.shape[-1])
    z = np.einsum("bthgd,bshd->bhgts", q, k) * scale
    t = q.shape[1]
    z = np.where(np.tri(t, dtype=bool), z, -np.inf)
    p = np.exp(z - z.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)

    def back(do):
        dp = np.einsum("bthgd,bshd->bhgts", do, v)
        dz = p * (dp - (p * dp).sum(axis=-1, keepdims=True)) * scale
        return (np.einsum("bhgts,bshd->bthgd", dz, k), np.einsum("bhgts,bthgd->bshd", dz, q),
                np.einsum("bhgts,bthgd->bshd", p, do))

    return np.einsum("bhgts,bshd->bthgd", p, v), back


def gated(g, u, family):
    """relu(g)^2 u, whose derivative by g is 2 relu(g) u; or silu(g) u: with e = 1 / (1 + exp(-g)),
    silu' = e (1 + g (1 - e))."""
    if family == BITNET:
        r = np.maximum(g, 0)
        act, slope = r * r, 2 * r
    else:
        e = 1 / (1 + np.exp(-g))
        act, slope = g * e, e * (1 + g * (1 - e))
    return act * u, lambda df: (df * u * slope, df * act)


def cross_entropy(logits, targets):
    """The mean over tokens of -ln softmax; its gradient."""
    z = logits - logits.max(axis=-1, keepdims=True)
    p = np.exp(z)
    total = p.sum(axis=-1, keepdims=True)
    at = np.expand_dims(targets, -1)
    loss = (np.log(total) - np.take_along_axis(z, at, -1)).mean()
    d = p / total
    np.put_along_axis(d, at, np.take_along_axis(d, at, -1) - 1, -1)
    return loss, d / targets.size


# --- what is quantised ---


class Exact:
    """Quantisers as they are. flips: site -> [(index, by)]; near: (how far from a tie, site, index,
    by) of inputs that lay within `slack` of one; shifts: what quantising added."""

    def __init__(self, shape, flips=None, slack=2e-3):
        self.shape, self.flips, self.slack = shape, flips or {}, slack
        self.near, self.shifts, self.count = [], {}, 0

    def weights(self, name, w, grouped):
        y = quant.weights(w, self.shape["weights"], grouped, self.shape["input_group"])
        self.shifts["w", name] = y - w
        return y

    def inputs(self, site, x, bits, group):
        if self.shape["weights"] == quant.DENSE:
            return x
        y, tie, way = quant.inputs(x, bits, group, self.flips.get(site, ()))
        for index in np.flatnonzero(tie < self.slack):
            self.near.append((float(tie[index]), site, int(index), float(way[index])))
        self.count += x.size
        self.shifts["x", site] = y - x
        return y


class Frozen:
    """The surrogate: what quantising added at one point is added everywhere. There it has the
    quantisers' values, and its derivative is 1: straight-through gradients are its gradients."""

    def __init__(self, shifts):
        self.shifts = shifts

    def weights(self, name, w, grouped):
        return w + self.shifts["w", name]

    def inputs(self, site, x, bits, group):
        return x + self.shifts.get(("x", site), 0)


class Graph:
    """w: a block of masters, float64. Gradients gather in g."""

    def __init__(self, shape, w, quantisers):
        self.s, self.q = shape, quantisers
        self.tensors, floats = layout(shape)
        if w.shape != (floats,):
            raise ValueError(f"a block of {w.size} floats: the shape has {floats}")
        self.w, self.g = w, np.zeros(floats)

    def tensor(self, name):
        t = self.tensors[name]
        return t.of(self.w), t.of(self.g)

    def norm(self, x, name):
        w, g = self.tensor(name)
        y, of_rms = rms(x, self.s["eps"])

        def back(dy):
            g[:] += (dy * y).reshape(-1, len(g)).sum(axis=0)
            return of_rms(dy * w)

        return y * w, back

    def linear(self, x, site, names, turn=False):
        """Products of the same inputs; back takes a gradient for each."""
        block = self.s["hadamard"] if turn else 0
        z = transform(x, block) if block else x
        z = self.q.inputs(site, z, self.s["input_bits"], self.s["input_group"])
        views = [self.tensor(name) for name in names]
        ws = [self.q.weights(name, w, self.s["weight_group"]) for name, (w, _) in zip(names, views)]

        def back(*dys):
            dz = np.zeros_like(z)
            for dy, w, (_, g) in zip(dys, ws, views):
                g += np.einsum("btn,btk->nk", dy, z)
                dz += dy @ w
            return transform(dz, block) if block else dz

        return [z @ w.T for w in ws], back

    def heads_of(self, x, name):
        """Of q or k: heads, their norm where there is one, rope."""
        y = x.reshape(x.shape[:2] + (-1, self.s["head_dim"]))
        of_norm = None
        if self.s["family"] == QWEN3:
            y, of_norm = self.norm(y, name)
        y, of_rope = rope(y, self.s["rope_base"])

        def back(dy):
            dy = of_rope(dy)
            return (of_norm(dy) if of_norm else dy).reshape(x.shape)

        return y, back

    def sub_norm(self, x, name):
        return self.norm(x, name) if self.s["family"] == BITNET else (x, lambda dy: dy)

    def attend(self, x, at):
        names = [at + name for name in ("attn_q", "attn_k", "attn_v")]
        (q, k, v), of_qkv = self.linear(x, at + "attn", names)
        q, of_q = self.heads_of(q, at + "attn_q_norm")
        k, of_k = self.heads_of(k, at + "attn_k_norm")
        groups = x.shape[:2] + (self.s["kv_heads"], -1, self.s["head_dim"])
        o, of_attention = attention(q.reshape(groups), k, v.reshape(k.shape))
        o, of_sub = self.sub_norm(o.reshape(x.shape[:2] + (-1,)), at + "attn_sub_norm")
        (y,), of_o = self.linear(o, at + "attn_output", [at + "attn_output"], turn=True)

        def back(dy):
            dq, dk, dv = of_attention(of_sub(of_o(dy)).reshape(groups))
            return of_qkv(of_q(dq.reshape(q.shape)), of_k(dk), dv.reshape(v.shape))

        return y, back

    def feed_forward(self, x, at):
        (g, u), of_gu = self.linear(x, at + "ffn", [at + "ffn_gate", at + "ffn_up"])
        f, of_gated = gated(g, u, self.s["family"])
        f, of_sub = self.sub_norm(f, at + "ffn_sub_norm")
        (y,), of_down = self.linear(f, at + "ffn_down", [at + "ffn_down"], turn=True)
        return y, lambda dy: of_gu(*of_gated(of_sub(of_down(dy))))

    def layer(self, x, at):
        n1, of_n1 = self.norm(x, at + "attn_norm")
        o, of_o = self.attend(n1, at)
        mid = x + o
        n2, of_n2 = self.norm(mid, at + "ffn_norm")
        f, of_f = self.feed_forward(n2, at)

        def back(dy):
            dmid = dy + of_n2(of_f(dy))
            return dmid + of_n1(of_o(dmid))

        return mid + f, back

    def rows(self):
        """Of embedding and head."""
        w, g = self.tensor("token_embd")
        return (self.q.weights("token_embd", w, True) if self.s["low_rows"] else w), g

    def run(self, tokens):
        """tokens[b, t + 1]. The loss; the gradient is in g."""
        ids, targets = tokens[:, :-1], tokens[:, 1:]
        rows, g = self.rows()
        x, backs = rows[ids], []
        for i in range(self.s["layers"]):
            x, back = self.layer(x, f"blk.{i}.")
            backs.append(back)
        y, of_norm = self.norm(x, "output_norm")
        if self.s["low_rows"]:
            y = self.q.inputs("head", y, 8, quant.GROUP)
        loss, d = cross_entropy(y @ rows.T, targets)
        g += np.einsum("btn,btk->nk", d, y)
        dx = of_norm(d @ rows)
        for back in reversed(backs):
            dx = back(dx)
        np.add.at(g, ids, dx)
        return loss
