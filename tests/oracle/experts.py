"""Mixtures of experts: FORMATS-2.md, section 8. What is done in which order, on whatever numbers;
graph.py and binary32.py have the operations weigh, limit, low, activation and linear.

All experts see all tokens here, and what a token did not choose has the weight 0.
"""
import copy

import numpy as np

from tensors import Grouped, Rows, layer_matrix


def part(matrix, rows):
    """Some rows of a matrix, as one of its own."""
    one = copy.copy(matrix)
    if isinstance(matrix, Rows):
        one.rows = matrix.rows[rows]
        return one
    one.columns, one.d = matrix.columns[:, rows], matrix.d[rows]
    if isinstance(matrix, Grouped):
        one.codes, one.weights = matrix.codes[rows], matrix.weights[:, rows]
    return one


def load(gguf, name, matrix):
    """All experts' rows as one matrix: their number of scales a row is that of the tensor."""
    kind, (experts, n, k), offset = gguf.tensors[name]
    gguf.tensors[name + " flat"] = kind, (experts * n, k), offset
    return layer_matrix(gguf, name + " flat", matrix)


def separate(matrix, experts):
    n = (len(matrix.rows) if isinstance(matrix, Rows) else len(matrix.d)) // experts
    return [part(matrix, slice(e * n, (e + 1) * n)) for e in range(experts)]


def best(logits, count):
    """Indices, the largest first; of equal ones the first."""
    return np.argsort(-logits, axis=-1, kind="stable")[..., :count]


class Experts:
    def experts(self, h, w):
        logits, = self.linear(h, w["ffn_gate_inp"])
        chosen = self.choose(logits, best(logits, w["used"]))
        weights = self.weigh(np.take_along_axis(logits, chosen, -1), logits)
        g, u = self.linear(h, w["ffn_gate_exps"], w["ffn_up_exps"])
        f = self.activation(self.limit(g, None, w["clamp"])) * self.limit(u, -1, w["clamp"])
        f = f.reshape(f.shape[:2] + (len(w["ffn_down_exps"]), -1))
        each = [self.linear(f[:, :, e], m)[0] for e, m in enumerate(w["ffn_down_exps"])]
        return self.sum(np.stack(each, axis=2), chosen, weights)

    def limit(self, x, low, limit):
        """To [low * limit, limit]; a limit of 0 is none."""
        if not limit:
            return x
        return np.clip(x, -np.inf if low is None else low * x.dtype.type(limit), limit)

    def sum(self, each, chosen, weights):
        total = 0
        for rank in range(chosen.shape[-1]):
            y = np.take_along_axis(each, chosen[:, :, rank, None, None], axis=2)[:, :, 0]
            total = total + y * weights[:, :, rank, None]
        return total
