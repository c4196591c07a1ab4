#!/usr/bin/env python3
"""Writes random ternary models of GGUF's architectures bitnet (1bitLLM's) and, with --squared,
bitnet-b1.58, for tests: write_llama.py with sub-norms, a factor beside each matrix (--factors), and
head and embedding tied.

  write_bitnet.py -o FILE --shape HIDDENxFFNxLAYERSxHEADSxKV [options]
"""
import sys

import numpy as np

import write_llama
from gguf_write import F32, write_gguf
from input_keys import add_input_arguments, input_keys
from trits_write import TRITS


class Writer(write_llama.Writer):
    def matrix(self, name, n, k, gain):
        """With a factor the stored scale is another: 1 with --unit."""
        a = self.args
        if not a.factors:
            return super().matrix(name, n, k, gain)
        trits = self.random.choice([-1, 0, 1], (n, k), p=[0.3, 0.4, 0.3])
        wanted = gain / np.sqrt(0.6 * k) * self.random.uniform(0.8, 1.25)
        d = 1.0 if a.unit else 2.0 ** self.random.integers(-3, 4)
        kind, encode = TRITS[a.type]
        factor = np.array([wanted / d], "<f4")
        self.tensors.append((name, kind, (n, k), encode(trits, np.full((n, 1), d))))
        self.tensors.append((name.replace(".weight", ".scale"), F32, (1,), factor.tobytes()))

    def block(self, i):
        super().block(i)
        a = self.args
        self.norm(f"blk.{i}.attn_sub_norm.weight", size=a.heads * a.head_dim)
        self.norm(f"blk.{i}.ffn_sub_norm.weight", size=a.ffn)


def add_options(parser):
    parser.add_argument("--factors", action="store_true", help="a tensor X.scale beside each X")
    parser.add_argument("--squared", action="store_true", help="bitnet-b1.58, of relu^2")
    add_input_arguments(parser)
    parser.add_argument("--unit", action="store_true", help="with --factors: trits times 1")


def main():
    args = write_llama.parse_arguments("bitnet", __doc__, 10000.0, add_options)
    args.tied = True
    args.arch = "bitnet-b1.58" if args.squared else args.arch
    tensors = Writer(args).all()
    keys = write_llama.all_keys(args) + input_keys(args, tensors)
    write_gguf(args.output, keys, tensors)
    return 0


if __name__ == "__main__":
    sys.exit(main())
