"""The rotation of generation 2's weights (FORMATS-2.md 3.5): what a file's keys say of it, and
which turn the inputs of each weight take."""
import numpy as np

PREFIX = "prism.hadamard."
FIXED = {"transform": b"normalized-sylvester-walsh-hadamard", "axis": b"input-last-dimension"}


def sylvester(block):
    """H[r][c] = (-1)^popcount(r & c) / sqrt(block)."""
    at = np.arange(block)
    bits = at[:, None] & at
    odd = np.zeros_like(bits)
    while bits.any():
        odd ^= bits & 1
        bits = bits >> 1
    return (1 - 2 * odd) / np.sqrt(block)


def transform(x, block):
    """H of consecutive blocks of the last axis, in float64."""
    return (x.reshape(-1, block) @ sylvester(block)).reshape(x.shape)


def grouped_order(k_heads, v_heads, state):
    """Where element i of the grouped order stands in the tiled one."""
    ratio = v_heads // k_heads
    tiled = np.arange(v_heads * state).reshape(ratio, k_heads, state)
    return tiled.transpose(1, 0, 2).ravel()


class Turn:
    """What one kind of input goes through. `rotated` is H of blocks: float64's, or another's."""

    def __init__(self, block, signs, order=None):
        self.block, self.signs, self.order = block, signs, order

    def of(self, x, rotated=transform):
        x = x if self.order is None else x[..., self.order]
        return rotated(self.signs * x, self.block)

    def back(self, rows, rotated=transform):
        """A row of the embedding, after its lookup."""
        return self.signs * rotated(rows, self.block)


class Rotation:
    """keys: a file's, which has a version key; heads: k_heads, v_heads, state, of layers with the
    delta rule."""

    def __init__(self, keys, *heads):
        get = lambda name, *default: self.get(keys, name, *default)
        self.version, self.block = get("version"), get("block_size")
        if self.version not in (1, 2) or any(get(name) != text for name, text in FIXED.items()):
            raise ValueError("another version or transform of prism.hadamard")
        if self.block < 1 or self.block & (self.block - 1):
            raise ValueError("a block that is no power of two")
        self.names = {name.decode() for name in get("weight_names")}
        self.inverse = {name.decode() for name in get("inverse_weight_names", [])}
        self.tied = bool(get("tied_output", False))
        if self.tied != (self.version == 2):
            raise ValueError("prism.hadamard.version 2 is that of a tied output, and no other")
        self.order = grouped_order(*heads) if get("gdn_v_grouped", False) else None
        self.signs = self.read_signs(get)
        self.turns = {}

    @staticmethod
    def get(keys, name, *default):
        if PREFIX + name not in keys and not default:
            raise ValueError(f"no key {PREFIX}{name}")
        return keys.get(PREFIX + name, *default)

    @staticmethod
    def read_signs(get):
        """Width -> signs; None: all are +1."""
        mode = get("sign_mode")
        if mode == b"identity":
            return None
        if mode != b"explicit":
            raise ValueError(f"sign mode {mode.decode()}")
        widths, values = get("sign_widths"), np.array(get("sign_values"), np.int8)
        if len(values) != sum(widths) or not np.isin(values, (-1, 1)).all():
            raise ValueError("sign values that do not fit the widths")
        return dict(zip(widths, np.split(values, np.cumsum(widths)[:-1])))

    def turn(self, name, width):
        """Of the inputs of a weight, or None."""
        if name == "token_embd.weight":  # as a head
            listed = self.tied
            if not listed and name in self.inverse:
                raise ValueError("a rotated embedding is the head, and prism.hadamard is not tied")
        else:
            listed = name in self.names
        return self.shared(width, name.endswith("ssm_out.weight")) if listed else None

    def lookup(self, name, width):
        """Of the rows of an embedding, or None."""
        return self.shared(width, False) if name in self.inverse else None

    def shared(self, width, delta):
        if width % self.block:
            raise ValueError(f"width {width} is no multiple of the block {self.block}")
        order = self.order if delta else None
        key = width, order is not None
        if key not in self.turns:
            signs = np.ones(width, np.int8) if self.signs is None else self.signs[width]
            self.turns[key] = Turn(self.block, signs, order)
        return self.turns[key]
