#!/usr/bin/env python3
"""Spoils random models of architecture qwen35, one fault each, and holds what the program says
(spoilt.py):

  bad_qwen35.py TRITMILL SPOIL SEED FOLDER       writes models there
"""
import sys
from types import SimpleNamespace

import numpy as np

import gguf_write as gguf
import spoilt
import write_qwen35 as writer
from gguf_write import BOOL, F16, F32, FLOAT, I32, PQ2_0, Q8_0, STRING, U32
from spoilt import INF, NAN, add, drop, edit_key, element, set_key, tensor, zeros

KEYS, LAYER = "prism.hadamard.", "blk.0."
# What base makes of a word that is no type: the rotated model, a tied one, three layers of which
# the last has attention.
KINDS = {
    "rotated": dict(hadamard=64, gates="bf16"),
    "tied": dict(hadamard=128, gates="f32", tied=True, type="ptq1_0"),
    "identity": dict(hadamard=2, gates="f16", identity=True, type="q1_0"),
    "flags": dict(flags=True),
    "floats": dict(gates="f32"),
    "deep": dict(layers=4, gates="f32"),
    "codes": dict(layers=4),
}


def base(kind):
    own = KINDS.get(kind, dict(type=kind))
    a = SimpleNamespace(**spoilt.USUAL | dict(
        layers=2, interval=2, flags=False, rotate=16, base=1e7, k_heads=1, v_heads=2, state=64,
        conv=3, gates="same", hadamard=None, identity=False, ungrouped=False, mtp=None,
        mtp_own=False) | own)
    a.signs = a.type == "q1_0"
    tensors = writer.Writer(a).all()
    words = gguf.vocabulary(a.vocab, writer.SPECIAL)
    return writer.all_keys(a, [t[0] for t in tensors], words), tensors


def key(name, value, kind=None):
    """Of the architecture, or one of general."""
    return set_key(name if name.startswith("general.") else "qwen35." + name, value, kind)


def turn(name, value, kind=None):
    return set_key(KEYS + name, value, kind)


def edit(name, change):
    return edit_key(KEYS + name, change)


def put(at, value):
    """In a list."""
    return lambda old: [*old[:at], value, *old[at + 1 :]]


