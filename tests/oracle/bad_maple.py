#!/usr/bin/env python3
"""Spoils random models of architecture maple, one fault each, and holds what the program says
(spoilt.py):

  bad_maple.py TRITMILL SPOIL SEED FOLDER       writes models there
"""
import sys
from types import SimpleNamespace

import gguf_write as gguf
import spoilt
import write_llama
import write_maple as writer
from gguf_write import FLOAT
from spoilt import INF, NAN, drop, element, set_key, tensor

OWN = dict(
    arch="maple", rows="f16", scales="one", where=".", rotate=64, base=1e6, defaults=False,
    experts=4, used=2, alike=False, window=8, pattern="1", local_base=None, clamp=7.0, router=1.5,
    chooser="f32", up=1.0)


def base(kind):
    a = SimpleNamespace(**spoilt.USUAL | OWN | dict(type=kind))
    keys = [key for key in write_llama.all_keys(a) if key[0] != "maple.feed_forward_length"]
    return keys + writer.own_keys(a), writer.Writer(a).all()


def key(name, value, kind=None):
    return set_key("maple." + name, value, kind)


def floats(name, *values):
    return key(name, list(values), FLOAT)


def code_three(expert):
    """Of I2_S, in that expert's first row of 128."""
    def edit(data):
        data[expert * 128 * 32] = 0xff
    return edit


CLAMP, ROUTER = "swiglu_clamp_exp", "blk.0.ffn_gate_inp"
GATE, UP, DOWN = (f"blk.0.ffn_{part}_exps" for part in ("gate", "up", "down"))

# What is said -> changes. None: it runs.
FAULTS = [
    (None, []),
    # how many there are
    ("expert_count': is missing", [key("expert_count", None)]),
    ("expert_count' is 0: must be 1 .. 4096", [key("expert_count", 0)]),
    ("expert_count' is 4294967295: must be", [key("expert_count", 2**32 - 1)]),
    ("expert_used_count': is missing", [key("expert_used_count", None)]),
    ("expert_used_count' is 0: must be 1 .. 4", [key("expert_used_count", 0)]),
    ("expert_used_count' is 5: must be 1 .. 4", [key("expert_used_count", 5)]),
    (None, [key("expert_used_count", 4)]),
    ("expert_feed_forward_length': is missing", [key("expert_feed_forward_length", None)]),
    ("expert_feed_forward_length' is 0: must be", [key("expert_feed_forward_length", 0)]),
    ("is 128 x 128 x 4: the file's keys make it 128 x 64 x 4",
     [key("expert_feed_forward_length", 64)]),
    # other ways to choose and to weigh
    ("expert_shared_count' is 1: supported is only 0", [key("expert_shared_count", 1)]),
    ("expert_gating_func' is 2: supported is only 1", [key("expert_gating_func", 2)]),
    ("expert_weights_scale' is 2.5: supported is only 1", [key("expert_weights_scale", 2.5)]),
    (None, [key("expert_gating_func", 1), key("expert_shared_count", 0),
            key("expert_weights_scale", 1.0)]),
    # limits
    ("swiglu_clamp_exp' has 2 values, but block_count is 1", [floats(CLAMP, 7.0, 7.0)]),
    ("swiglu_clamp_exp' is no array of f32", [key(CLAMP, 7.0)]),
    ("swiglu_clamp_exp' is no array of f32", [key(CLAMP, [7])]),
    *((f"swiglu_clamp_exp' value 0 is {value:g}: must be 0 or", [floats(CLAMP, value)])
      for value in (NAN, INF, -7.0, 1e-7)),
    (None, [key(CLAMP, None)]),
    (None, [floats(CLAMP, 0.0)]),
    # windows
    ("sliding_window': is missing", [key("attention.sliding_window", None)]),
    ("sliding_window' is 0: must be 1 ..", [key("attention.sliding_window", 0)]),
    ("sliding_window_pattern': is missing", [key("attention.sliding_window_pattern", None)]),
    ("sliding_window_pattern' has 2 flags, but block_count is 1",
     [key("attention.sliding_window_pattern", [1, 0])]),
    ("sliding_window_pattern': is u32, must be an array",
     [key("attention.sliding_window_pattern", 4)]),
    ("rope.freq_base_swa' is 0.5: must be", [key("rope.freq_base_swa", 0.5)]),
    ("rope.freq_base_swa' is nan: must be", [key("rope.freq_base_swa", NAN)]),
    # tensors
    (f"'{ROUTER}.weight' is missing", [drop(ROUTER)]),
    (f"'{ROUTER}.weight' is 128 x 3: the file's keys make it 128 x 4",
     [tensor(ROUTER, shape=(3, 128))]),
    (f"'{ROUTER}.weight' is 64 x 8: the file's keys make it 128 x 4",
     [tensor(ROUTER, shape=(8, 64))]),
    (f"'{ROUTER}.weight' has type I32 (26): its rows are read as F32", [tensor(ROUTER, 26)]),
    (f"tensor '{ROUTER}.weight' row 0", [tensor(ROUTER, edit=element(NAN))]),
    ("layer 0, router: not finite at token 0", [tensor(ROUTER, edit=element(3e38))]),
    *((f"'{name}.weight' is missing", [drop(name)]) for name in (GATE, UP, DOWN)),
    *((f"'{name}.weight' is 128 x 128 x 3: the file's keys make it 128 x 128 x 4 (columns x rows",
       [tensor(name, shape=(3, 128, 128))]) for name in (GATE, UP, DOWN)),
    (f"'{UP}.weight' is 128 x 512: the file's keys make it 128 x 128 x 4",
     [tensor(UP, shape=(512, 128))]),
    (f"'{UP}.weight' is 128 x 128 x 2 x 2: the file's keys make it",
     [tensor(UP, shape=(2, 2, 128, 128))]),
    (f"'{GATE}.weight' row 384, column 0: I2_S code 3 is no trit",
     [tensor(GATE, edit=code_three(3))]),
]

CASES = [(says, changes, "i2_s") for says, changes in FAULTS]

if __name__ == "__main__":
    sys.exit(spoilt.main(base, CASES, ("i2_s",), 200))
