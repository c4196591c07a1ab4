"""Encodings of trits, by their bytes: TQ1_0 and TQ2_0 (a scale per 256 columns), IQ2_BN, IQ2_BN_R4
and IQ1_BN (one per row), I2_S in its three layouts (one per tensor).

FORMATS.md, sections 3 to 5, 7 and 8; shares nothing with the runtime nor with the writers.
"""
import numpy as np

I2_S, TQ1_0, TQ2_0, IQ1_BN, IQ2_BN, IQ2_BN_R4 = 36, 34, 35, 134, 135, 335


def scales(raw, form):
    return np.ascontiguousarray(raw).view(form).astype(np.float64)


def digits(raw, count):
    """The most significant first, as 8 bits give them: blocks x digits x bytes."""
    shifted = [(raw.astype(int) * 3**i & 255) * 3 >> 8 for i in range(count)]
    return np.stack(shifted, axis=1)


def pairs(raw, shifts):
    """Two bits each: blocks x shifts x bytes."""
    return raw[:, None, :] >> np.array(shifts, np.uint8)[:, None] & 3


def by_256(size, decode):
    """Scale last, of f16."""
    def unpack(raw, shape):
        blocks = raw[: shape[0] * shape[1] // 256 * size].reshape(-1, size)
        codes = decode(blocks[:, :-2]).reshape(shape)
        return codes, scales(blocks[:, -2:], "<f2").reshape(shape[0], -1)
    return unpack


def tq1_0(raw):
    flat = lambda x: x.reshape(len(raw), -1)
    parts = digits(raw[:, :32], 5), digits(raw[:, 32:48], 5), digits(raw[:, 48:], 4)
    return np.concatenate([flat(part) for part in parts], axis=1)


def tq2_0(raw):
    return np.stack([pairs(raw[:, at : at + 32], [0, 2, 4, 6]) for at in (0, 32)], axis=1)


def by_row(form, block, decode):
    """A row: its scale, then blocks of 64 columns."""
    width = np.dtype(form).itemsize

    def unpack(raw, shape):
        size = width + shape[1] // 64 * block
        rows = raw[: shape[0] * size].reshape(shape[0], size)
        codes = decode(np.ascontiguousarray(rows[:, width:]).reshape(-1, block))
        return codes.reshape(shape), scales(rows[:, :width], form)
    return unpack


def iq2_bn(raw):
    return pairs(raw, [0, 2, 4, 6])


def iq1_bn(raw):
    """Digit j of a byte is the j-th least significant of its number; the last byte has the last
    element of each of the four sub-blocks."""
    v = raw[:, :, None].astype(int) * np.array([81, 27, 9, 3, 1]) & 255
    c = v + (v >> 1) >> 7
    fifteen = c[:, :12].reshape(-1, 4, 15)
    return np.concatenate([fifteen, c[:, 12, :4, None]], axis=2)


def iq2_bn_r4(raw, shape):
    """Four rows together: their scales, then 64 bytes for each 64 columns; byte 16 l + 4 r + i has
    columns 16 l + i, + 4, + 8, + 12 of row r."""
    size = 16 + shape[1]
    groups = raw[: shape[0] // 4 * size].reshape(-1, size)
    packed = np.ascontiguousarray(groups[:, 16:]).reshape(len(groups), -1, 4, 4, 4)
    codes = packed[..., None] >> np.array([0, 2, 4, 6], np.uint8) & 3  # group block l r i j
    codes = codes.transpose(0, 3, 1, 2, 5, 4)  # group r block l j i
    return codes.reshape(shape), scales(groups[:, :16], "<f4").reshape(-1, 1)


def i2_s(layout="128"):
    """layout: weights of a block, or rows4: four rows in each byte, the first in the high bits."""
    def unpack(raw, shape):
        count = shape[0] * shape[1]
        packed = raw[: count // 4]
        wide = shape[1] if layout == "rows4" else int(layout) // 4
        codes = pairs(packed.reshape(-1, wide), [6, 4, 2, 0]).reshape(shape)
        d = scales(raw[count // 4 : count // 4 + 4], "<f4")
        return codes, np.full((shape[0], 1), d[0])
    return unpack


# type -> codes (N x K) and scales (N x groups of columns) of its bytes and shape
UNPACK = {
    I2_S: i2_s(),
    TQ1_0: by_256(54, tq1_0),
    TQ2_0: by_256(66, tq2_0),
    IQ1_BN: by_row("<f2", 13, iq1_bn),
    IQ2_BN: by_row("<f4", 16, iq2_bn),
    IQ2_BN_R4: iq2_bn_r4,
}


def unpack_trits(kind, raw, shape, layout="128"):
    """Trits (N x K), scales (N x groups); raw: the tensor's bytes and any after them."""
    codes, d = (i2_s(layout) if kind == I2_S else UNPACK[kind])(raw, shape)
    if codes.max() > 2:
        raise ValueError("code 3")
    return codes.astype(np.int8) - 1, d


def one_scale(trits, d):
    """A scale for each row where no two groups of one truly differ, else None. A group of zeros has
    any scale."""
    some = trits.reshape(d.shape + (-1,)).any(axis=2)
    first = np.take_along_axis(d, some.argmax(axis=1)[:, None], axis=1)
    differ = some & (d != first)
    return None if differ.any() else first[:, 0]
