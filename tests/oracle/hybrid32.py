"""The operations of qwen35 by the number contract, every one in binary32, in the contract's
order."""
import numpy as np

from binary32 import Binary32, butterflies, exp, norm, r16, rows_by
from layers35 import Layers

F = np.float32


def silu(x):
    return x / (F(1) + exp(-x))


class Hybrid32(Layers, Binary32):
    def __init__(self, model):
        super().__init__(model)
        self.delta_shape, self.kv_count = model.delta_shape, model.kv_count

    def embed(self, ids):
        rows = super().embed(ids)
        turn = self.model.embedding_turn()
        return turn.back(rows, butterflies) if turn else rows

    def floats(self, x, m):
        return rows_by(m.rows.astype(F), x)

    def conv(self, x, w):
        """w: channels x taps."""
        w, taps = w.astype(F), w.shape[1]
        before = np.zeros((x.shape[0], x.shape[1] + taps - 1, x.shape[2]), F)
        before[:, taps - 1 :] = x
        y = np.zeros(x.shape, F)
        for j in range(taps):
            y = y + w[:, j] * before[:, j : j + x.shape[1]]
        return silu(y)

    def unit(self, x, scale):
        scale = F(1) if scale == 1 else F(1) / np.sqrt(F(x.shape[-1]))
        r = F(1) / np.sqrt(r16(x * x) + F(1e-6))
        return (x * r[..., None]) * scale

    def gates(self, a, b, slope, bias):
        """In binary64, but for the two results."""
        x = a.astype(np.float64) + bias
        soft = np.where(x > 20, x, np.log(1 + np.exp(np.minimum(x, 20))))
        return np.exp(slope * soft).astype(F), (1 / (1 + np.exp(-b.astype(np.float64)))).astype(F)

    def delta(self, q, k, v, decay, beta):
        """All but the gates are sequence, token, head, element."""
        state, out = np.zeros(v[:, 0].shape + (v.shape[-1],), F), np.empty(v.shape, F)
        for t in range(v.shape[1]):
            state = state * decay[:, t, :, None, None]
            d = beta[:, t, :, None] * (v[:, t] - self.ordered(state, k[:, t]))
            state = state + k[:, t, :, :, None] * d[..., None, :]
            out[:, t] = self.ordered(state, q[:, t])
        return out

    @staticmethod
    def ordered(state, x):
        """The sum over the key's elements, in order."""
        terms = state * x[..., None]
        total = np.zeros(terms[..., 0, :].shape, F)
        for i in range(terms.shape[-2]):
            total += terms[..., i, :]
        return total

    def gated_norm(self, x, z, weight):
        return norm(x, weight.astype(F), self.eps) * silu(z)

    def gated(self, gate, x):
        return x / (F(1) + exp(-gate))

    def logits(self, ids, first=0):
        x = norm(self.states(ids)[:, first:], self.model.output_norm.astype(F), self.eps)
        return self.linear(x, self.model.head)[0]
