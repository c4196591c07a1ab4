#!/usr/bin/env python3
"""Writes random models of GGUF's architecture gemma3, for tests: ternary ones as write_llama.py
has them; with --norms-in, and --qwen3, also bodies of
embedding models, which have one more norm before each matrix.

  write_gemma3.py -o FILE --shape HIDDENxFFNxLAYERSxHEADSxKV [options]
"""
import sys

import numpy as np

import write_llama
from gguf_write import FLOAT, STRING, U32, write_gguf
from trits_write import TRITS


class Writer(write_llama.Writer):
    """Norms before matrices of the layers, where asked for."""

    def block(self, i):
        a = self.args
        queries, values = a.heads * a.head_dim, a.kv * a.head_dim
        name = lambda part: f"blk.{i}.{part}.weight"
        self.norm(name("attn_norm"))
        for part in ("attn_q", "attn_k", "attn_v"):
            self.part(name, part, queries if part == "attn_q" else values, a.hidden, 1.0)
        self.norm(name("attn_q_norm"), a.focus, a.head_dim)
        self.norm(name("attn_k_norm"), a.focus, a.head_dim)
        self.part(name, "attn_output", a.hidden, queries, 1.0)
        if a.arch == "gemma3":
            self.norm(name("post_attention_norm"))
        self.norm(name("ffn_norm"))
        self.part(name, "ffn_gate", a.ffn, a.hidden, a.gate)
        self.part(name, "ffn_up", a.ffn, a.hidden, 1.0)
        self.part(name, "ffn_down", a.hidden, a.ffn, 1.0)
        if a.arch == "gemma3":
            self.norm(name("post_ffw_norm"))

    def part(self, name, part, n, k, gain):
        if self.args.norms_in:
            self.norm(name(part + "_norm_in"), 1.0, k)
        self.matrix(name(part), n, k, gain)

    def matrix(self, name, n, k, gain):
        if not self.args.floats:
            return super().matrix(name, n, k, gain)
        kind, encode = TRITS[self.args.type]
        values = self.random.normal(0, gain / np.sqrt(k), (n, k))
        self.tensors.append((name, kind, (n, k), encode(values, np.ones((n, 1)))))


def own_keys(a):
    keys = []
    if a.window:
        keys += [("attention.sliding_window", U32, a.window)]
    if a.local_base:
        keys += [("rope.freq_base_swa", FLOAT, a.local_base)]
    if a.linear:
        keys += [("rope.scaling.type", STRING, "linear"), ("rope.scaling.factor", FLOAT, a.linear)]
    return [(f"{a.arch}.{name}", kind, value) for name, kind, value in keys]


def add_options(parser):
    parser.add_argument("--qwen3", action="store_true", help="that architecture instead")
    parser.add_argument("--norms-in", action="store_true")
    parser.add_argument("--floats", action="store_true",
                        help="matrices of normal values, in a type of floats")
    parser.add_argument("--window", type=int, help="attention.sliding_window")
    parser.add_argument("--local-base", type=float, help="rope.freq_base_swa")
    parser.add_argument("--linear", type=float, help="factor of linear rope scaling")
    parser.add_argument("--focus", type=float, default=1.0, help="mean weight of q_norm and k_norm")


def main():
    args = write_llama.parse_arguments("gemma3", __doc__, 1000000.0, add_options)
    args.arch = "qwen3" if args.qwen3 else args.arch
    args.tied = args.tied or not args.qwen3
    write_gguf(args.output, write_llama.all_keys(args) + own_keys(args), Writer(args).all())
    return 0


if __name__ == "__main__":
    sys.exit(main())
