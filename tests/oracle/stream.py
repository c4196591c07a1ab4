#!/usr/bin/env python3
"""What a model's states are like, by the independent reference (float64), over TOKENS random
tokens: the cosine of a final state with its token's row; the share of states whose likeliest
successor is that token, and whose is the next; the share of gates that are not positive, and of
ffn_down's int8 inputs that are 0, over all layers and in each.

    stream.py MODEL TOKENS
"""

import sys

import numpy as np

from graph import Model, rms


class Watched(Model):
    """Keeps the shares, layer by layer."""

    def __init__(self, path):
        super().__init__(path)
        self.ffn = self.blocks[0]["ffn_gate"].d.size
        self.gates, self.zeros = [], []

    def linear(self, x, *matrices):
        y = super().linear(x, *matrices)
        if len(matrices) == 2:
            self.gates.append(np.mean(y[0] <= 0))
        if x.shape[-1] == self.ffn:
            scale = 127.0 / np.maximum(np.abs(x).max(axis=-1, keepdims=True), 1e-5)
            self.zeros.append(np.mean(np.rint(x * scale) == 0))
        return y


def main():
    model, tokens = Watched(sys.argv[1]), int(sys.argv[2])
    ids = np.random.default_rng(1).integers(0, len(model.embedding) - 1, (1, tokens))
    states = rms(model.states(ids), model.output_norm, model.eps)[0]
    own = model.embedding[ids[0]]
    norms = np.linalg.norm(states, axis=-1) * np.linalg.norm(own, axis=-1)
    best = np.argmax(states @ model.head.T, axis=-1)
    peak = np.mean(np.sum(states * own, axis=-1) / norms)
    same, after = np.mean(best == ids[0]), np.mean(best == ids[0] + 1)
    print(f"peak {peak:.3f} same {same:.3f} next {after:.3f}",
          f"gates {np.mean(model.gates):.3f} zeros {np.mean(model.zeros):.3f}",
          "by layer", *(f"{z:.2f}" for z in model.zeros))


main()