# What is said -> changes. None: it runs.
SIZES = [
    (None, []),
    # the delta rule's heads
    *((f"'qwen35.ssm.{name}': is missing", [key("ssm." + name, None)])
      for name in ("conv_kernel", "state_size", "group_count", "time_step_rank", "inner_size")),
    *((f"'qwen35.ssm.{name}' is 0: must be 1 ..", [key("ssm." + name, 0)])
      for name in ("conv_kernel", "state_size", "group_count", "time_step_rank", "inner_size")),
    *((f"'qwen35.ssm.{name}' is 4294967295: must be", [key("ssm." + name, 2**32 - 1)])
      for name in ("conv_kernel", "state_size", "group_count", "time_step_rank", "inner_size")),
    *((f"'qwen35.ssm.{name}': is string, must be", [key("ssm." + name, "2")])
      for name in ("conv_kernel", "state_size", "group_count", "time_step_rank", "inner_size")),
    ("'qwen35.ssm.state_size': is an array of u32, must be", [key("ssm.state_size", [64, 64])]),
    ("'qwen35.ssm.state_size': is f32, must be", [key("ssm.state_size", 64.0)]),
    ("'qwen35.ssm.state_size': is out of range", [key("ssm.state_size", -64, I32)]),
    ("'qwen35.ssm.state_size' is 257: must be 1 .. 256", [key("ssm.state_size", 257)]),
    ("'qwen35.ssm.conv_kernel' is 17: must be 1 .. 16", [key("ssm.conv_kernel", 17)]),
    ("'qwen35.ssm.inner_size' is 64, but time_step_rank 2 heads of state_size 64 make 128",
     [key("ssm.inner_size", 64)]),
    ("'qwen35.ssm.inner_size' is 128, but time_step_rank 4096 heads of state_size 256 make 1048576",
     [key("ssm.time_step_rank", 4096), key("ssm.state_size", 256)]),
    ("'qwen35.ssm.group_count' is 3: must divide time_step_rank 2", [key("ssm.group_count", 3)]),
    ("'qwen35.ssm.group_count' is 4: must divide time_step_rank 2", [key("ssm.group_count", 4)]),
    # all that the keys allow at most, without a byte for it
    ("'blk.0.ssm_conv1d.weight' is 3 x 256: the file's keys make it 16 x 3145728",
     [key("ssm.conv_kernel", 16), key("ssm.group_count", 4096), key("ssm.time_step_rank", 4096),
      key("ssm.state_size", 256), key("ssm.inner_size", 2**20)]),
    ("'blk.0.ssm_conv1d.weight' is 3 x 256: the file's keys make it 3 x 384",
     [key("ssm.group_count", 2)]),
    ("'blk.0.ssm_conv1d.weight' is 3 x 256: the file's keys make it 4 x 256",
     [key("ssm.conv_kernel", 4)]),
    ("'blk.0.ssm_conv1d.weight' is 3 x 256: the file's keys make it 3 x 192",
     [key("ssm.state_size", 32), key("ssm.time_step_rank", 4), key("ssm.inner_size", 128)]),
    # which layers have attention
    ("'qwen35.full_attention_interval' is 0: must be 1 ..", [key("full_attention_interval", 0)]),
    ("'qwen35.full_attention_interval' is 4097: must be", [key("full_attention_interval", 4097)]),
    ("'qwen35.block_count' is 2: none of 2 layers has attention",
     [key("full_attention_interval", 3)]),
    ("'qwen35.block_count' is 2: none of 2 layers has attention",
     [key("full_attention_interval", None)]),
    ("'qwen35.full_attention_interval': is bool, must be", [key("full_attention_interval", True)]),
    ("'blk.0.attn_q_norm.weight' is missing", [key("full_attention_interval", 1)]),
    # beside other sections rope would be another
    *(("key 'qwen35.rope.dimension_sections' does not have three sections that make the 8 pairs",
       [key("rope.dimension_sections", sections, I32)])
      for sections in ([], [8], [4, 4], [3, 3, 3, 0], [3, 3, 1], [3, 3, 2, 1], [3, 3, 2, 0, 0],
                       [9, -1, 0, 0], [2**31 - 1, 2**31 - 1, 10, 0])),
    ("key 'qwen35.rope.dimension_sections': is u32, must be", [key("rope.dimension_sections", 3)]),
    ("key 'qwen35.rope.dimension_sections': is an array of string, must be",
     [key("rope.dimension_sections", ["3", "3", "2"], STRING)]),
    (None, [key("rope.dimension_sections", [8, 0, 0], I32)]),
    (None, [key("rope.dimension_sections", None)]),
    ("'qwen35.rope.dimension_count' is 66: must be", [key("rope.dimension_count", 66)]),
    # prediction blocks
    ("'qwen35.nextn_predict_layers' is 2: must be 0 .. 1", [key("nextn_predict_layers", 2)]),
    ("'qwen35.block_count' is 2: none of 1 layers has attention", [key("nextn_predict_layers", 1)]),
    (None, [key("nextn_predict_layers", 0)]),
    ("'qwen35.nextn_predict_layers': is f32, must be", [key("nextn_predict_layers", 1.0)]),
    ("'qwen35.hidden_activation' is 'gelu': supported are", [key("hidden_activation", "gelu")]),
]
FLAGS = [
    (None, []),
    *(("key 'qwen35.attention.recurrent_layers' has %d flags, but there are 2 blocks" % len(flags),
       [key("attention.recurrent_layers", flags, BOOL)])
      for flags in ([], [True], [True, False, True])),
    ("key 'qwen35.attention.recurrent_layers': layers with attention do not stand at equal",
     [key("attention.recurrent_layers", [False, True], BOOL)]),
    ("key 'qwen35.attention.recurrent_layers': layers with attention do not stand at equal",
     [key("attention.recurrent_layers", [True, True], BOOL)]),
    ("key 'qwen35.attention.recurrent_layers': is bool, must be",
     [key("attention.recurrent_layers", True, BOOL)]),
    (None, [key("attention.recurrent_layers", [1, 0])]),
    (None, [key("full_attention_interval", 0)]),
]
NAMES, WIDTHS, VALUES = "weight_names", "sign_widths", "sign_values"
ALL_KEYS = ("version", "block_size", "transform", "axis", "sign_mode", WIDTHS, VALUES, NAMES,
            "inverse_weight_names", "gdn_v_grouped")
