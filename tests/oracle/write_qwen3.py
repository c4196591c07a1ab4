#!/usr/bin/env python3
"""Writes random models of GGUF's architecture qwen3 with ternary or 1-bit weights, for tests;
shares nothing with the runtime nor with the reader.

All matrices, embedding and output included, are codes times one f16 scale per 128 columns (per 64
with --split-scales). The types do not change the weights: files that differ in --type or --rows
alone hold the same model (q1_0 has signs only; --signs gives the others that model; bf16 has fewer
digits than the scales, unless --short-scales gives those to all). The vocabulary is byte-level BPE
with merges of two printable characters, then Qwen's special tokens, or a tokenizer.json's.

  write_qwen3.py -o FILE --shape HIDDENxFFNxLAYERSxHEADSxKV [options]
"""
import argparse
import json
import re
import sys

import numpy as np

from gguf_write import (BF16, BOOL, CONTROL, F16, F32, FLOAT, NORMAL, PQ2_0, PTQ1_0, Q1_0, Q2_0,
                        Q8_0, STRING, U32, USER_DEFINED, Weights, add_arguments, parse, vocabulary,
                        vocabulary_keys, write_gguf)

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
        raise SystemExit("write_qwen3.py: bf16 needs --short-scales")
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


class Writer(Weights):
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

    def matrix(self, name, n, k, gain):
        """Outputs have about `gain` times the deviation of the inputs."""
        self.put(name, *self.scaled(name, n, k, gain / np.sqrt(k)), self.args.type)

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
        self.matrix(name("ffn_gate"), a.ffn, a.hidden, a.gate)
        self.matrix(name("ffn_up"), a.ffn, a.hidden, 1.0)
        self.matrix(name("ffn_down"), a.hidden, a.ffn, 1.0)

    def rows(self, name):
        """Of embedding or output: codes and scales, or values that are none with ones."""
        a = self.args
        if not a.dense:
            return self.scaled(name, a.vocab, a.hidden, a.embedding)
        values = self.random.normal(0, a.embedding, (a.vocab, a.hidden)).astype(np.float16)
        return values.astype(np.float32), np.ones((a.vocab, a.hidden // GROUP), np.float16)

    def all(self):
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


# --- keys ---


def model_keys(a):
    keys = [
        ("block_count", U32, a.layers),
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
    if a.yarn:
        keys += [
            ("rope.scaling.type", STRING, "yarn"),
            ("rope.scaling.factor", FLOAT, a.yarn),
            ("rope.scaling.original_context_length", U32, a.orig),
        ]
        keys += [("rope.scaling.attn_factor", FLOAT, a.attn_factor)] if a.attn_factor else []
        keys += [(f"rope.scaling.yarn_beta_{name}", FLOAT, value)
                 for name, value in zip(("fast", "slow"), a.betas)]
    return [("qwen3." + name, kind, value) for name, kind, value in keys]


SPECIAL = {"<|endoftext|>": CONTROL, "<|im_start|>": CONTROL, "<|im_end|>": CONTROL,
           "<think>": USER_DEFINED, "</think>": USER_DEFINED}


def read_vocabulary(path):
    """Tokens, their types and the merges of a tokenizer.json."""
    with open(path, encoding="utf-8") as file:
        parsed = json.load(file)
    ids = dict(parsed["model"]["vocab"])
    types = dict.fromkeys(ids, NORMAL)
    for token in parsed["added_tokens"]:
        ids[token["content"]] = token["id"]
        types[token["content"]] = CONTROL if token["special"] else USER_DEFINED
    tokens = sorted(ids, key=ids.get)
    if [ids[token] for token in tokens] != list(range(len(tokens))):
        raise SystemExit(f"write_qwen3.py: {path}: its ids have gaps")
    merges = [m if isinstance(m, str) else " ".join(m) for m in parsed["model"]["merges"]]
    return tokens, [types[token] for token in tokens], merges


def all_keys(a, tokens, types, merges):
    ids = {role: tokens.index(token) for role, token in
           (("bos", "<|endoftext|>"), ("eos", "<|im_end|>"), ("padding", "<|endoftext|>"))}
    return [
        ("general.architecture", STRING, "qwen3"),
        ("general.name", STRING, "random grouped"),
        ("general.file_type", U32, FILE_TYPES[a.type]),
        ("general.quantization_version", U32, 2),
        *model_keys(a),
        *vocabulary_keys("qwen2", tokens, types, merges, ids),
        ("tokenizer.ggml.add_bos_token", BOOL, False),
    ]


def check(parser, a):
    """Stops where the type cannot hold the weights that were asked for."""
    a.signs = a.signs or a.type == "q1_0"
    rows = [a.type] + [a.rows] * (a.rows != "same")
    if a.split_scales and not set(rows) <= {*WIDE, *BY_64}:
        parser.error("--split-scales is for q2_0 and floats")
    if a.twos and (a.signs or not set(rows) <= {*WIDE, *TWO_BITS}):
        parser.error("--twos is for the 2-bit types and floats, without --signs")
    if any(k % GROUP for k in (a.hidden, a.ffn, a.heads * a.head_dim)):
        parser.error(f"HIDDEN, FFN and HEADS * head dim are multiples of {GROUP}")
    if a.dense and a.rows not in ("f16", "f32"):
        parser.error("--dense needs --rows f16 or f32")
    if bool(a.yarn) != bool(a.orig):
        parser.error("--yarn needs --orig")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
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
    parser.add_argument("--base", type=float, default=1e6)
    parser.add_argument("--yarn", type=float, help="YaRN's factor")
    parser.add_argument("--orig", type=int, help="YaRN's original context")
    parser.add_argument("--betas", type=float, nargs=2, default=(), metavar=("FAST", "SLOW"),
                        help="YaRN's; llama.cpp does not read them here")
    parser.add_argument("--attn-factor", type=float, help="YaRN's attn_factor")
    parser.add_argument("--tokenizer", help="a tokenizer.json, instead of --vocab")
    a = parse(parser)
    check(parser, a)
    return a


def main():
    args = parse_arguments()
    words = read_vocabulary(args.tokenizer) if args.tokenizer else vocabulary(args.vocab, SPECIAL)
    args.vocab = len(words[0])
    write_gguf(args.output, all_keys(args, *words), Writer(args).all())
    return 0


if __name__ == "__main__":
    sys.exit(main())
