#!/usr/bin/env python3
"""Spoils random models of architecture qwen3, one fault each, and holds what the program says
(spoilt.py):

  bad_qwen3.py TRITMILL SPOIL SEED FOLDER       writes models there
"""
import itertools
import sys
from types import SimpleNamespace

import numpy as np

import gguf_write as gguf
import spoilt
import write_qwen3 as writer
from gguf_write import PQ2_0, Q2_0
from spoilt import BLOCKS, INF, NAN, TYPES, add, drop, element, scale, set_key, tensor, zeros


def base(kind):
    a = SimpleNamespace(**spoilt.USUAL | dict(type=kind, signs=kind == "q1_0", base=1e6, yarn=4.0,
                                              orig=64, betas=(), attn_factor=None))
    keys = writer.all_keys(a, *gguf.vocabulary(a.vocab, writer.SPECIAL))
    return keys, writer.Writer(a).all()


def key(name, value, kind=None):
    """Of the architecture, or one of general."""
    own = name.startswith(("general.", "prism.", "oxibonsai.", "tritmill.", "x."))
    return set_key(name if own else "qwen3." + name, value, kind)


def last_scales(keys, tensors):
    """OxiBonsai's layout: type 42, groups of 128, the scale after the codes."""
    for i, (name, kind, shape, raw) in enumerate(tensors):
        if kind == PQ2_0:
            rows = np.frombuffer(raw, np.uint8).reshape(-1, 34)
            tensors[i] = (name, Q2_0, shape, np.roll(rows, -2, axis=1).tobytes())


SCALING = "rope.scaling."
ORIG = SCALING + "original_context_length"
FFN_192 = [key("feed_forward_length", 192),
           tensor("blk.0.ffn_gate", PQ2_0, (192, 128), zeros(PQ2_0, 192, 128)),
           tensor("blk.0.ffn_up", PQ2_0, (192, 128), zeros(PQ2_0, 192, 128)),
           tensor("blk.0.ffn_down", Q2_0, (128, 192), zeros(Q2_0, 128, 192))]
HEAD_63 = [key("attention.key_length", 63), key("attention.value_length", 63)]

