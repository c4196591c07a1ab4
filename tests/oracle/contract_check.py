#!/usr/bin/env python3
"""Holds qwen35's operations in numpy (hybrid32.py), and quant4 (binary32.py), to the number
contract as it is written: loops over elements, one rounding at a time; every bit."""
from types import SimpleNamespace

import numpy as np

from binary32 import butterflies, exp
from hybrid32 import Hybrid32
from rotation import Turn

F = np.float32
ONE = F(1)
random = np.random.default_rng(5)
operations = Hybrid32.__new__(Hybrid32)
operations.eps = F(1e-6)


def draw(*shape):
    return random.normal(size=shape).astype(F)


def r16(terms):
    p = [F(0)] * 16
    for i, term in enumerate(terms):
        p[i % 16] = p[i % 16] + term
    for width in (8, 4, 2, 1):
        p = [p[j] + p[j + width] for j in range(width)]
    return p[0]


def e(x):
    return exp(np.array([x]))[0]


def same(own, loops):
    own, loops = np.ravel(own), np.ravel(np.array(loops, F))
    assert own.dtype == F and own.tobytes() == loops.tobytes()


def rotate(block=32, k=128):
    x, s = draw(k), random.choice([-1, 1], k).astype(np.int8)
    z = [F(sign) * value for sign, value in zip(s, x)]
    for start in range(0, k, block):
        d = 1
        while d < block:
            for i in range(start, start + block):
                if not i & d:
                    z[i], z[i + d] = z[i] + z[i + d], z[i] - z[i + d]
            d *= 2
    same(Turn(block, s).of(x, butterflies), [value * (ONE / np.sqrt(F(block))) for value in z])
    rows, back = draw(k), Turn(block, s)
    plain = Turn(block, np.ones(k, np.int8)).of(rows, butterflies)
    same(back.back(rows, butterflies), [F(sign) * value for sign, value in zip(s, plain)])


def conv(tokens=7, channels=5, taps=4):
    x, w = draw(1, tokens, channels), draw(channels, taps)
    loops = []
    for t in range(tokens):
        for c in range(channels):
            y = F(0)
            for j in range(taps):
                at = t - taps + 1 + j
                y = y + w[c, j] * (x[0, at, c] if at >= 0 else F(0))
            loops.append(y / (ONE + e(-y)))
    same(operations.conv(x, w), loops)


def l2(k=64):
    x = draw(1, 1, 2, k)
    for scale, factor in ((1, ONE), (k**-0.5, ONE / np.sqrt(F(k)))):
        loops = []
        for head in x[0, 0]:
            r = ONE / np.sqrt(r16([v * v for v in head]) + F(1e-6))
            loops += [(v * r) * factor for v in head]
        same(operations.unit(x, scale), loops)


def delta(tokens=4, heads=2, k=6):
    q, key, v = (draw(1, tokens, heads, k) for _ in range(3))
    decay, beta = (random.uniform(size=(1, tokens, heads)).astype(F) for _ in range(2))
    loops = np.empty((tokens, heads, k), F)
    for h in range(heads):
        state = np.zeros((k, k), F)
        for t in range(tokens):
            state = np.array([[value * decay[0, t, h] for value in row] for row in state])
            for j in range(k):
                u = o = F(0)
                for i in range(k):
                    u = u + state[i, j] * key[0, t, h, i]
                d = beta[0, t, h] * (v[0, t, h, j] - u)
                for i in range(k):
                    state[i, j] = state[i, j] + key[0, t, h, i] * d
                for i in range(k):
                    o = o + state[i, j] * q[0, t, h, i]
                loops[t, h, j] = o
    same(operations.delta(q, key, v, decay, beta), loops)


def gates(k=64):
    x, z, w = draw(1, 1, 1, k), draw(1, 1, 1, k), draw(k)
    row, gate = x[0, 0, 0], z[0, 0, 0]
    r = ONE / np.sqrt(r16([v * v for v in row]) / F(k) + F(1e-6))
    same(operations.gated_norm(x, z, w),
         [((v * r) * weight) * (g / (ONE + e(-g))) for v, weight, g in zip(row, w, gate)])
    same(operations.gated(z, x), [v / (ONE + e(-g)) for v, g in zip(row, gate)])


def quant4(k=83):
    operations.model = SimpleNamespace(int4=True, head="the head")
    for x in (draw(k), F(1e-6) * draw(k), np.zeros(k, F), F(20) * draw(k) ** 3):
        m = r16([abs(v) for v in x]) / F(k)
        s = F(2.64575131) / (m if m > F(1e-5) else F(1e-5))
        low, high, scale = operations.limits(np.abs(x)[None], None)
        same(scale, [s])
        same(np.clip(x * scale, low, high), [max(min(v * s, F(7)), F(-8)) for v in x])


for check in (rotate, conv, l2, delta, gates, quant4):
    check()
    print(f"  {check.__name__}: every bit")
