#!/usr/bin/env python3
"""How far two runtimes' logits of the same ids agree: prints a line of figures and holds them to
the limits given.

  agreement.py OURS THEIRS ROWS [--margin M] [--five F] [--kl K] [--error E] [--log L]

OURS and THEIRS are raw float32 rows, or .npy by their names. A margin is the distance between
THEIRS' two largest logits; the KL divergence is of OURS from THEIRS, per token, in nats; an error,
and F, the distance between one of THEIRS' five largest and a smaller one that OURS puts first, are
in shares of the deviation of THEIRS' logits; L is of the log-probabilities' differences.
"""
import argparse
import sys

import numpy as np


def load(path, rows):
    flat = np.load(path) if path.endswith(".npy") else np.fromfile(path, "<f4")
    return flat.reshape(rows, -1).astype(np.float64)


def log_softmax(x):
    x = x - x.max(axis=1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def figures(ours, theirs):
    p, q = log_softmax(theirs), log_softmax(ours)
    divergence = (np.exp(p) * (p - q)).sum(axis=1)
    best = np.sort(theirs, axis=1)[:, -2:]
    margins = best[:, 1] - best[:, 0]
    apart = ours.argmax(axis=1) != theirs.argmax(axis=1)
    error = np.abs(ours - theirs).max() / theirs.std()
    return divergence, margins, margins[apart], error, np.abs(p - q).max()


def turned(ours, theirs, best=5):
    """Of pairs of one of THEIRS' best and a smaller one that OURS has in another order: the largest
    distance in THEIRS, in deviations, and how many."""
    widest, count = 0.0, 0
    rows = np.arange(len(theirs))
    for token in np.argsort(-theirs, axis=1)[:, :best].T:
        gaps = theirs[rows, token, None] - theirs
        other = (gaps > 0) & (ours >= ours[rows, token, None])
        widest = max(widest, gaps[other].max(initial=0.0))
        count += int(other.sum())
    return widest / theirs.std(), count


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ours")
    parser.add_argument("theirs")
    parser.add_argument("rows", type=int)
    parser.add_argument("--margin", type=float, default=np.inf, help="no other best token above it")
    parser.add_argument("--five", type=float, default=np.inf, help="the five best in their order")
    parser.add_argument("--kl", type=float, default=np.inf, help="the largest mean divergence")
    parser.add_argument("--error", type=float, default=np.inf, help="the largest error")
    parser.add_argument("--log", type=float, default=np.inf, help="of log-probabilities")
    a = parser.parse_args()
    ours, theirs = load(a.ours, a.rows), load(a.theirs, a.rows)
    divergence, margins, apart, error, log = figures(ours, theirs)
    widest = apart.max() if apart.size else 0.0
    print(f"  KL divergence {divergence.mean():.1e} (at most {divergence.max():.1e}), "
          f"error {error:.1e}, log-probabilities {log:.1e}, "
          f"other best token at {apart.size} of {a.rows}", end="")
    print(f", margins up to {widest:.3f}" if apart.size else "", end="")
    print(f" (median of all {np.median(margins):.3f})", end="")
    five, count = turned(ours, theirs)
    print(f"; {count} pairs of the five best turned, up to {five:.3f} apart")
    within = widest <= a.margin and five <= a.five and divergence.mean() <= a.kl
    within = within and error <= a.error and log <= a.log
    return 0 if within and np.isfinite(ours).all() and np.isfinite(theirs).all() else 1


if __name__ == "__main__":
    sys.exit(main())