# What is said -> changes. None: it runs.
FAULTS = [
    (None, []),
    # YaRN
    (SCALING + "factor' is 0: must be 1 ..", [key(SCALING + "factor", 0.0)]),
    (SCALING + "factor' is -4: must be", [key(SCALING + "factor", -4.0)]),
    (SCALING + "factor' is nan: must be", [key(SCALING + "factor", NAN)]),
    (SCALING + "factor' is inf: must be", [key(SCALING + "factor", INF)]),
    (SCALING + "factor' is 1e+30: must be", [key(SCALING + "factor", 1e30)]),
    (SCALING + "factor': is u32, must be f32", [key(SCALING + "factor", 4)]),
    (SCALING + "factor': is string, must be", [key(SCALING + "factor", "4")]),
    (SCALING + "factor': is an array of u32, must be", [key(SCALING + "factor", [4, 4])]),
    (SCALING + "factor': is missing", [key(SCALING + "factor", None)]),
    (SCALING + "factor' is 4: supported is only 1", [key(SCALING + "type", None)]),
    (SCALING + "type' is 'linear': supported are 'none' and 'yarn'",
     [key(SCALING + "type", "linear")]),
    (SCALING + "type': is u32, must be string", [key(SCALING + "type", 2)]),
    (ORIG + "' is 0: must be 1 ..", [key(ORIG, 0)]),
    (ORIG + "' is 4294967295: must be", [key(ORIG, 2**32 - 1)]),
    (ORIG + "': is f32, must be", [key(ORIG, 64.0)]),
    (ORIG + "': is missing", [key(ORIG, None)]),
    ("yarn_beta_slow' is 33: must be at most yarn_beta_fast, 32",
     [key(SCALING + "yarn_beta_slow", 33.0)]),
    ("yarn_beta_slow' is 1: must be at most yarn_beta_fast, 0.5",
     [key(SCALING + "yarn_beta_fast", 0.5)]),
    ("yarn_beta_fast' is nan: must be", [key(SCALING + "yarn_beta_fast", NAN)]),
    ("yarn_beta_fast' is inf: must be", [key(SCALING + "yarn_beta_fast", INF)]),
    ("yarn_beta_slow' is -1: must be", [key(SCALING + "yarn_beta_slow", -1.0)]),
    ("yarn_ext_factor' is 0: supported is only 1", [key(SCALING + "yarn_ext_factor", 0.0)]),
    ("attn_factor' is nan: must be", [key(SCALING + "attn_factor", NAN)]),
    ("attn_factor' is 0: must be", [key(SCALING + "attn_factor", 0.0)]),
    (None, [key(SCALING + "yarn_beta_fast", 1.0)]),
    (None, [key(ORIG, 1)]),
    (None, [key(SCALING + "factor", 65536.0), key(ORIG, 2**24)]),
    (None, [key("rope.freq_base", 1.0000001)]),
    # heads
    ("key_length' is 0: must be 1 ..", [key("attention.key_length", 0)]),
    ("key_length' is 2147483648: must be", [key("attention.key_length", 2**31)]),
    ("value_length' is 128, but attention.key_length is 64", [key("attention.value_length", 128)]),
    ("rope.dimension_count' (absent: the head's 63) is 63: must be even", HEAD_63),
    ("leaves 1 element per head", [key("attention.key_length", 1),
                                   key("attention.value_length", 1)]),
    ("'qwen3.attention.head_count' is 0: must be", [key("attention.head_count", 0)]),
    ("head_count_kv' is 4: must be 1 .. 2", [key("attention.head_count_kv", 4)]),
    ("head_count_kv' is 2: must divide head_count 3",
     [key("attention.head_count", 3), key("attention.head_count_kv", 2)]),
    ("head_count' is 4294967295: must be", [key("attention.head_count", 2**32 - 1)]),
    ("1048576 heads of 1048576 elements: more than 1048576 in all",
     [key("attention.head_count", 2**20), key("attention.key_length", 2**20),
      key("attention.value_length", 2**20)]),
    ("65536 heads of 65536 elements: more than",
     [key("attention.head_count", 2**16), key("attention.key_length", 2**16),
      key("attention.value_length", 2**16)]),
    ("'blk.0.attn_q_norm.weight' is 64: the file's keys make it 128",
     [key("attention.key_length", 128), key("attention.value_length", 128)]),
    ("'blk.0.attn_q.weight' is 128 x 128: the file's keys make it 128 x 256",
     [key("attention.head_count", 4)]),
    # shapes
    ("'qwen3.embedding_length' is 4294967295: must be", [key("embedding_length", 2**32 - 1)]),
    ("'token_embd.weight' has 2 dimensions, 128 x 261: must have 2, embedding_length 256",
     [key("embedding_length", 256)]),
    ("feed_forward_length' is 0: must be", [key("feed_forward_length", 0)]),
    ("'blk.0.ffn_gate.weight' is 128 x 128: the file's keys make it 128 x 1048576",
     [key("feed_forward_length", 2**20)]),
    ("'blk.1.attn_norm.weight' is missing", [key("block_count", 4096)]),
    ("block_count' is 4097: must be", [key("block_count", 4097)]),
    ("vocab_size' is 262, but 'token_embd.weight' has 261 rows", [key("vocab_size", 262)]),
    ("its size does not fit 64 bits", [tensor("token_embd", shape=(2**57, 128))]),
    ("run past the end of the file", [tensor("token_embd", shape=(2**40, 128))]),
    ("does not fit 64 bits", [tensor("output", shape=(2**32, 2**32))]),
    ("'output.weight' is 128 x 260: the file's keys make it 128 x 261",
     [tensor("output", shape=(260, 128))]),
    ("'tokenizer.ggml.tokens' has 261 tokens, but 'token_embd.weight' has 260 rows",
     [tensor("token_embd", shape=(260, 128)), tensor("output", shape=(260, 128))]),
    ("'blk.0.ffn_down.weight' (type Q2_0, 128 x 192): its columns are not a multiple of 128",
     FFN_192),
    ("its row length is not a multiple of its type's block",
     [tensor("blk.0.ffn_down", PQ2_0, (256, 64))]),
    # tensors
    ("'blk.0.attn_q_norm.weight' is missing", [drop("blk.0.attn_q_norm")]),
    ("'blk.0.attn_q_norm.weight' has type I32 (26): vectors are read as F32, F16, BF16 and Q8_0",
     [tensor("blk.0.attn_q_norm", 26)]),
    ("'blk.0.attn_q.bias' has no place", [add("blk.0.attn_q.bias", "blk.0.attn_norm")]),
    ("'blk.0.ffn_up.weight' has type Q4_0 (2); ternary matrices are read from I2_S, ",
     [tensor("blk.0.ffn_up", 2, raw=bytes(128 * 72))]),
    ("of tensors 'blk.0.ffn_gate.weight' and 'blk.0.ffn_up.weight', which take the same inputs, "
     "one is dense, one is not", [tensor("blk.0.ffn_up", 8, raw=bytes(128 * 136))]),
    ("'token_embd.weight' (type Q4_1, 261 x 128): embedding and head are read as F16",
     [tensor("token_embd", 3, raw=bytes(261 * 80))]),
    (None, [tensor("blk.0.attn_q", raw=zeros(PQ2_0, 128, 128)),
            tensor("blk.0.attn_k", raw=zeros(PQ2_0, 64, 128))]),
    (None, [tensor("token_embd", raw=zeros(PQ2_0, 261, 128))]),
    (None, [tensor("output", raw=zeros(PQ2_0, 261, 128))]),
    (None, [tensor("blk.0.attn_q_norm", edit=element(0.0))]),
    *((f"tensor 'blk.0.attn_q_norm.weight' element 5 is {value:g}: must be within 2^60",
       [tensor("blk.0.attn_q_norm", edit=element(value))]) for value in (3e38, -2e18)),
    (None, [tensor("blk.0.attn_q_norm", edit=element(1e18))]),
    (None, [tensor("blk.0.attn_norm", edit=element(1e13))]),
    ("layer 0, qkv: not finite at token 0", [tensor("blk.0.attn_norm", edit=element(1e25))]),
    ("layer 0, qkv: not finite at token 0", [tensor("blk.0.attn_norm", edit=element(1e30))]),
    ("layer 0, attn norm: not finite at token 0", [tensor("blk.0.attn_norm", edit=element(3e38))]),
    ("tensor 'blk.0.attn_k_norm.weight' element 5 is nan: must be finite",
     [tensor("blk.0.attn_k_norm", edit=element(NAN))]),
    # marks of other programs
    ("'blk.0.attn_q.weight' has type 40: NVFP4, or Q1_0 with groups of 32",
     [tensor("blk.0.attn_q", 40)]),
    ("'blk.0.attn_q.weight' has type 43: a number that forks gave", [tensor("blk.0.attn_q", 43)]),
    ("'blk.0.attn_q.weight' has type 48: a number that forks gave", [tensor("blk.0.attn_q", 48)]),
    ("key 'prism.hadamard.block_size': is missing", [key("prism.hadamard.version", 1)]),
    ("key 'prism.hadamard.block_size': its weights are rotated (Hadamard), but there is no",
     [key("prism.hadamard.block_size", -1, gguf.I32)]),
    ("key 'x.hadamard': its weights are rotated (Hadamard), but", [key("x.hadamard", 128)]),
    (None, [key("general.name", "Bonsai 2")]),
    ("tensor 'blk.0.ffn_down.weight' is dense: key 'tritmill.activation_bits' is 4",
     [key("tritmill.activation_bits", 4), tensor("blk.0.ffn_down", 8, raw=bytes(128 * 136))]),
    (None, [key("tritmill.activation_bits", 4)]),
    ("key 'tritmill.activation_bits' is 2: supported are 8 and 4",
     [key("tritmill.activation_bits", 2)]),
    ("key 'oxibonsai.quant_format': written by OxiBonsai",
     [last_scales, key("oxibonsai.quant_format", "TQ2_0_G128")]),
    ("key 'general.quantization_version': written by OxiBonsai",
     [last_scales, key("general.quantization_version", "TQ2_0_G128")]),
    ("must be a finite number without a sign", [last_scales]),
]


