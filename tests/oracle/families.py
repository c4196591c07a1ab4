"""What tells the families of models apart; the rest of the graph is the same for all."""
import math
from collections import namedtuple

import numpy as np

from tensors import Grouped, Ternary


def halves(n):
    """NEOX: element i turns with element i + n."""
    return np.arange(n), np.arange(n) + n


def neighbours(n):
    """NORM: element 2i turns with element 2i + 1."""
    return 2 * np.arange(n), 2 * np.arange(n) + 1


# activation: f = activation(g) * u; pairs: the elements of n pairs that rope turns; norms: beyond
# those before attention and FFN; rope_base: where the file has none (None: it must); matrix: what
# the layers' matrices are; dense: they may be floats instead; scaled: embeddings are multiplied by
# the root of their width.
Family = namedtuple("Family", "activation pairs norms rope_base matrix dense scaled",
                    defaults=(False, False))

BITNET = Family("relu2", halves, ("attn_sub_norm", "ffn_sub_norm"), None, Ternary, True)
BITNET_SILU = BITNET._replace(activation="silu", rope_base=10000.0, dense=False)
LLAMA = Family("silu", neighbours, (), 10000.0, Ternary, True)
QWEN3 = Family("silu", halves, ("attn_q_norm", "attn_k_norm"), None, Grouped, True)
QWEN35 = QWEN3._replace(dense=False)  # its layers are hybrid.py's
GEMMA3 = Family("gelu", halves, ("attn_q_norm", "attn_k_norm", "post_attention_norm",
                                 "post_ffw_norm"), 10000.0, Ternary, True, True)
MAPLE = Family("silu", halves, ("attn_q_norm", "attn_k_norm"), 10000.0, Ternary)

FAMILIES = {"bitnet-b1.58": BITNET, "bitnet-25": BITNET, "bitnet": BITNET_SILU, "llama": LLAMA,
            "qwen3": QWEN3, "qwen35": QWEN35, "gemma3": GEMMA3, "maple": MAPLE}

# Norms that a file may have beside them: one more before each matrix.
NORMS_IN = tuple(name + "_norm_in" for name in (
    "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"))


def yarn(frequency, base, scaling):
    """Frequencies of rope's pairs as YaRN changes them, and the factor of cos and sin.
    scaling(name, default) is a key of rope.scaling."""
    factor = float(scaling("factor"))
    original = scaling("original_context_length")
    pairs = len(frequency)
    at = lambda turns: pairs * math.log(original / (2 * math.pi * turns)) / math.log(base)
    low = max(0, math.floor(at(scaling("yarn_beta_fast", 32.0))))
    high = min(2 * pairs - 1, math.ceil(at(scaling("yarn_beta_slow", 1.0))))
    ramp = 1 - np.clip((np.arange(pairs) - low) / max(0.001, high - low), 0, 1)
    mixed = (frequency / factor) * (1 - ramp) + frequency * ramp
    return mixed, scaling("attn_factor", 1.0) * (1 + 0.1 * math.log(factor))


def rope(frequency, base, scaling):
    """The same by the kind of scaling that the file names; none leaves all as it is."""
    kind = scaling("type", b"none")
    if kind == b"none":
        return frequency, 1.0
    if kind == b"linear":
        return frequency / scaling("factor"), 1.0
    plain = all(scaling(name, 1.0) == 1 for name in ("yarn_ext_factor", "yarn_attn_factor"))
    if kind != b"yarn" or not plain:
        raise ValueError(f"rope scaling {kind.decode()} of another kind")
    return yarn(frequency, base, scaling)
