#!/usr/bin/env python3
"""Writes random models of GGUF's architecture maple (ternary mixture of experts), for tests:
write_llama.py's matrices, of which each layer has three that hold all experts.

  write_maple.py -o FILE --shape HIDDENxFFNxLAYERSxHEADSxKV [options]
"""
import sys

import numpy as np

import write_llama
from gguf_write import BOOL, F16, F32, FLOAT, U32, write_gguf
from input_keys import add_bits_argument, bits_keys


class Writer(write_llama.Writer):
    def experts(self, name, n, k, gain):
        """A matrix of all experts' rows, with the shape of its own."""
        a = self.args
        copies = 1 if a.alike else a.experts
        trits = self.random.choice([-1, 0, 1], (copies, n, k), p=[0.3, 0.4, 0.3])
        trits = np.broadcast_to(trits, (a.experts, n, k)).reshape(-1, k).copy()
        self.put(name, trits, gain / np.sqrt(0.6 * k))
        last, kind, shape, raw = self.tensors[-1]
        self.tensors[-1] = last, kind, (a.experts, n, k), raw

    def block(self, i):
        a = self.args
        queries, values = a.heads * a.head_dim, a.kv * a.head_dim
        name = lambda part: f"blk.{i}.{part}.weight"
        self.norm(name("attn_norm"))
        self.matrix(name("attn_q"), queries, a.hidden, 1.0)
        self.matrix(name("attn_k"), values, a.hidden, 1.0)
        self.matrix(name("attn_v"), values, a.hidden, 1.0)
        self.norm(name("attn_q_norm"), a.focus, a.head_dim)
        self.norm(name("attn_k_norm"), a.focus, a.head_dim)
        self.matrix(name("attn_output"), a.hidden, queries, 1.0)
        self.norm(name("ffn_norm"))
        chooser = self.random.normal(0, a.router / np.sqrt(a.hidden), (a.experts, a.hidden))
        kind, form = {"f32": (F32, "<f4"), "f16": (F16, "<f2")}[a.chooser]
        self.tensors.append((name("ffn_gate_inp"), kind, chooser.shape,
                             chooser.astype("<f2").astype(form).tobytes()))
        self.experts(name("ffn_gate_exps"), a.ffn, a.hidden, a.gate)
        self.experts(name("ffn_up_exps"), a.ffn, a.hidden, a.up)
        self.experts(name("ffn_down_exps"), a.hidden, a.ffn, 1.0)


def own_keys(a):
    local = [a.pattern[i % len(a.pattern)] == "1" for i in range(a.layers)]
    keys = [
        ("expert_count", U32, a.experts),
        ("expert_used_count", U32, a.used),
        ("expert_feed_forward_length", U32, a.ffn),
        ("attention.sliding_window", U32, a.window),
        ("attention.sliding_window_pattern", BOOL, local),
    ]
    keys += [("rope.freq_base_swa", FLOAT, a.local_base)] if a.local_base else []
    keys += [] if a.clamp is None else [("swiglu_clamp_exp", FLOAT, [a.clamp] * a.layers)]
    return [("maple." + name, kind, value) for name, kind, value in keys]


def add_options(parser):
    add_bits_argument(parser)
    parser.add_argument("--experts", type=int, default=8)
    parser.add_argument("--used", type=int, default=2)
    parser.add_argument("--alike", action="store_true", help="all experts are the same")
    parser.add_argument("--window", type=int, default=8)
    parser.add_argument("--pattern", default="1110", help="1: a layer with a window; repeated")
    parser.add_argument("--local-base", type=float, help="rope.freq_base_swa")
    parser.add_argument("--clamp", type=float, help="of all layers; default: the family's")
    parser.add_argument("--focus", type=float, default=1.0, help="mean weight of q_norm and k_norm")
    parser.add_argument("--router", type=float, default=1.5, help="deviation of its logits, about")
    parser.add_argument("--chooser", choices=["f32", "f16"], default="f32", help="its type")
    parser.add_argument("--up", type=float, default=1.0, help="deviation of up's outputs, about")


def main():
    args = write_llama.parse_arguments("maple", __doc__, 1000000.0, add_options)
    keys = [key for key in write_llama.all_keys(args) if key[0] != "maple.feed_forward_length"]
    write_gguf(args.output, keys + own_keys(args) + bits_keys(args), Writer(args).all())
    return 0


if __name__ == "__main__":
    sys.exit(main())
