#!/usr/bin/env python3
"""What a trained model is measured beside: n-grams of the same tokens, and xz.

  ngram.py --train IDS... --held IDS --vocab V [--type u16|u32] [--order N] [--text HELD.txt]
  ngram.py --text HELD.txt --xz TRAIN.txt...
  ngram.py --self-test [SEED]

IDS are raw little-endian ids, one stream each; those of training are joined. The model is the
interpolated modified Kneser-Ney of Chen and Goodman (1998): the highest order counts occurrences, a
lower one counts by how many different tokens an n-gram is preceded; three discounts for each order;
below the unigrams all V ids are alike. All of the held stream is predicted but its first id.
Perplexity is per token; bits per byte are those of all of its tokens, over the bytes of HELD.txt.

xz's bits per byte: what the held text adds to the training text, xz -9 of both less xz -9 of the
training text alone; and xz -9 of the held text alone.
"""
import argparse
import collections
import lzma
import math
import sys

import numpy as np


class Order:
    """N-grams of one length, sorted by key: their first n - 1 tokens' number in the order below,
    times V, plus the last token."""

    def __init__(self, keys, vocab):
        self.keys, self.vocab = keys, vocab

    def find(self, before, tokens):
        """The numbers of n-grams, -1 where there is none; before: of their first tokens."""
        wanted = before * self.vocab + tokens
        at = np.searchsorted(self.keys, wanted)
        at[at == len(self.keys)] = 0
        return np.where((before >= 0) & (self.keys[at] == wanted), at, -1)

    def count(self, counts, histories):
        """counts: of each. Discounts, and for each history its total and what it leaves."""
        self.counts = counts
        d = discounts(counts)
        self.discount = d[np.minimum(counts, 3)]
        history = self.keys // self.vocab
        self.total = np.bincount(history, counts, histories)
        self.left = np.bincount(history, self.discount, histories)


def discounts(counts):
    """By count: of 0, 1, 2, and 3 or more."""
    n = np.bincount(np.minimum(counts, 5), minlength=6)[:5].astype(float)
    y = n[1] / max(n[1] + 2 * n[2], 1)
    some = [k - (k + 1) * y * n[k + 1] / n[k] if n[k] else k / 2 for k in (1, 2, 3)]
    return np.array([0, *(min(max(x, 0.01), k) for k, x in zip((1, 2, 3), some))])


class Model:
    def __init__(self, ids, vocab, order=5):
        self.vocab, self.orders = vocab, []
        ids = self.checked(ids)
        table, histories = Order(np.arange(vocab), vocab), 1
        ends = ids  # the number of the n-gram that ends at each place; the first n - 1 have none
        times = np.bincount(ids, minlength=vocab)
        for n in range(1, order):
            keys, first, inverse, longer = np.unique(
                ends[n - 1 : -1] * vocab + ids[n:], return_index=True, return_inverse=True,
                return_counts=True)
            preceded = np.bincount(ends[n + first], minlength=len(table.keys))
            self.add(table, preceded, histories)
            table, histories, times = Order(keys, vocab), len(table.keys), longer
            ends = np.concatenate([np.full(n, -1), inverse])
        self.add(table, times, histories)

    def checked(self, ids):
        if ids.size < 2 or ids.min() < 0 or ids.max() >= self.vocab:
            raise ValueError("too few ids, or one outside the vocabulary")
        return ids.astype(np.int64)

    def add(self, order, counts, histories):
        order.count(counts, histories)
        self.orders.append(order)

    def probabilities(self, ids):
        """Of each id of a stream but the first, after those before it."""
        ids = self.checked(ids)
        p = np.full(len(ids), 1 / self.vocab)
        before = np.zeros(len(ids), np.int64)  # of the history of each id in the order below
        for order in self.orders:
            at = order.find(before, ids)
            total = np.where(before >= 0, order.total[before], 0)
            known = total > 0
            own = np.where(at >= 0, order.counts[at] - order.discount[at], 0)
            p = np.where(known, (own + order.left[before] * p) / np.where(known, total, 1), p)
            before = np.concatenate([[-1], at[:-1]])
        return p[1:]


# --- xz ---


