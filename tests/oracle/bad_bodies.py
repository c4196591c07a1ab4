#!/usr/bin/env python3
"""Spoils random models of architectures gemma3 and bitnet, and such with a norm before every
projection, one fault each, and holds what the program says (spoilt.py):

  bad_bodies.py TRITMILL SPOIL SEED FOLDER       writes models there
"""
import sys
from types import SimpleNamespace

import numpy as np

import gguf_write as gguf
import spoilt
import write_bitnet
import write_gemma3
import write_llama
from gguf_write import FLOAT, PQ2_0, U32
from spoilt import INF, NAN, add, drop, element, set_key, tensor, zeros

KINDS = {  # arch, writer, norms_in
    "gemma3": ("gemma3", write_gemma3.Writer, False),
    "gemma3_in": ("gemma3", write_gemma3.Writer, True),
    "qwen3_in": ("qwen3", write_gemma3.Writer, True),
    "bitnet": ("bitnet", write_bitnet.Writer, False),
    "llama": ("llama", write_llama.Writer, False),
}


def base(kind):
    arch, writer, norms_in = KINDS[kind]
    a = SimpleNamespace(**spoilt.USUAL | dict(
        type="i2_s", rows="f16", arch=arch, base=1e6, rotate=64, defaults=False, scales="one",
        where=".", tied=True, layers=2, ffn=256, norms_in=norms_in, floats=False, window=4,
        local_base=None,
        linear=None, factors=kind == "bitnet", unit=False, embedding=0.1))
    a.window = 4 if arch == "gemma3" else None
    return write_llama.all_keys(a) + write_gemma3.own_keys(a), writer(a).all()


def key(name, value, kind=None):
    """Of the architecture that the file has."""
    def change(keys, tensors):
        set_key(f"{keys[0][2]}.{name}", value, kind)(keys, tensors)
    return change


def factor(value):
    return lambda data: data.__setitem__(slice(0, 4), np.float32(value).tobytes())


def scale(value):
    """The scale of I2_S, behind the codes."""
    return lambda data: data.__setitem__(slice(-32, -28), np.float32(value).tobytes())


SCALING, WINDOW, PATTERN = "rope.scaling.", "attention.sliding_window", \
    "attention.sliding_window_pattern"
LOW_BIT = [tensor(f"blk.0.attn_{x}", PQ2_0, None, zeros(PQ2_0, n, 128))
           for x, n in (("q", 128), ("k", 64), ("v", 64))]