SCALES = itertools.cycle((NAN, -1.0, INF, -0.0, -INF))


def scale_faults():
    """Scales of every type, in a matrix of a layer, the embedding and the head."""
    for name, kind in TYPES.items():
        columns, per_row = BLOCKS[kind][0], 128 // BLOCKS[kind][0]
        block = 5 * per_row + per_row - 1
        for part in ("blk.0.attn_k", "token_embd", "output"):
            row = f"tensor '{part}.weight' row 5"
            where = f"{row}, group {per_row - 1} of {columns} columns: "
            for value in itertools.islice(SCALES, 2):
                says = f"{where}its scale is {value:g}, must be a finite number without a sign"
                says = f"{row} has a scale that is not" if part == "token_embd" else says
                yield says, [tensor(part, edit=scale(kind, value, block))], name
        small, large = scale(kind, 2.0**-24, block), scale(kind, 65504.0, block)
        yield None, [tensor(part, edit=edit) for part, edit in (("output", large),
                                                                ("token_embd", small),
                                                                ("blk.0.attn_k", small))], name


CASES = [(says, changes, "pq2_0") for says, changes in FAULTS] + list(scale_faults())

if __name__ == "__main__":
    sys.exit(spoilt.main(base, CASES, (*TYPES, "q2_0_legacy")))
