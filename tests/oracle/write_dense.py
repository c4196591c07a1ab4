#!/usr/bin/env python3
"""Writes random models of GGUF's architectures bitnet-b1.58, llama and qwen3 whose matrices are
floats and no codes, for tests; shares nothing with the runtime nor with the reader.

Each matrix is integers from -127 to 127 times a power of two for each 32 columns, which F32, F16,
BF16 and Q8_0 all hold exactly: files that differ in --type or --rows alone hold the same model.
--normal takes normal values instead, rounded to the type. "mixed" gives each matrix another type.

  write_dense.py ARCHITECTURE -o FILE --shape HIDDENxFFNxLAYERSxHEADSxKV [options]
"""
import argparse
import sys

import numpy as np

import write_llama
import write_qwen3
from gguf_write import (BF16, BOOL, CONTROL, F16, F32, Q8_0, STRING, U32, Weights, add_arguments,
                        parse, vocabulary, vocabulary_keys, write_gguf)

FILE_TYPES = {"f32": 0, "f16": 1, "q8_0": 7, "mixed": 1, "bf16": 32}


def to_bf16(w):
    """To nearest even."""
    bits = np.ascontiguousarray(w, "<f4").view("<u4")
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2").tobytes()


def to_q8_0(w):
    """A scale with which the largest integer is 64 to 127: a power of two, where all are
    integers times one, and else exactly what the largest needs."""
    w = w.reshape(-1, 32)
    top = np.abs(w).max(axis=1, keepdims=True)
    unit = np.exp2(np.ceil(np.log2(np.where(top > 0, top, 1) / 127)))
    exact = (w / unit == np.rint(w / unit)).all(axis=1, keepdims=True)
    d = np.where(exact, unit, top / 127).astype("<f2")
    q = np.clip(np.rint(w / np.where(d > 0, d, 1)), -127, 127).astype(np.int8)
    return np.concatenate([d.view(np.uint8), q.view(np.uint8)], axis=1).tobytes()


TYPES = {
    "f32": (F32, lambda w: w.astype("<f4").tobytes()),
    "f16": (F16, lambda w: w.astype("<f2").tobytes()),
    "bf16": (BF16, to_bf16),
    "q8_0": (Q8_0, to_q8_0),
}


class Writer(Weights):
    def __init__(self, args):
        super().__init__(args)
        self.drawn = np.random.default_rng([args.seed, 1])  # types, beside the weights

    def values(self, n, k, deviation):
        if self.args.normal:
            return self.random.normal(0, deviation, (n, k))
        size = (n, -(-k // 32))
        exponents = np.floor(np.log2(deviation / 64)) + self.random.integers(-1, 2, size)
        unit = np.repeat(np.exp2(exponents), 32, axis=1)[:, :k]
        return self.random.integers(-127, 128, (n, k)) * unit

    def put(self, name, w, form):
        if form == "mixed":
            form = self.drawn.choice([t for t in TYPES if t != "q8_0" or w.shape[1] % 32 == 0])
        kind, encode = TYPES[form]
        self.tensors.append((name, kind, w.shape, encode(w)))

    def matrix(self, name, n, k, gain):
        """Outputs have about `gain` times the deviation of the inputs."""
        self.put(name, self.values(n, k, gain / np.sqrt(k)), self.args.type)

    def block(self, i):
        a = self.args
        queries, values = a.heads * a.head_dim, a.kv * a.head_dim
        name = lambda part: f"blk.{i}.{part}.weight"
        self.norm(name("attn_norm"))
        self.matrix(name("attn_q"), queries, a.hidden, 1.5)
        self.matrix(name("attn_k"), values, a.hidden, 1.5)
        self.matrix(name("attn_v"), values, a.hidden, 1.0)
        if a.arch == "qwen3":
            self.norm(name("attn_q_norm"), 1.0, a.head_dim)
            self.norm(name("attn_k_norm"), 1.0, a.head_dim)
        if a.arch == "bitnet-b1.58":
            self.norm(name("attn_sub_norm"), size=queries)
            self.norm(name("ffn_sub_norm"), size=a.ffn)
        self.matrix(name("attn_output"), a.hidden, queries, 1.0)
        self.norm(name("ffn_norm"))
        self.matrix(name("ffn_gate"), a.ffn, a.hidden, a.gate)
        self.matrix(name("ffn_up"), a.ffn, a.hidden, 1.0)
        self.matrix(name("ffn_down"), a.hidden, a.ffn, 1.0)

    def all(self):
        a = self.args
        rows = a.type if a.rows == "same" else a.rows
        self.put("token_embd.weight", self.values(a.vocab, a.hidden, a.embedding), rows)
        for i in range(a.layers):
            self.block(i)
        self.norm("output_norm.weight", a.peak / (a.embedding * np.sqrt(a.hidden)))
        if not a.tied:
            self.put("output.weight", self.values(a.vocab, a.hidden, a.embedding), rows)
        return self.tensors


def all_keys(a):
    own = (write_qwen3 if a.arch == "qwen3" else write_llama).model_keys(a)
    special = {"<|begin|>": CONTROL, "<|end|>": CONTROL}
    ids = {"bos": a.vocab - 2, "eos": a.vocab - 1}
    return [
        ("general.architecture", STRING, a.arch),
        ("general.name", STRING, "random dense"),
        ("general.file_type", U32, FILE_TYPES[a.type]),
        ("general.quantization_version", U32, 2),
        *own,
        *vocabulary_keys("qwen2" if a.arch == "qwen3" else "llama-bpe",
                         *vocabulary(a.vocab, special), ids),
        ("tokenizer.ggml.add_bos_token", BOOL, a.arch != "qwen3"),
    ]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arch", choices=["bitnet-b1.58", "llama", "qwen3"])
    add_arguments(parser)
    parser.add_argument("--type", choices=[*TYPES, "mixed"], default="f16", help="of the matrices")
    parser.add_argument("--rows", choices=["same", *TYPES], default="same",
                        help="of embedding and output")
    parser.add_argument("--normal", action="store_true", help="normal values, not exact ones")
    parser.add_argument("--base", type=float, default=500000.0)
    parser.add_argument("--rotate", type=int, help="llama: dimensions that rope turns")
    parser.add_argument("--defaults", action="store_true",
                        help="llama: leave out keys that have their default")
    parser.add_argument("--yarn", type=float, help="qwen3: YaRN's factor")
    parser.add_argument("--orig", type=int, help="qwen3: YaRN's original context")
    parser.add_argument("--betas", type=float, nargs=2, default=())
    parser.add_argument("--attn-factor", type=float)
    a = parse(parser)
    a.rotate = a.rotate or a.head_dim
    return a


def main():
    args = parse_arguments()
    write_gguf(args.output, all_keys(args), Writer(args).all())
    return 0


if __name__ == "__main__":
    sys.exit(main())
