#!/usr/bin/env python3
"""Writes random models of GGUF's architecture qwen35 (gated delta layers, every few of them one of
gated attention) with ternary or 1-bit weights, for tests; shares nothing with the runtime nor with
the reader.

Matrices, embedding and output included, are codes_write.py's. --hadamard gives generation 2's keys:
the same random weights, taken as rotated ones. The gates' matrices ssm_alpha and ssm_beta are
codes like the others, or random floats of 8 digits (--gates; generation 2: bf16). Decays last from
a few to a few hundred tokens.

  write_qwen35.py -o FILE --shape HIDDENxFFNxLAYERSxHEADSxKV [options]
"""
import argparse
import sys

import numpy as np

from codes_write import (FILE_TYPES, FLOATS, GROUP, ROWS, WIDE, Codes, add_code_arguments,
                         check_codes, shape_keys)
from gguf_write import (BOOL, F32, FLOAT, I32, STRING, U32, add_arguments, parse, vocabulary,
                        vocabulary_keys, write_gguf)
from input_keys import add_bits_argument, bits_keys, hadamard_keys, random_signs
from write_qwen3 import SPECIAL, read_vocabulary

# --- weights ---


class Writer(Codes):
    def floats(self, name, values):
        values = np.asarray(values)
        self.tensors.append((name, F32, values.shape, values.astype("<f4").tobytes()))

    def gate_matrix(self, name, gain):
        a = self.args
        if a.gates == "same":
            return self.matrix(name, a.v_heads, a.hidden, gain)
        w = self.random.normal(0, gain / np.sqrt(a.hidden), (a.v_heads, a.hidden))
        short = (w.astype(np.float16).view(np.uint16) & 0xFFF8).view(np.float16)
        kind, encode = ROWS[a.gates]
        self.tensors.append((name, kind, w.shape, encode(short, np.ones((a.v_heads, 1)))))

    def delta(self, name):
        a = self.args
        keys, values = a.k_heads * a.state, a.v_heads * a.state
        self.matrix(name("attn_qkv"), 2 * keys + values, a.hidden, 1.0)
        self.matrix(name("attn_gate"), values, a.hidden, a.gate)
        self.floats(name("ssm_conv1d"), self.random.normal(0, 0.5, (2 * keys + values, a.conv)))
        steps = np.exp(self.random.uniform(np.log(0.003), np.log(0.3), a.v_heads))
        self.floats(name("ssm_dt", "bias"), np.log(np.expm1(steps)))  # softplus gives the steps
        slopes = np.exp(self.random.uniform(np.log(0.3), np.log(8), a.v_heads))
        self.floats(name("ssm_a", None), -slopes)
        self.gate_matrix(name("ssm_beta"), 1.0)
        self.gate_matrix(name("ssm_alpha"), 1.0)
        self.norm(name("ssm_norm"), 1.0, a.state)
        self.matrix(name("ssm_out"), a.hidden, values, 1.0)

    def full(self, name, form=None):
        a = self.args
        queries, values = a.heads * a.head_dim, a.kv * a.head_dim
        self.matrix(name("attn_q"), 2 * queries, a.hidden, 1.0, form)
        self.matrix(name("attn_k"), values, a.hidden, 1.0, form)
        self.matrix(name("attn_v"), values, a.hidden, 1.0, form)
        self.norm(name("attn_q_norm"), a.focus, a.head_dim)
        self.norm(name("attn_k_norm"), a.focus, a.head_dim)
        self.matrix(name("attn_output"), a.hidden, queries, 1.0, form)

    def feed_forward(self, name, form=None):
        a = self.args
        self.norm(name("post_attention_norm"))
        self.matrix(name("ffn_gate"), a.ffn, a.hidden, a.gate, form)
        self.matrix(name("ffn_up"), a.ffn, a.hidden, 1.0, form)
        self.matrix(name("ffn_down"), a.hidden, a.ffn, 1.0, form)

    def block(self, i):
        name = names_of(i)
        self.norm(name("attn_norm"))
        (self.delta if recurrent(self.args, i) else self.full)(name)
        self.feed_forward(name)

    def predictor(self):
        """A layer that mostly hands on the embedding of the last token: with --chain, and with a
        head of its own, it drafts the id after."""
        a = self.args
        name = names_of(a.layers)
        self.norm(name("attn_norm"))
        self.full(name, a.mtp)
        self.feed_forward(name, a.mtp)
        noise = self.random.normal(0, 64 * 0.5 / np.sqrt(2 * a.hidden), (a.hidden, 2 * a.hidden))
        codes = (np.rint(noise) + 64 * np.eye(*noise.shape)).astype(np.int8)
        scales = np.full((a.hidden, 2 * a.hidden // GROUP), 1 / 64)
        self.put(name("nextn.eh_proj"), codes, scales, a.mtp)
        self.norm(name("nextn.enorm"))
        self.norm(name("nextn.hnorm"))
        if a.mtp_own:
            self.norm(name("nextn.shared_head_norm"), 1 / np.sqrt(a.hidden))
            rows = self.scaled("embed_tokens", a.vocab, a.hidden, 1.0)
            self.put(name("nextn.embed_tokens"), *rows, a.mtp)
            after = [np.roll(x, 1, axis=0) for x in rows]
            self.put(name("nextn.shared_head_head"), *after, a.mtp)

    def all(self):
        super().all()
        if self.args.mtp:
            self.predictor()
        return self.tensors


def names_of(i):
    return lambda part, end="weight": f"blk.{i}.{part}" + (f".{end}" if end else "")


def recurrent(a, i):
    return (i + 1) % a.interval != 0


# --- keys ---


def model_keys(a):
    turned = a.rotate // 2  # pairs; a section for each of three positions, which text has alike
    keys = [
        *shape_keys(a, a.layers + bool(a.mtp)),
        ("rope.dimension_count", U32, a.rotate),
        ("rope.dimension_sections", I32, [(turned + 2) // 3, (turned + 1) // 3, turned // 3, 0]),
        ("ssm.conv_kernel", U32, a.conv),
        ("ssm.state_size", U32, a.state),
        ("ssm.group_count", U32, a.k_heads),
        ("ssm.time_step_rank", U32, a.v_heads),
        ("ssm.inner_size", U32, a.v_heads * a.state),
    ]
    keys += [("nextn_predict_layers", U32, 1)] if a.mtp else []
    if a.flags:
        flags = [recurrent(a, i) for i in range(a.layers)] + [False] * bool(a.mtp)
        keys.append(("attention.recurrent_layers", BOOL, flags))
    else:
        keys.append(("full_attention_interval", U32, a.interval))
    return [("qwen35." + name, kind, value) for name, kind, value in keys]


FOLDED = ("attn_qkv", "attn_gate", "attn_q", "attn_k", "attn_v", "attn_output", "ssm_out",
          "ffn_gate", "ffn_up", "ffn_down")


def folded(name, layers):
    """Is that a weight whose inputs are rotated? The prediction block after the layers has none."""
    if name == "output.weight":
        return True
    parts = name.split(".")
    return parts[0] == "blk" and int(parts[1]) < layers and parts[2] in FOLDED


def rotation(a, names):
    if not a.hadamard:
        return []
    names = [name for name in names if folded(name, a.layers)]
    signs = None if a.identity else random_signs(widths(a), a.seed)
    return hadamard_keys(names, a.hadamard, signs, 2 if a.tied else 1, not a.ungrouped)


def all_keys(a, names, words):
    ids = {role: words[0].index(token) for role, token in
           (("eos", "<|im_end|>"), ("padding", "<|endoftext|>"))}
    return [
        ("general.architecture", STRING, "qwen35"),
        ("general.name", STRING, "random hybrid"),
        ("general.file_type", U32, FILE_TYPES[a.type]),
        ("general.quantization_version", U32, 2),
        *model_keys(a),
        *rotation(a, names),
        *vocabulary_keys("qwen35", *words, ids),
        ("tokenizer.ggml.add_bos_token", BOOL, False),
    ]


# --- arguments ---


def widths(a):
    return a.hidden, a.heads * a.head_dim, a.v_heads * a.state, a.ffn


def check(parser, a):
    check_codes(parser, a, [] if a.gates in ("same", *FLOATS) else [a.gates])
    if any(k % GROUP for k in widths(a)):
        parser.error(f"HIDDEN, FFN, HEADS * head dim and v heads * state are multiples of {GROUP}")
    if a.v_heads % a.k_heads or a.rotate % 2 or a.rotate > a.head_dim:
        parser.error("--v-heads is a multiple of --k-heads, --rotate even and within a head")
    if a.hadamard and (a.hadamard & (a.hadamard - 1) or any(k % a.hadamard for k in widths(a))):
        parser.error("--hadamard is a power of two that divides every width")
    if a.hadamard and a.gates == "same":
        parser.error("generation 2 has --gates of floats")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    add_code_arguments(parser)
    parser.add_argument("--interval", type=int, default=4, help="of layers with full attention")
    parser.add_argument("--flags", action="store_true",
                        help="a flag for each layer in the file, instead of the interval")
    parser.add_argument("--rotate", type=int, help="dimensions that rope turns; default: a quarter")
    parser.add_argument("--base", type=float, default=1e7)
    parser.add_argument("--k-heads", type=int, default=2, help="of the delta layers")
    parser.add_argument("--v-heads", type=int, default=6, help="of the delta layers")
    parser.add_argument("--state", type=int, default=64, help="elements of their heads")
    parser.add_argument("--conv", type=int, default=4, help="taps of the convolution")
    parser.add_argument("--gates", choices=["same", *FLOATS],
                        help="type of ssm_alpha and ssm_beta; default: same, generation 2: bf16")
    add_bits_argument(parser)
    parser.add_argument("--hadamard", type=int, metavar="BLOCK", help="generation 2")
    parser.add_argument("--identity", action="store_true", help="no signs")
    parser.add_argument("--ungrouped", action="store_true", help="columns of ssm_out stay tiled")
    parser.add_argument("--mtp", nargs="?", const="q8_0", choices=WIDE, metavar="TYPE",
                        help="a prediction block, its matrices of that type; q8_0")
    parser.add_argument("--mtp-own", action="store_true", help="with embedding, norm and head")
    parser.add_argument("--tokenizer", help="a tokenizer.json, instead of --vocab")
    a = parse(parser)
    a.rotate = a.rotate or a.head_dim // 4
    a.gates = a.gates or ("bf16" if a.hadamard else "same")
    check(parser, a)
    return a


def main():
    args = parse_arguments()
    words = read_vocabulary(args.tokenizer) if args.tokenizer else vocabulary(args.vocab, SPECIAL)
    args.vocab = len(words[0])
    tensors = Writer(args).all()
    keys = all_keys(args, [t[0] for t in tensors], words) + bits_keys(args)
    write_gguf(args.output, keys, tensors)
    return 0


if __name__ == "__main__":
    sys.exit(main())
