"""GGUF files by their bytes: keys, tensors in float64, ternary matrices as trits with a scale for
each row, and matrices of codes with a scale for each group of columns.

It shares nothing with the runtime; only what is slow is vectorised.
"""
import struct

import numpy as np

from trits import I2_S, UNPACK, one_scale, unpack_trits

# --- the file ---

SCALARS = ["<B", "<b", "<H", "<h", "<I", "<i", "<f", "<?", None, None, "<Q", "<q", "<d"]
STRING, ARRAY = 8, 9


class Reader:
    """GGUF v2 or v3: .keys (name -> value), .entries (their bytes) and .tensors (name -> (type,
    shape with N first, data offset)). .layout: of its I2_S (trits.py)."""

    layout = "128"

    def __init__(self, path):
        self.data = np.fromfile(path, dtype=np.uint8)
        self.raw = memoryview(self.data)
        self.at = 0
        magic, version, ntensors, nkeys = self.take("<4sIQQ")
        if magic != b"GGUF" or version not in (2, 3):
            raise ValueError(f"{path}: not GGUF v2 or v3")
        self.keys, self.entries = {}, []
        for _ in range(nkeys):
            start = self.at
            name = self.string().decode()
            self.keys[name] = self.value(self.take("<I")[0])
            self.entries.append(bytes(self.raw[start : self.at]))
        records = [self.record() for _ in range(ntensors)]
        unit = self.keys.get("general.alignment", 32)
        base = (self.at + unit - 1) // unit * unit
        if any(kind == Q2_0 for _, kind, _, _ in records):
            kind = self.kind_of_q2_0(records, unit, base)
            records = [(n, kind if k == Q2_0 else k, shape, at) for n, k, shape, at in records]
        self.tensors = {name: (kind, shape, base + offset) for name, kind, shape, offset in records}

    def take(self, form):
        values = struct.unpack_from(form, self.raw, self.at)
        self.at += struct.calcsize(form)
        return values

    def string(self):
        (length,) = self.take("<Q")
        self.at += length
        return bytes(self.raw[self.at - length : self.at])

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            item, count = self.take("<IQ")
            return [self.value(item) for _ in range(count)]
        return self.take(SCALARS[kind])[0]

    def record(self):
        name = self.string().decode()
        (ndims,) = self.take("<I")
        dims = self.take(f"<{ndims}Q")
        kind, offset = self.take("<IQ")
        return name, kind, tuple(reversed(dims)), offset

    def kind_of_q2_0(self, records, unit, base):
        """Id 42 names two layouts: groups of 64, or of 128, which are PQ2_0's bytes. Only one of
        them reproduces every offset and the end of the file."""
        fitting = [kind for kind in (Q2_0, PQ2_0) if self.fits(records, unit, base, kind)]
        if len(fitting) != 1:
            raise ValueError(f"{len(fitting)} layouts of type 42 fit the offsets")
        return fitting[0]

    def fits(self, records, unit, base, kind_of_42):
        at = 0
        for _, kind, shape, offset in sorted(records, key=lambda record: record[3]):
            block, size = sizes(kind_of_42 if kind == Q2_0 else kind)
            if offset != at or shape[-1] % block:
                return False
            at += int(np.prod(shape)) // block * size
            at += 32 if kind == I2_S else 0
            at = (at + unit - 1) // unit * unit
        return base + at == self.data.size

    def bytes_at(self, offset, count):
        return self.data[offset : offset + count]


# --- tensors ---


def from_f16(raw):
    return raw.view("<f2").astype(np.float64)


def from_bf16(raw):
    return (raw.view("<u2").astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def from_q8_0(raw):
    blocks = raw.reshape(-1, 34)
    d = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float64)
    return (blocks[:, 2:].view(np.int8) * d).ravel()


def from_q6_k(raw):
    """256 elements in 210 bytes: low nibbles [128], two high bits each [64], int8 scale per 16
    [16], f16 d."""
    blocks = raw.reshape(-1, 210)
    low = blocks[:, :128].reshape(-1, 2, 2, 32)
    high = blocks[:, 128:192].reshape(-1, 2, 1, 32)
    scales = blocks[:, 192:208].view(np.int8).astype(np.float64)
    d = np.ascontiguousarray(blocks[:, 208:]).view("<f2").astype(np.float64)
    nibbles = np.concatenate([low & 15, low >> 4], axis=2)  # block, half, group of 32, element
    shifts = np.array([0, 2, 4, 6], dtype=np.uint8).reshape(1, 1, 4, 1)
    q = (nibbles | (high >> shifts & 3) << 4).astype(np.float64) - 32
    return (q.reshape(-1, 16, 16) * (scales * d)[:, :, None]).ravel()