# What is said -> changes, for a kind. None: it runs.
FAULTS = {
    "gemma3": [
        (None, []),
        *((None, [key(WINDOW, value)]) for value in (0, 1, 1 << 24)),
        (None, [key(WINDOW, None)]),
        (f"key 'gemma3.{WINDOW}' is 16777217: must be 0 .. 16777216", [key(WINDOW, 2**24 + 1)]),
        (f"key 'gemma3.{WINDOW}': is f32, must be an integer", [key(WINDOW, 4.0)]),
        *((None, [key(PATTERN, value)]) for value in (0, 1, 2, 9)),
        (f"key 'gemma3.{PATTERN}': is an array of u32, must be", [key(PATTERN, [1, 0])]),
        (None, [key("rope.freq_base_swa", 5000.0)]),
        ("key 'gemma3.rope.freq_base_swa' is 0: must be 1 ..", [key("rope.freq_base_swa", 0.0)]),
        ("key 'gemma3.rope.freq_base_swa' is nan: must be", [key("rope.freq_base_swa", NAN)]),
        ("key 'gemma3.rope.freq_base': is missing", [key("rope.freq_base", None)]),
        ("key 'gemma3.final_logit_softcapping' is 30: supported is only 0",
         [key("final_logit_softcapping", 30.0)]),
        (None, [key("final_logit_softcapping", 0.0)]),
        ("key 'gemma3.attn_logit_softcapping' is 50: supported is only 0",
         [key("attn_logit_softcapping", 50.0)]),
        ("key 'gemma3.hidden_activation' is 'silu': supported are", [key("hidden_activation",
                                                                       "silu")]),
        ("key 'gemma3.block_count' is 62: Gemma 3 27B", [key("block_count", 62)]),
        ("key 'gemma3.attention.causal' is 0: supported is only 1", [key("attention.causal",
                                                                        False)]),
        (None, [key("attention.causal", True)]),
        (f"key 'gemma3.{SCALING}type' is 'yarn': supported are 'none' and 'linear'",
         [key(SCALING + "type", "yarn")]),
        (None, [key(SCALING + "type", "linear"), key(SCALING + "factor", 8.0)]),
        (f"key 'gemma3.{SCALING}factor': is missing", [key(SCALING + "type", "linear")]),
        (f"key 'gemma3.{SCALING}factor' is 0.5: must be 1 ..",
         [key(SCALING + "type", "linear"), key(SCALING + "factor", 0.5)]),
        (f"key 'gemma3.{SCALING}factor' is 8: supported is only 1", [key(SCALING + "factor", 8.0)]),
        (f"key 'gemma3.{SCALING}attn_factor' is 2: supported is only 1",
         [key(SCALING + "attn_factor", 2.0)]),
        ("'blk.0.post_attention_norm.weight' is missing", [drop("blk.0.post_attention_norm")]),
        ("'blk.1.post_ffw_norm.weight' is missing", [drop("blk.1.post_ffw_norm")]),
        ("'blk.0.attn_k_norm_in.weight' is missing",
         [add("blk.0.attn_q_norm_in.weight", "blk.0.attn_norm")]),
        ("'blk.1.attn_q_norm_in.weight' has no place",
         [add("blk.1.attn_q_norm_in.weight", "blk.0.attn_norm")]),
        ("layer 0, o: not finite at token 0", [tensor("blk.0.attn_output", edit=scale(1e25))]),
        ("layer 0, down: not finite at token 0", [tensor("blk.0.ffn_down", edit=scale(1e25))]),
        ("layer 0, qkv: not finite at token 0", [tensor("blk.0.attn_k", edit=scale(1e25))]),
        ("layer 0, o: not finite at token 0",
         [tensor("blk.0.post_attention_norm", edit=element(3e38))]),
        (None, [tensor("blk.0.post_attention_norm", edit=element(0.0))]),
    ],
    "gemma3_in": [
        (None, []),
        ("'blk.1.ffn_up_norm_in.weight' is missing", [drop("blk.1.ffn_up_norm_in")]),
        ("'blk.0.attn_k_norm_in.weight' has no place", [drop("blk.0.attn_q_norm_in")]),
        ("'blk.0.ffn_down_norm_in.weight' is 128: the file's keys make it 256",
         [tensor("blk.0.ffn_down_norm_in", shape=(128,), raw=bytes(512))]),
        ("'blk.0.attn_v_norm_in.weight' is 64: the file's keys make it 128",
         [tensor("blk.0.attn_v_norm_in", shape=(64,), raw=bytes(256))]),
        ("'blk.0.attn_norm_in.weight' has no place",
         [add("blk.0.attn_norm_in.weight", "blk.0.attn_norm")]),
        ("layer 0, ffn norm: not finite at token 0",
         [tensor("blk.0.ffn_norm", edit=element(1e30))]),
    ],
    "qwen3_in": [
        (None, []),
        ("tensor 'blk.0.attn_q_norm_in.weight' element 5 is nan: must be finite",
         [tensor("blk.0.attn_q_norm_in", edit=element(NAN))]),
        ("layer 0, attn norm: not finite at token 0",
         [tensor("blk.0.attn_norm", edit=element(1e30))]),
        ("layer 0, qkv: not finite at token 0",
         [tensor("blk.0.attn_k_norm_in", edit=element(3e38))]),
        ("layer 0, qkv: not finite at token 0", [tensor("blk.0.attn_q", edit=scale(1e25))]),
        ("layer 0, qkv: not finite at token 0", [tensor("blk.0.attn_k", edit=scale(1e25))]),
        ("'blk.0.post_attention_norm.weight' has no place",
         [add("blk.0.post_attention_norm.weight", "blk.0.attn_norm")]),
    ],
    "bitnet": [
        (None, []),
        (None, [drop("blk.0.attn_q.scale"), drop("blk.1.ffn_down.scale")]),
        *((f"tensor 'blk.0.attn_k.scale' is {value:g}, beside a scale of",
           [tensor("blk.0.attn_k.scale", edit=factor(value))]) for value in (0.0, -1.0, 2**-149)),
        ("tensor 'blk.0.attn_k.scale' is 1e+38, beside a scale of 100:",
         [tensor("blk.0.attn_k", edit=scale(100.0)),
          tensor("blk.0.attn_k.scale", edit=factor(1e38))]),
        ("tensor 'blk.1.ffn_up.scale' element 0 is nan: must be finite",
         [tensor("blk.1.ffn_up.scale", edit=factor(NAN))]),
        ("tensor 'blk.1.ffn_up.scale' element 0 is inf: must be finite",
         [tensor("blk.1.ffn_up.scale", edit=factor(INF))]),
        ("'blk.0.attn_q.scale' is 2: the file's keys make it 1",
         [tensor("blk.0.attn_q.scale", shape=(2,), raw=bytes(8))]),
        ("'blk.0.attn_q.scale' has type I32 (26): vectors are read as",
         [tensor("blk.0.attn_q.scale", 26)]),
        ("'blk.0.attn_norm.scale' has no place", [add("blk.0.attn_norm.scale",
                                                      "blk.0.attn_q.scale")]),
        ("'blk.2.attn_q.scale' has no place", [add("blk.2.attn_q.scale", "blk.0.attn_q.scale")]),
        ("tensor 'blk.0.attn_q.scale': a factor is read beside trits", LOW_BIT),
        (None, [key("hidden_activation", "relu2")]),
        (None, [key("hidden_activation", "silu")]),
        ("key 'bitnet.hidden_activation' is 'gelu': supported are", [key("hidden_activation",
                                                                       "gelu")]),
        ("'blk.0.ffn_sub_norm.weight' is missing", [drop("blk.0.ffn_sub_norm")]),
    ],
    "llama": [
        (None, [key(SCALING + "type", "linear"), key(SCALING + "factor", 4.0)]),
        ("key 'llama.rope.scale_linear' is 2: supported is only 1",
         [key("rope.scale_linear", 2.0)]),
        (f"key 'llama.{SCALING}type' is 'llama3': supported are", [key(SCALING + "type",
                                                                      "llama3")]),
        ("'blk.0.attn_q.scale' has no place", [add("blk.0.attn_q.scale", "blk.0.attn_norm")]),
        ("key 'llama.attention.causal' is 0: supported is only 1",
         [key("attention.causal", False)]),
    ],
}

CASES = [(says, changes, kind) for kind, faults in FAULTS.items() for says, changes in faults]

if __name__ == "__main__":
    sys.exit(spoilt.main(base, CASES, ("gemma3_in", "bitnet"), flips=300))