ROTATED = [
    (None, []),
    # keys that are missing or of another type, and one that is not known
    *((f"'{KEYS}{name}': is missing", [turn(name, None)])
      for name in ("block_size", "transform", "axis", "sign_mode", WIDTHS, VALUES, NAMES)),
    *((f"'{KEYS}{name}': is {kind}, must be", [turn(name, value)])
      for name, kind, value in (
          ("version", "string", "1"), ("version", "f32", 1.0), ("block_size", "bool", True),
          ("block_size", "string", "64"), ("transform", "u32", 1), ("axis", "u32", 1),
          ("sign_mode", "bool", True), (WIDTHS, "u32", 128), (VALUES, "u32", 1),
          (NAMES, "string", LAYER + "attn_qkv.weight"), ("gdn_v_grouped", "u32", 1),
          ("inverse_weight_names", "string", "token_embd.weight"), ("tied_output", "u32", 0))),
    *((f"'{KEYS}{name}': is an array of {kind}, must be", [turn(name, value, of)])
      for name, kind, value, of in (
          ("version", "u32", [1], U32), ("block_size", "u32", [64, 64], U32),
          ("transform", "string", ["normalized-sylvester-walsh-hadamard"], STRING),
          (WIDTHS, "f32", [128.0], FLOAT), (VALUES, "string", ["1"], STRING),
          (NAMES, "i32", [1, 2], I32), ("inverse_weight_names", "u32", [0], U32))),
    ("there is no 'prism.hadamard.version' that says how", [turn("version", None)]),
    ("key 'prism.hadamard.order': is not known: the rotation would be another",
     [turn("order", "sequency")]),
    ("key 'prism.hadamard.': is not known", [turn("", 1)]),
    # values
    ("version' is 0: supported are 1 .. 2", [turn("version", 0)]),
    ("version' is 3: supported are 1 .. 2", [turn("version", 3)]),
    ("version': is out of range", [turn("version", -1, I32)]),
    ("block_size' is 0: supported are 1 ..", [turn("block_size", 0)]),
    ("block_size' is 48: must be a power of two", [turn("block_size", 48)]),
    ("block_size' is 2147483648: supported are 1 ..", [turn("block_size", 2**31)]),
    ("has 128 columns: blocks of 256", [turn("block_size", 256)]),
    ("transform' is 'hadamard': supported is 'normalized-sylvester-walsh-hadamard'",
     [turn("transform", "hadamard")]),
    ("transform' is '': supported is", [turn("transform", "")]),
    ("axis' is 'output': supported is 'input-last-dimension'", [turn("axis", "output")]),
    ("sign_mode' is 'random': supported are 'identity' and 'explicit'",
     [turn("sign_mode", "random")]),
    # signs
    *((f"sign_values' element 5 is {value}: must be 1 or -1", [edit(VALUES, put(5, value))])
      for value in (0, 2, -2, 2**31 - 1)),
    ("sign_values' has 127 values, but the widths make 128", [edit(VALUES, lambda v: v[1:])]),
    ("sign_values' has 129 values, but the widths make 128", [edit(VALUES, lambda v: [*v, 1])]),
    ("sign_values' has 0 values", [turn(VALUES, [], I32)]),
    ("sign_widths' has 0 widths: supported are 1 ..", [turn(WIDTHS, [], I32)]),
    ("sign_widths' has 9 widths: supported are 1 .. 8", [turn(WIDTHS, list(range(1, 10)), I32)]),
    ("sign_widths' has 0: must be 1 ..", [edit(WIDTHS, lambda w: [*w, 0])]),
    ("sign_widths' has -128: must be 1 ..", [turn(WIDTHS, [-128], I32)]),
    ("sign_widths' has 2147483647: must be 1 ..", [turn(WIDTHS, [2**31 - 1], I32)]),
    ("has 128 columns: 'prism.hadamard.sign_widths' has no signs for them",
     [turn(WIDTHS, [100, 28], I32)]),
    ("sign_widths' has 128 twice", [turn(WIDTHS, [128, 128], I32), edit(VALUES, lambda v: 2 * v)]),
    # names
    *((f"weight_names' has '{name}': no weight of that kind can be rotated",
       [edit(NAMES, put(3, name))])
      for name in ("token_embd.weight", "output_norm.weight", *(LAYER + part for part in (
          "ssm_alpha.weight", "ssm_beta.weight", "ssm_conv1d.weight", "ssm_a", "ssm_dt.bias",
          "ssm_norm.weight", "attn_norm.weight")))),
    *((f"weight_names' has '{name}': there is no such tensor", [edit(NAMES, put(0, name))])
      for name in ("", "blk.2.ffn_up.weight", LAYER + "attn_qkv", 127 * "x")),
    (f"weight_names' has '{127 * 'x'}': there is no such tensor",
     [edit(NAMES, put(0, 9999 * "x"))]),
    ("of tensors 'blk.0.attn_qkv.weight' and 'blk.0.attn_gate.weight', which take the same inputs, "
     "one is rotated", [edit(NAMES, lambda n: [x for x in n if x != LAYER + "attn_gate.weight"])]),
    ("of tensors 'blk.1.attn_q.weight' and 'blk.1.attn_k.weight', which take the same inputs, ",
     [edit(NAMES, lambda n: [x for x in n if x != "blk.1.attn_k.weight"])]),
    (None, [edit(NAMES, lambda n: [x for x in n if x != "blk.1.ffn_down.weight"])]),
    (None, [edit(NAMES, lambda n: [*n, *n])]),
    (None, [turn(NAMES, [], STRING)]),
    ("inverse_weight_names' has 'output.weight': only 'token_embd.weight' is looked up rotated",
     [turn("inverse_weight_names", ["output.weight"], STRING)]),
    (None, [turn("inverse_weight_names", [], STRING)]),
    (None, [turn("inverse_weight_names", None)]),
    (None, [turn("gdn_v_grouped", None)]),
    # whose rows the head has
    ("tied_output' is true, which version 1 does not know", [turn("tied_output", True)]),
    ("tied_output' is missing, which version 2 has", [turn("version", 2)]),
    ("tied_output' is true, but there is a tensor 'output.weight'",
     [turn("version", 2), turn("tied_output", True)]),
    (None, [turn("tied_output", False)]),
    (None, [turn("version", 2), turn("tied_output", False)]),
    ("tied_output' is not true, but the head is the rotated 'token_embd.weight'",
     [drop("output"), edit(NAMES, lambda n: [x for x in n if x != "output.weight"])]),
    ("weight_names' has 'output.weight': there is no such tensor",
     [drop("output"), turn("inverse_weight_names", None)]),
    # its second generation by its name, without the keys
    *((f"key 'general.name' is '{name}': its weights are rotated (Hadamard), but the keys",
       [*(turn(k, None) for k in ALL_KEYS), key("general.name", name)])
      for name in ("Hf", "Ternary-Bonsai-2-27B", "Bonsai 2", "my hadamard thing")),
    *((None, [*(turn(k, None) for k in ALL_KEYS), key("general.name", name)])
      for name in ("Bonsai-27B", "Ternary-Bonsai-27B", "Bonsai 27B")),
    ("key 'x.hadamard_block': its weights are rotated (Hadamard), but there is no",
     [*(turn(k, None) for k in ALL_KEYS), set_key("x.hadamard_block", 64)]),
    (None, [*(turn(k, None) for k in ALL_KEYS)]),
    ("key 'prism.hadamard.version': its weights are rotated (Hadamard), which its architecture "
     "does not know", [key("general.architecture", "llama")]),
    # alpha and beta take inputs that are not rotated, so codes would have to be quantised apart
    ("'blk.0.ssm_alpha.weight' has type PQ2_0 (142): its rows are read as F32, F16, BF16 and Q8_0",
     [tensor(LAYER + "ssm_alpha", PQ2_0, (2, 128), zeros(PQ2_0, 2, 128))]),
]
TIED = [
    (None, []),
    ("tied_output' is missing, which version 2 has", [turn("tied_output", None)]),
    ("tied_output' is not true, but the head is the rotated", [turn("tied_output", False)]),
    ("tied_output' is true, which version 1 does not know", [turn("version", 1)]),
    ("tied_output' is not true, but the head is the rotated",
     [turn("version", 1), turn("tied_output", None)]),
    ("tied_output' is true, but 'token_embd.weight' is not rotated",
     [turn("inverse_weight_names", None)]),
    ("tied_output' is true, but there is a tensor 'output.weight'", [add("output.weight",
                                                                         "token_embd")]),
]
IDENTITY = [
    (None, []),
    (None, [turn(WIDTHS, [7], I32), turn(VALUES, [3], I32)]),
    ("'prism.hadamard.sign_widths': is missing", [turn("sign_mode", "explicit")]),
    ("has 128 columns: blocks of 1024", [turn("block_size", 1024)]),
]