# GGML type -> (elements per block, bytes per block, decoder)
WIDE = (0, 1, 30)  # float types whose values are stored as they are
FLOATS = {
    0: (1, 4, lambda raw: raw.view("<f4").astype(np.float64)),
    1: (1, 2, from_f16),
    8: (32, 34, from_q8_0),
    14: (256, 210, from_q6_k),
    28: (1, 8, lambda raw: raw.view("<f8")),
    30: (1, 2, from_bf16),
}
Q1_0, Q2_0, PQ2_0, PTQ1_0 = 41, 42, 142, 143


def signs(raw):
    """One bit each, from the least significant: -1 or +1."""
    bits = raw[:, :, None] >> np.arange(8, dtype=np.uint8) & 1
    return bits.reshape(len(raw), -1).astype(np.int8) * 2 - 1


def quarters(raw):
    """Two bits each, from the least significant: -1 .. +2."""
    pairs = raw[:, :, None] >> np.array([0, 2, 4, 6], dtype=np.uint8) & 3
    return pairs.reshape(len(raw), -1).astype(np.int8) - 1


def digits(raw, count):
    """Digit n of each byte, the most significant first, as FORMATS-2.md section 1 takes it out in 8
    bits: blocks x digits x bytes."""
    shifted = [(raw.astype(int) * 3**n & 255) * 3 >> 8 for n in range(count)]
    return np.stack(shifted, axis=1).astype(np.int8) - 1


def thirds(raw):
    """128 trits in 26 bytes: 16 bytes of five, 8 bytes of five, 2 bytes of four."""
    parts = digits(raw[:, :16], 5), digits(raw[:, 16:24], 5), digits(raw[:, 24:], 4)
    return np.concatenate([part.reshape(len(raw), -1) for part in parts], axis=1)


# GGML type -> (elements per block, bytes per block, place of the f16 scale, codes of the others)
LOW_BITS = {
    Q1_0: (128, 18, 0, signs),
    Q2_0: (64, 18, 0, quarters),
    PQ2_0: (128, 34, 0, quarters),
    PTQ1_0: (128, 28, 26, thirds),
}


def sizes(kind):
    """Elements and bytes per block."""
    if kind == I2_S:
        return 4, 1
    return (FLOATS.get(kind) or LOW_BITS[kind])[:2]


