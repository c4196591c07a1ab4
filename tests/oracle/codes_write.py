"""Matrices of random codes -1, 0, +1, +2 times one f16 scale per 128 columns (per 64 with
--split-scales), in every type that holds them; shares nothing with the runtime nor with the reader.

The types do not change the weights: files that differ in --type or --rows alone hold the same model
(q1_0 has signs only; --signs gives the others that model; bf16 has fewer digits than the scales,
unless --short-scales gives those to all).
"""
import re

import numpy as np

from gguf_write import (BF16, F16, F32, FLOAT, PQ2_0, PTQ1_0, Q1_0, Q2_0, Q8_0, U32,
                        Weights)

GROUP, HALF = 128, 64
FILE_TYPES = {"f32": 0, "f16": 1, "bf16": 32, "q1_0": 40, "q2_0": 41, "q2_0_legacy": 41,
              "pq2_0": 141, "ptq1_0": 142}

# --- encodings of codes -1, 0, +1, +2 (rows x columns) with scales (rows x groups of 128 or 64) ---


def floats(form):
    def encode(codes, d):
        columns = np.repeat(d.astype(np.float32), codes.shape[1] // d.shape[1], axis=1)
        return (codes * columns).astype(form).tobytes()
    return encode


def to_bf16(codes, d):
    bits = np.frombuffer(floats("<f4")(codes, d), "<u4")
    if (bits & 0xFFFF).any():
        raise SystemExit("bf16 needs --short-scales")
    return (bits >> 16).astype("<u2").tobytes()


def to_q8_0(codes, d):
    """The codes are the integers."""
    d = np.repeat(d, codes.shape[1] // 32 // d.shape[1], axis=1)
    return blocks(codes.reshape(-1, 32).astype(np.int8).view(np.uint8), d, 34)


def blocks(parts, d, size):
    """Bytes of each group (groups x bytes) beside its scale: d first, or last with size < 0."""
    d = np.repeat(d, len(parts) // d.size, axis=None).astype("<f2").reshape(-1, 1)
    sides = [d.view(np.uint8), parts.astype(np.uint8)]
    joined = np.concatenate(sides if size > 0 else sides[::-1], axis=1)
    assert joined.shape[1] == abs(size)
    return joined.tobytes()


def to_q1_0(codes, d):
    bits = np.packbits((codes > 0).reshape(-1, GROUP), axis=1, bitorder="little")
    return blocks(bits, d, 18)


def to_q2(group, size):
    def encode(codes, d):
        quads = (codes + 1).reshape(-1, group // 4, 4)
        return blocks(quads @ np.array([1, 4, 16, 64]), d, size)
    return encode


def to_ptq1_0(codes, d):
    digits = (codes + 1).astype(int).reshape(-1, GROUP)
    powers = np.array([81, 27, 9, 3, 1])[:, None]
    long = (digits[:, :80].reshape(-1, 5, 16) * powers).sum(axis=1)
    short = (digits[:, 80:120].reshape(-1, 5, 8) * powers).sum(axis=1)
    rest = (digits[:, 120:].reshape(-1, 4, 2) * powers[:4]).sum(axis=1)
    numbers = np.concatenate([long, short, rest], axis=1)
    return blocks((numbers * 256 + 242) // 243, d, -28)


# type of the matrices -> GGML type, encoder
MATRICES = {
    "f32": (F32, floats("<f4")),
    "f16": (F16, floats("<f2")),
    "bf16": (BF16, to_bf16),
    "q2_0": (Q2_0, to_q2(HALF, 18)),
    "q2_0_legacy": (Q2_0, to_q2(GROUP, 34)),
    "pq2_0": (PQ2_0, to_q2(GROUP, 34)),
    "ptq1_0": (PTQ1_0, to_ptq1_0),
    "q1_0": (Q1_0, to_q1_0),
}
ROWS = MATRICES | {"q8_0": (Q8_0, to_q8_0)}
FLOATS, BY_64, TWO_BITS = ("f32", "f16", "bf16"), ("q2_0",), ("q2_0", "q2_0_legacy", "pq2_0")
WIDE = (*FLOATS, "q8_0")  # of embedding and output, beside others

# --- weights ---


class Codes(Weights):
    def codes(self, n, k):
        a = self.args
        if a.signs:
            return self.random.choice(np.array([-1, 1], np.int8), (n, k))
        codes = self.random.choice(np.array([-1, 0, 1], np.int8), (n, k), p=[0.3, 0.4, 0.3])
        codes[self.random.random((n, k)) < a.twos] = 2
        return codes

    def scaled(self, name, n, k, deviation):
        """Codes and scales of weights of about that deviation."""
        a = self.args
        codes = self.codes(n, k)
        wanted = deviation / np.sqrt(np.mean(codes.astype(float) ** 2))
        groups = k // (HALF if a.split_scales and re.search(a.split_scales, name) else GROUP)
        d = (wanted * self.random.uniform(0.8, 1.25, (n, groups))).astype(np.float16)
        if a.short_scales:  # the top 8 of f16's 11 digits
            d = (d.view(np.uint16) & 0xFFF8).view(np.float16)
        empty = self.random.random((n, groups)) < a.empty
        codes.reshape(n, groups, -1)[empty] = 1 if a.signs else 0
        d[empty] = 0
        return codes, d

    def put(self, name, codes, d, form):
        kind, encode = ROWS[form]
        self.tensors.append((name, kind, codes.shape, encode(codes, d)))

    def matrix(self, name, n, k, gain, form=None):
        """Outputs have about `gain` times the deviation of the inputs."""
        self.put(name, *self.scaled(name, n, k, gain / np.sqrt(k)), form or self.args.type)

    def rows(self, name):
        """Of embedding or output: codes and scales, or values that are none with ones."""
        a = self.args
        if not a.dense:
            return self.scaled(name, a.vocab, a.hidden, a.embedding)
        values = self.random.normal(0, a.embedding, (a.vocab, a.hidden)).astype(np.float16)
        return values.astype(np.float32), np.ones((a.vocab, a.hidden // GROUP), np.float16)

    def all(self):
        """A file's tensors, those of layer i by block(i)."""
        a = self.args
        form = a.type if a.rows == "same" else a.rows
        names = "token_embd.weight", "output.weight"
        embedding = self.rows(names[0])
        self.put(names[0], *embedding, form)
        for i in range(a.layers):
            self.block(i)
        self.norm("output_norm.weight", a.peak / (a.embedding * np.sqrt(a.hidden)))
        if not a.tied:
            head = self.rows(names[1])
            if a.chain:
                head = [np.roll(x, 1, axis=0) for x in embedding]
            self.put(names[1], *head, form)
        return self.tensors


def shape_keys(a, blocks):
    """Keys of a model's shape, of every architecture with heads of their own size."""
    return [
        ("block_count", U32, blocks),
        ("context_length", U32, 4096),
        ("embedding_length", U32, a.hidden),
        ("feed_forward_length", U32, a.ffn),
        ("attention.head_count", U32, a.heads),
        ("attention.head_count_kv", U32, a.kv),
        ("attention.key_length", U32, a.head_dim),
        ("attention.value_length", U32, a.head_dim),
        ("attention.layer_norm_rms_epsilon", FLOAT, a.eps),
        ("rope.freq_base", FLOAT, a.base),
    ]


# --- arguments ---


def add_code_arguments(parser):
    parser.add_argument("--type", choices=MATRICES, default="q2_0", help="of the matrices")
    parser.add_argument("--rows", choices=["same", *WIDE], default="same",
                        help="of embedding and output")
    parser.add_argument("--dense", action="store_true",
                        help="embedding and output are no codes, but normal values of f16")
    parser.add_argument("--signs", action="store_true", help="no zeros: the model of q1_0")
    parser.add_argument("--split-scales", nargs="?", const=".", metavar="NAMES",
                        help="a scale per 64 columns, where the name matches; default: all")
    parser.add_argument("--short-scales", action="store_true", help="scales that bf16 has, too")
    parser.add_argument("--twos", type=float, default=0.0, help="share of +2, code 3")
    parser.add_argument("--empty", type=float, default=0.0, help="share of groups without weights")
    parser.add_argument("--focus", type=float, default=1.0, help="mean weight of q_norm and k_norm")


def check_codes(parser, a, others=()):
    """Stops where the types, those of the matrices, of the rows and others, cannot hold the weights
    that were asked for."""
    a.signs = a.signs or a.type == "q1_0"
    types = {a.type, *others} | ({a.rows} - {"same"})
    if a.split_scales and not types <= {*WIDE, *BY_64}:
        parser.error("--split-scales is for q2_0 and floats")
    if a.dense and a.rows not in ("f16", "f32"):
        parser.error("--dense needs --rows f16 or f32")
    if a.twos and (a.signs or not types <= {*WIDE, *TWO_BITS}):
        parser.error("--twos is for the 2-bit types and floats, without --signs")