def large(value, n):
    """n floats of that value."""
    return np.full(n, value, "<f4").tobytes()


DELTA_PARTS = ("attn_qkv", "attn_gate", "ssm_alpha", "ssm_beta", "ssm_conv1d", "ssm_dt.bias",
               "ssm_a", "ssm_norm", "ssm_out", "post_attention_norm", "attn_norm")
VECTORS = ("ssm_dt.bias", "ssm_a", "ssm_norm", "post_attention_norm")
TENSORS = [
    (None, []),
    *((f"tensor '{spoilt.full_name(LAYER + part)}' is missing", [drop(LAYER + part)])
      for part in DELTA_PARTS),
    *((f"tensor '{spoilt.full_name(LAYER + part)}' is 7: the file's keys make it",
       [tensor(LAYER + part, F32, (7,), bytes(28))]) for part in DELTA_PARTS),
    *((f"tensor '{spoilt.full_name(LAYER + part)}' element 1 is {value:g}: must be finite",
       [tensor(LAYER + part, edit=element(value, 1))])
      for part in VECTORS for value in (NAN, INF, -INF)),
    *((f"'{LAYER}ssm_conv1d.weight' row 2 element 1 is {value:g}: must be finite",
       [tensor(LAYER + "ssm_conv1d", edit=element(value, 7))]) for value in (NAN, INF)),
    *((f"'{LAYER}{part}.weight' row 1 holds an infinity or NaN",
       [tensor(LAYER + part, edit=element(value, 130))])
      for part in ("ssm_alpha", "ssm_beta") for value in (NAN, -INF)),
    *((f"tensor '{spoilt.full_name(LAYER + part)}' has type I32 (26): ",
       [tensor(LAYER + part, 26)]) for part in (*VECTORS, "ssm_alpha", "ssm_conv1d")),
    ("'blk.0.ssm_conv1d.weight' is 256 x 3: the file's keys make it 3 x 256",
     [tensor(LAYER + "ssm_conv1d", shape=(3, 256))]),
    ("tensor 'blk.0.ssm_out.weight' has type Q8_0 (8); ternary matrices are read from",
     [tensor(LAYER + "ssm_out", Q8_0, raw=bytes(128 * 136))]),
    ("tensor 'blk.0.ffn_norm.weight' has no place", [add("blk.0.ffn_norm.weight",
                                                         "blk.0.attn_norm")]),
    ("tensor 'blk.1.ssm_a' has no place", [add("blk.1.ssm_a", "blk.0.ssm_a")]),
    ("tensor 'blk.2.nextn.eh_proj.weight' has no place", [add("blk.2.nextn.eh_proj.weight",
                                                              "blk.0.attn_norm")]),
    # alpha and beta are both floats or both codes, of one type in all layers
    ("tensor 'blk.0.ssm_beta.weight' has type PQ2_0 (142): its rows are read as",
     [tensor(LAYER + "ssm_beta", PQ2_0, raw=zeros(PQ2_0, 2, 128))]),
    (None, [tensor(LAYER + "ssm_beta", F16, raw=bytes(2 * 2 * 128))]),
    # values
    (None, [tensor(LAYER + "ssm_a", raw=large(0, 2))]),
    (None, [tensor(LAYER + "ssm_a", raw=large(-3e38, 2))]),
    (None, [tensor(LAYER + "ssm_dt.bias", raw=large(-3e38, 2))]),
    (None, [tensor(LAYER + "ssm_dt.bias", raw=large(3e38, 2))]),
    (None, [tensor(LAYER + "ssm_norm", raw=large(0, 64))]),
    (None, [tensor(LAYER + "ssm_conv1d", raw=large(0, 768))]),
    (None, [tensor(LAYER + "ssm_alpha", raw=large(1e30, 256))]),
    (None, [tensor(LAYER + "ssm_beta", raw=large(-1e30, 256))]),
    ("layer 0, delta rule: not finite at token 0",
     [tensor(LAYER + "ssm_beta", raw=large(-3e38, 256))]),
    ("layer 0, delta rule: not finite at token 0",
     [tensor(LAYER + "ssm_a", raw=large(3e38, 2)), tensor(LAYER + "ssm_dt.bias", raw=large(1, 2))]),
    *(("layer 0, convolution: not finite at token 0",
       [tensor(LAYER + part, raw=large(value, n))])
      for part, value, n in (("ssm_conv1d", 3e38, 768), ("ssm_conv1d", 1e30, 768),
                             ("attn_norm", 1e25, 128))),
    ("layer 0, delta rule: not finite at token 0",
     [tensor(LAYER + "ssm_norm", raw=large(3e38, 64))]),
    ("layer 0, attn norm: not finite at token 0",
     [tensor(LAYER + "attn_norm", raw=large(3e38, 128))]),
    ("layer 0, ffn norm: not finite at token 0",
     [tensor(LAYER + "post_attention_norm", raw=large(3e38, 128))]),
    ("layer 1, qkv: not finite at token 0", [tensor("blk.1.attn_norm", raw=large(1e25, 128))]),
    *((f"tensor 'blk.1.attn_{x}_norm.weight' element 0 is 3e+38: must be within 2^60",
       [tensor(f"blk.1.attn_{x}_norm", raw=large(3e38, 64))]) for x in "qk"),
    (None, [tensor("blk.1.attn_q_norm", raw=large(1e18, 64))]),
    ("output norm: not finite at token 1", [tensor("output_norm", raw=large(3e38, 128))]),
]
# Alpha of the first layer is floats: of all; floats that are codes are rows all the same.
DEEP = [
    (None, []),
    *((f"'blk.2.{part}.weight' has type PQ2_0 (142): its rows are read as F32",
       [tensor(f"blk.2.{part}", PQ2_0, raw=zeros(PQ2_0, 2, 128))])
      for part in ("ssm_alpha", "ssm_beta")),
    ("'blk.2.ssm_alpha.weight' is of another type than that of the layers before",
     [tensor("blk.2.ssm_alpha", F16, raw=bytes(512))]),
    (None, [tensor("blk.2.ssm_alpha", raw=bytes(1024))]),
]
# It is codes: of all.
MIXED = large(0.1, 255) + large(1, 1)
CODES = [
    (None, []),
    *((f"tensor '{name}.weight' row 0, group 0 of 128 columns: its halves hold other",
       [tensor(name, F32, raw=MIXED)])
      for name in ("blk.2.ssm_alpha", "blk.2.ssm_beta", "blk.0.ssm_beta")),
    (None, [tensor("blk.2.ssm_beta", F32, raw=large(0.5, 256))]),
]


def cases():
    for kind, faults in (("pq2_0", SIZES), ("flags", FLAGS), ("rotated", ROTATED), ("tied", TIED),
                         ("identity", IDENTITY), ("floats", TENSORS), ("deep", DEEP),
                         ("codes", CODES)):
        for says, changes in faults:
            yield says, changes, kind


if __name__ == "__main__":
    sys.exit(spoilt.main(base, list(cases()), ("pq2_0", "rotated", "tied", "identity"), 500))