def unpack(gguf, name):
    """Codes -1 .. +2 (N x K) and scales (N x groups) of a low-bit matrix, as they are stored."""
    kind, shape, offset = gguf.tensors[name]
    block, size, at, decode = LOW_BITS[kind]
    count = int(np.prod(shape))
    raw = gguf.bytes_at(offset, count // block * size).reshape(-1, size)
    d = from_f16(np.ascontiguousarray(raw[:, at : at + 2]))
    codes = decode(np.delete(raw, [at, at + 1], axis=1))
    return codes.reshape(shape), d.reshape(shape[0], -1)


def dense(gguf, name):
    kind, shape, offset = gguf.tensors[name]
    if kind in LOW_BITS or kind in UNPACK:
        codes, d = (unpack if kind in LOW_BITS else stored_trits)(gguf, name)
        return codes * np.repeat(d, shape[1] // d.shape[1], axis=1)
    block, size, decode = FLOATS[kind]
    count = int(np.prod(shape))
    return decode(gguf.bytes_at(offset, count // block * size)).reshape(shape)


def stored_trits(gguf, name):
    """Trits and scales (N x groups) of a matrix of one of their types."""
    kind, shape, offset = gguf.tensors[name]
    return unpack_trits(kind, gguf.data[offset:], shape, gguf.layout)


class Ternary:
    """A matrix of trits (N x K) and a scale for each row."""

    group = None  # columns that share a scale: all
    factor = None  # of the outputs

    def __init__(self, gguf, name):
        kind, shape, _ = gguf.tensors[name]
        if kind in UNPACK:
            trits, d = stored_trits(gguf, name)
            self.d = one_scale(trits, d)
            if self.d is None:
                raise ValueError(f"{name}: rows of several scales")
        else:
            w = dense(gguf, name)
            self.d = np.abs(w).max(axis=1)
            trits = np.sign(w)
            if not np.array_equal(w, trits * self.d[:, None]):
                raise ValueError(f"{name}: not ternary")
        # Sums of int8 * trit stay below 2^24 here, so that float32 holds every partial sum exactly.
        exact = np.float32 if shape[1] < 2**17 else np.float64
        self.columns = np.ascontiguousarray(trits.T.astype(exact))

    def quantised(self, a8, s):
        """a8 and s: groups x columns, and groups x 1. With several groups the sums are rounded."""
        if a8.shape[-2] > 1:
            return self.plain((a8 / s).reshape(a8.shape[:-2] + (-1,)))
        a8, s = a8[..., 0, :], s[..., 0, :]
        return (a8.astype(self.columns.dtype) @ self.columns).astype(np.float64) / s * self.d

    def plain(self, x):
        return (x @ self.columns.astype(np.float64)) * self.d

    def scales(self, group):
        """For each group of so many columns."""
        return np.repeat(self.d[:, None], len(self.columns) // group, axis=1)


def fold(codes, d):
    """Scales of groups of 64 as scales of groups of 128 where no pair truly differs, else None. A
    group of zeros has any scale."""
    if d.shape[1] % 2:
        return None
    some = codes.reshape(d.shape + (64,)).any(axis=2)
    left, right = d[:, ::2], d[:, 1::2]
    differ = (left != right) & some[:, ::2] & some[:, 1::2]
    return None if differ.any() else np.where(some[:, ::2], left, right)


def split(w, group):
    """Codes and scales of a float matrix whose groups hold -d, 0, +d, +2d alone, d one of f16's;
    else None."""
    if w.shape[1] % group:
        return None
    parts = w.reshape(len(w), -1, group)
    size = np.abs(parts)
    d = np.where(size > 0, size, np.inf).min(axis=2)
    d[np.isinf(d)] = 0
    codes = parts / np.where(d > 0, d, 1)[:, :, None]
    with np.errstate(over="ignore"):
        exact = np.array_equal(d.astype(np.float16), d)
    if not exact or not np.isin(codes, (-1, 0, 1, 2)).all():
        return None
    return codes.reshape(w.shape).astype(np.int8), d


class Grouped:
    """A matrix of codes -1 .. +2 (N x K) and a scale for each `group` columns of a row, N x K /
    group: 128, or 64 where the scales of a pair differ."""

    factor = None

    def __init__(self, gguf, name):
        kind = gguf.tensors[name][0]
        if kind in LOW_BITS:
            self.codes, self.d = unpack(gguf, name)
        elif kind in UNPACK:
            self.codes, d = stored_trits(gguf, name)
            self.d = np.repeat(d, self.codes.shape[1] // d.shape[1] // 128, axis=1)
        else:
            w = dense(gguf, name)
            found = split(w, 128) or split(w, 64)
            if not found:
                raise ValueError(f"{name}: no groups of 128 or 64 columns with one scale")
            self.codes, self.d = found
        if self.codes.shape[1] // self.d.shape[1] == 64:
            folded = fold(self.codes, self.d)
            self.d = self.d if folded is None else folded
        self.group = self.codes.shape[1] // self.d.shape[1]
        self.columns = np.ascontiguousarray(self.codes.T.astype(np.float32))
        self.weights = self.columns * np.repeat(self.d, self.group, axis=1).T  # float64

    def quantised(self, a8, s):
        """a8 and s: groups x columns, and groups x 1; the weights' groups may be others."""
        return self.plain((a8 / s).reshape(a8.shape[:-2] + (-1,)))

    def plain(self, x):
        return x @ self.weights

    def scales(self, group):
        """For each group of so many columns, which are no more than the matrix's."""
        return np.repeat(self.d, self.group // group, axis=1)


def grouped(gguf, name):
    """The matrix where its type, or all of its floats, are codes with a scale per group, else
    None."""
    kind = gguf.tensors[name][0]
    if kind not in LOW_BITS and kind not in WIDE:
        return None
    try:
        return Grouped(gguf, name)
    except ValueError:
        if kind in LOW_BITS:
            raise
    return None


def scaled(y, matrix):
    """Outputs times the factor that a file may have beside a matrix."""
    return y if matrix.factor is None else y * matrix.factor


def layer_matrix(gguf, name, matrix):
    """By the type where it is one of trits, else of that class."""
    if gguf.tensors[name][0] in UNPACK:
        matrix = Grouped if one_scale(*stored_trits(gguf, name)) is None else Ternary
    return matrix(gguf, name)


def is_dense(gguf, name, matrix):
    """Whether a matrix of floats cannot be read as such a class."""
    kind, (_, columns), _ = gguf.tensors[name]
    if kind not in (*WIDE, 8):
        return False
    if matrix is Grouped and columns % 128:
        return True
    try:
        matrix(gguf, name)
    except ValueError:
        return True
    return False


class Rows:
    """A matrix of floats, whose inputs are not quantised."""

    group = factor = None

    def __init__(self, gguf, name):
        self.rows = dense(gguf, name)

    def plain(self, x):
        return x @ self.rows.T
