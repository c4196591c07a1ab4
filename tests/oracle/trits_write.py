"""Matrices of trits (N x K) with scales (N x 1, or N x K / 256) in every type that holds them, as
bytes; FORMATS.md, sections 3 to 5, 7 and 8. Shares nothing with the runtime nor with the reader
(trits.py)."""
import struct

import numpy as np

from gguf_write import BF16, F16, F32, I2_S

TQ1_0, TQ2_0, IQ1_BN, IQ2_BN, IQ2_BN_R4 = 34, 35, 134, 135, 335


def spread(trits, d):
    """Weights."""
    return trits * np.repeat(d.astype(np.float32), trits.shape[1] // d.shape[1], axis=1)


def floats(form):
    return lambda trits, d: spread(trits, d).astype(form).tobytes()


def to_bf16(trits, d):
    """Exact: the low half of every float32 is zero."""
    bits = np.ascontiguousarray(spread(trits, d), np.float32).view(np.uint32)
    if (bits & 0xFFFF).any():
        raise SystemExit("bf16 does not hold these scales")
    return (bits >> 16).astype("<u2").tobytes()


def only(d):
    if (d != d.flat[0]).any():
        raise SystemExit("this type has fewer scales")
    return d.flat[0]


def of_rows(d):
    if (d != d[:, :1]).any():
        raise SystemExit("this type has fewer scales")
    return d[:, :1]


def weighted(digits, weights):
    """Sums over the next to last axis: of digits times their weights."""
    return np.tensordot(digits.astype(int), np.array(weights), axes=([-2], [0]))


TWO_BITS = [64, 16, 4, 1]


def to_i2_s(wide):
    """wide: bytes between elements of one byte; None: four rows share a byte."""
    def encode(trits, d):
        shape = (-1, 4, trits.shape[1] if wide is None else wide)
        packed = weighted((trits + 1).reshape(shape), TWO_BITS).astype(np.uint8)
        return packed.tobytes() + struct.pack("<f", only(d)) + bytes(28)
    return encode


def by_256(pack):
    def encode(trits, d):
        count = trits.shape[1] // 256
        d = np.broadcast_to(d, (len(trits), count)).astype("<f2")
        packed = pack((trits + 1).reshape(-1, 256)).astype(np.uint8)
        ends = np.ascontiguousarray(d).reshape(-1, 1).view(np.uint8)
        return np.concatenate([packed, ends], axis=1).tobytes()
    return encode


def ceiling(numbers):
    return (numbers * 256 + 242) // 243


def tq1_0(codes):
    powers = [81, 27, 9, 3, 1]
    parts = [weighted(codes[:, :160].reshape(-1, 5, 32), powers),
             weighted(codes[:, 160:240].reshape(-1, 5, 16), powers),
             weighted(codes[:, 240:].reshape(-1, 4, 4), powers[:4])]
    return ceiling(np.concatenate(parts, axis=1))


def tq2_0(codes):
    return weighted(codes.reshape(-1, 2, 4, 32), TWO_BITS[::-1]).reshape(-1, 64)


def by_row(form, pack):
    def encode(trits, d):
        rows = pack((trits + 1).reshape(-1, 64)).astype(np.uint8).reshape(len(trits), -1)
        ends = np.ascontiguousarray(of_rows(d).astype(form)).view(np.uint8)
        return np.concatenate([ends, rows], axis=1).tobytes()
    return encode


def iq2_bn(codes):
    return weighted(codes.reshape(-1, 4, 16), TWO_BITS[::-1])


def iq1_bn(codes):
    blocks = codes.reshape(-1, 4, 16)
    powers = [1, 3, 9, 27, 81]
    fives = weighted(blocks[:, :, :15].reshape(-1, 12, 5, 1), powers)[..., 0]
    last = weighted(blocks[:, :, 15, None], powers[:4])
    return ceiling(np.concatenate([fives, last], axis=1))


def to_iq2_bn_r4(trits, d):
    n, k = trits.shape
    codes = (trits + 1).reshape(n // 4, 4, k // 64, 4, 4, 4)  # group r block l j i
    packed = weighted(codes, TWO_BITS[::-1]).transpose(0, 2, 3, 1, 4).astype(np.uint8)
    ends = np.ascontiguousarray(of_rows(d).astype("<f4")).reshape(-1, 4).view(np.uint8)
    return np.concatenate([ends, packed.reshape(n // 4, -1)], axis=1).tobytes()


# name -> GGML type, bytes of trits * d
TRITS = {
    "i2_s": (I2_S, to_i2_s(32)),
    "i2_s_64": (I2_S, to_i2_s(16)),
    "i2_s_rows4": (I2_S, to_i2_s(None)),
    "f32": (F32, floats("<f4")),
    "f16": (F16, floats("<f2")),
    "bf16": (BF16, to_bf16),
    "tq1_0": (TQ1_0, by_256(tq1_0)),
    "tq2_0": (TQ2_0, by_256(tq2_0)),
    "iq1_bn": (IQ1_BN, by_row("<f2", iq1_bn)),
    "iq2_bn": (IQ2_BN, by_row("<f4", iq2_bn)),
    "iq2_bn_r4": (IQ2_BN_R4, to_iq2_bn_r4),
}
FILE_TYPES = {"f32": 0, "f16": 1, "bf16": 32, "tq1_0": 36, "tq2_0": 37, "i2_s": 40, "i2_s_64": 40,
              "i2_s_rows4": 40, "iq1_bn": 136, "iq2_bn": 137, "iq2_bn_r4": 337}