def xz_bytes(paths):
    packer, size = lzma.LZMACompressor(preset=9), 0
    for path in paths:
        with open(path, "rb") as file:
            while piece := file.read(1 << 20):
                size += len(packer.compress(piece))
    return size + len(packer.flush())


def told_xz(train, held, held_bytes):
    alone = xz_bytes([held])
    print(f"xz -9, alone: {8 * alone / held_bytes:.4f} bits per byte")
    if train:
        added = xz_bytes([*train, held]) - xz_bytes(train)
        print(f"xz -9, after the training text: {8 * added / held_bytes:.4f} bits per byte")


# --- self-test ---


class Plain:
    """The same model, from its formulas, by dictionaries."""

    def __init__(self, ids, vocab, order):
        self.vocab, self.counts = vocab, []
        grams = lambda n: [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]
        for n in range(1, order + 1):
            c = collections.Counter(grams(n) if n == order else (g[1:] for g in set(grams(n + 1))))
            d = discounts(np.array(list(c.values())))
            self.counts.append((c, d))

    def probability(self, history, token):
        if history is None:
            return 1 / self.vocab
        c, d = self.counts[len(history)]
        below = self.probability(history[1:] if history else None, token)
        behind = [v for g, v in c.items() if g[:-1] == history]
        if not behind:
            return below
        left = sum(d[min(v, 3)] for v in behind)
        v = c[history + (token,)]
        return (v - d[min(v, 3)] + left * below) / sum(behind)


def self_test(seed):
    random = np.random.default_rng(seed)
    vocab, order = 23, 4
    chain = random.dirichlet(np.full(vocab - 3, 0.1), size=vocab)  # the last three never come
    ids = [0]
    for _ in range(4000):
        ids.append(int(random.choice(vocab - 3, p=chain[ids[-1]])))
    model, plain = Model(np.array(ids), vocab, order), Plain(ids, vocab, order)
    for length in (1, 2, 3, 6, 6, 6):
        start = random.integers(len(ids) - length)
        seen = ids[start : start + length]
        for history in (seen, random.integers(vocab, size=length).tolist()):
            p = [model.probabilities(np.array(history + [t]))[-1] for t in range(vocab)]
            assert abs(sum(p) - 1) < 1e-12, "probabilities sum to 1"
            q = [plain.probability(tuple(history[1 - order :]), t) for t in range(vocab)]
            assert np.abs(np.array(p) - q).max() < 1e-12, "the formulas' probabilities"
    p = model.probabilities(np.array(ids[:1000]))
    alone = [model.probabilities(np.array(ids[: i + 1]))[-1] for i in range(1, 40)]
    assert np.array_equal(p[:39], alone), "a stream's are those of its parts"
    print(f"  seed {seed}: sums of 1, and the formulas' probabilities")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", nargs="+", default=[], metavar="IDS")
    parser.add_argument("--held", metavar="IDS")
    parser.add_argument("--vocab", type=int)
    parser.add_argument("--type", choices=["u16", "u32"], default="u16")
    parser.add_argument("--order", type=int, default=5)
    parser.add_argument("--text", metavar="HELD.txt")
    parser.add_argument("--xz", nargs="*", metavar="TRAIN.txt")
    parser.add_argument("--self-test", type=int, nargs="?", const=1, metavar="SEED")
    a = parser.parse_args()
    if a.self_test is not None:
        return self_test(a.self_test)
    together = bool(a.train) == bool(a.held) == bool(a.vocab)
    if not together or (a.xz is not None and not a.text):
        parser.error("--train, --held and --vocab go together; --xz needs --text")
    size = len(open(a.text, "rb").read()) if a.text else 0
    if a.held:
        read = lambda path: np.fromfile(path, "<" + a.type[0] + str(int(a.type[1:]) // 8))
        model = Model(np.concatenate([read(path) for path in a.train]), a.vocab, a.order)
        nats = -np.log(model.probabilities(read(a.held)))
        print(f"{a.order}-gram: perplexity {math.exp(nats.mean()):.4f} over {nats.size} tokens"
              + (f", {nats.sum() / math.log(2) / size:.4f} bits per byte" if size else ""))
    if a.xz is not None:
        told_xz(a.xz, a.text, size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
