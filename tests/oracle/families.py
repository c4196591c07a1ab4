"""What tells the families of models apart; the rest of the graph is the same for all."""
from collections import namedtuple

import numpy as np


def halves(n):
    """NEOX: element i turns with element i + n."""
    return np.arange(n), np.arange(n) + n


def neighbours(n):
    """NORM: element 2i turns with element 2i + 1."""
    return 2 * np.arange(n), 2 * np.arange(n) + 1


# activation: f = activation(g) * u; pairs: the elements of n pairs that rope turns; norms: beyond
# those before attention and FFN; rope_base: where the file has none (None: it must).
Family = namedtuple("Family", "activation pairs norms rope_base")

BITNET = Family("relu2", halves, ("attn_sub_norm", "ffn_sub_norm"), None)
LLAMA = Family("silu", neighbours, (), 10000.0)

FAMILIES = {"bitnet-b1.58": BITNET, "bitnet-25": BITNET, "llama": LLAMA}
