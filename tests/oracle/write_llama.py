#!/usr/bin/env python3
"""Writes random ternary models of GGUF's architecture llama, for tests; shares nothing with the
runtime.

The types do not change the weights: files that differ in --type or --rows hold the same model.
Every matrix has one scale d of 8 significant bits, which f16 and bf16 hold exactly; with --scales
rows each row has one, with --scales 256 every 256 columns of a row. The vocabulary
is byte-level BPE of Llama 3's kind with merges of two printable characters, then BOS and EOS.

  write_llama.py -o FILE --shape HIDDENxFFNxLAYERSxHEADSxKV [options]
"""
import argparse
import re
import sys

import numpy as np

from gguf_write import (BOOL, CONTROL, F16, F32, FLOAT, STRING, U32, Weights, add_arguments, parse,
                        vocabulary, vocabulary_keys, write_gguf)
from trits_write import FILE_TYPES, TRITS

ROWS = {"f16": (F16, "<f2"), "f32": (F32, "<f4")}

# --- weights ---


class Writer(Weights):
    def __init__(self, args):
        super().__init__(args)
        self.drawn = np.random.default_rng([args.seed, 1])  # types, beside the weights

    def rows(self, name, w):
        """Rows of the vocabulary: values of f16, in either type."""
        kind, form = ROWS[self.args.rows]
        self.tensors.append((name, kind, w.shape, w.astype(form).tobytes()))

    def matrix(self, name, n, k, gain):
        """Outputs have about `gain` times the deviation of the inputs."""
        trits = self.random.choice([-1, 0, 1], (n, k), p=[0.3, 0.4, 0.3])
        self.put(name, trits, gain / np.sqrt(0.6 * k))

    def scales(self, name, n, k, wanted):
        a = self.args
        own = re.search(a.where, name)
        size = (n if own and a.scales != "one" else 1, k // 256 if own and a.scales == "256" else 1)
        d = wanted * self.random.uniform(0.8, 1.25, size)
        exponent = np.floor(np.log2(d)) - 7
        return np.broadcast_to(np.rint(d / 2**exponent) * 2**exponent, (n, size[1])).copy()

    def put(self, name, trits, wanted):
        """wanted: about the scales."""
        a = self.args
        d = self.scales(name, *trits.shape, wanted)
        if a.empty:
            empty = self.random.random((len(trits), trits.shape[1] // 256)) < a.empty
            trits.reshape(empty.shape + (256,))[empty] = 0
            d = np.where(empty, 0, d) if a.type in ("tq1_0", "tq2_0") else d
        kind, encode = TRITS[self.form(d) if a.type == "mixed" else a.type]
        self.tensors.append((name, kind, trits.shape, encode(trits, d)))

    def form(self, d):
        """One of the types that hold such scales."""
        if d.shape[1] > 1 and (d != d[:, :1]).any():
            return self.drawn.choice(["tq1_0", "tq2_0"])
        narrow = ["tq1_0", "tq2_0", "iq1_bn", "iq2_bn", "iq2_bn_r4", "f16", "bf16", "f32"]
        return self.drawn.choice(narrow + ["i2_s"] * bool((d == d[0, 0]).all()))

    def block(self, i):
        a = self.args
        queries, values = a.heads * a.head_dim, a.kv * a.head_dim
        name = lambda part: f"blk.{i}.{part}.weight"
        self.norm(name("attn_norm"))
        self.matrix(name("attn_q"), queries, a.hidden, 1.5)
        self.matrix(name("attn_k"), values, a.hidden, 1.5)
        self.matrix(name("attn_v"), values, a.hidden, 1.0)
        self.matrix(name("attn_output"), a.hidden, queries, 1.0)
        self.norm(name("ffn_norm"))
        self.matrix(name("ffn_gate"), a.ffn, a.hidden, a.gate)
        self.matrix(name("ffn_up"), a.ffn, a.hidden, 1.0)
        self.matrix(name("ffn_down"), a.hidden, a.ffn, 1.0)

    def all(self):
        a = self.args
        shape = (a.vocab, a.hidden)
        embedding = self.random.normal(0, a.embedding, shape).astype("<f2")
        self.rows("token_embd.weight", embedding)
        for i in range(a.layers):
            self.block(i)
        self.norm("output_norm.weight", a.peak / (a.embedding * np.sqrt(a.hidden)))
        if not a.tied:
            head = self.random.normal(0, a.embedding, shape).astype("<f2")
            head = np.roll(embedding, 1, axis=0) if a.chain else head
            self.rows("output.weight", head)
        return self.tensors


# --- keys ---


def model_keys(a):
    """Name, kind, value, default: a key that has its default is left out with --defaults."""
    own_dim = a.hidden // a.heads
    keys = [
        ("vocab_size", U32, a.vocab, None),
        ("context_length", U32, 4096, None),
        ("embedding_length", U32, a.hidden, None),
        ("block_count", U32, a.layers, None),
        ("feed_forward_length", U32, a.ffn, None),
        ("attention.head_count", U32, a.heads, None),
        ("attention.head_count_kv", U32, a.kv, a.heads),
        ("attention.key_length", U32, a.head_dim, own_dim),
        ("attention.value_length", U32, a.head_dim, own_dim),
        ("attention.layer_norm_rms_epsilon", FLOAT, a.eps, None),
        ("rope.dimension_count", U32, a.rotate, a.head_dim),
        ("rope.freq_base", FLOAT, a.base, 10000.0),
    ]
    return [(f"{a.arch}.{name}", kind, value) for name, kind, value, default in keys
            if not (a.defaults and value == default)]


def all_keys(a):
    special = {"<|begin_of_text|>": CONTROL, "<|end_of_text|>": CONTROL}
    ids = {"bos": a.vocab - 2, "eos": a.vocab - 1}
    return [
        ("general.architecture", STRING, a.arch),
        ("general.name", STRING, "random ternary"),
        ("general.file_type", U32, FILE_TYPES.get(a.type, 1)),
        ("general.quantization_version", U32, 2),
        *model_keys(a),
        *vocabulary_keys("llama-bpe", *vocabulary(a.vocab, special), ids),
        ("tokenizer.ggml.add_bos_token", BOOL, True),
    ]


def parse_arguments(arch="llama", text=__doc__, base=1000042.0, more=lambda parser: None):
    """more: adds options of a kin."""
    parser = argparse.ArgumentParser(description=text,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--rotate", type=int, help="dimensions that rope turns; default: all")
    parser.add_argument("--type", choices=[*TRITS, "mixed"], default="i2_s",
                        help="of the matrices; mixed: of each another")
    parser.add_argument("--scales", choices=["one", "rows", "256"], default="one")
    parser.add_argument("--where", default=".", metavar="NAMES",
                        help="matrices that --scales is for; the others have one")
    parser.add_argument("--empty", type=float, default=0.0,
                        help="share of 256 columns of a row that are zeros, whose scale is 0")
    parser.add_argument("--rows", choices=ROWS, default="f16", help="of embedding and output")
    parser.add_argument("--base", type=float, default=base)
    parser.add_argument("--defaults", action="store_true",
                        help="leave out keys that have their default")
    more(parser)
    a = parse(parser)
    a.arch = arch
    a.rotate = a.rotate or a.head_dim
    return a


def main():
    args = parse_arguments()
    write_gguf(args.output, all_keys(args), Writer(args).all())
    return 0


if __name__ == "__main__":
    sys.exit(main())
