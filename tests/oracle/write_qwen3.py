#!/usr/bin/env python3
"""Writes random models of GGUF's architecture qwen3 with ternary or 1-bit weights, for tests;
shares nothing with the runtime nor with the reader.

All matrices, embedding and output included, are codes_write.py's. The vocabulary is byte-level BPE
with merges of two printable characters, then Qwen's special tokens, or a tokenizer.json's.

  write_qwen3.py -o FILE --shape HIDDENxFFNxLAYERSxHEADSxKV [options]
"""
import argparse
import json
import sys

from codes_write import (FILE_TYPES, GROUP, Codes, add_code_arguments, check_codes,
                         shape_keys)
from gguf_write import (BOOL, CONTROL, FLOAT, NORMAL, STRING, U32, USER_DEFINED, add_arguments,
                        parse, vocabulary, vocabulary_keys, write_gguf)
from input_keys import add_input_arguments, input_keys

# --- weights ---


class Writer(Codes):
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


# --- keys ---


def model_keys(a):
    keys = shape_keys(a, a.layers)
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
    check_codes(parser, a)
    if any(k % GROUP for k in (a.hidden, a.ffn, a.heads * a.head_dim)):
        parser.error(f"HIDDEN, FFN and HEADS * head dim are multiples of {GROUP}")
    if bool(a.yarn) != bool(a.orig):
        parser.error("--yarn needs --orig")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    add_code_arguments(parser)
    add_input_arguments(parser)
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
    tensors = Writer(args).all()
    write_gguf(args.output, all_keys(args, *words) + input_keys(args, tensors), tensors)
    return 0


if __name__ == "__main__":
    sys.exit(main())
