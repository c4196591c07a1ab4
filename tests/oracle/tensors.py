"""GGUF files by their bytes: keys, tensors in float64, and ternary matrices as trits with a scale
for each row.

It shares nothing with the runtime; only what is slow is vectorised.
"""
import struct

import numpy as np

# --- the file ---

SCALARS = ["<B", "<b", "<H", "<h", "<I", "<i", "<f", "<?", None, None, "<Q", "<q", "<d"]
STRING, ARRAY = 8, 9


class Reader:
    """GGUF v2 or v3: .keys (name -> value) and .tensors (name -> (type, shape with N first, data
    offset))."""

    def __init__(self, path):
        self.data = np.fromfile(path, dtype=np.uint8)
        self.raw = memoryview(self.data)
        self.at = 0
        magic, version, ntensors, nkeys = self.take("<4sIQQ")
        if magic != b"GGUF" or version not in (2, 3):
            raise ValueError(f"{path}: not GGUF v2 or v3")
        self.keys = {}
        for _ in range(nkeys):
            name = self.string().decode()
            self.keys[name] = self.value(self.take("<I")[0])
        records = [self.record() for _ in range(ntensors)]
        unit = self.keys.get("general.alignment", 32)
        base = (self.at + unit - 1) // unit * unit
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
FLOATS = {
    0: (1, 4, lambda raw: raw.view("<f4").astype(np.float64)),
    1: (1, 2, from_f16),
    8: (32, 34, from_q8_0),
    14: (256, 210, from_q6_k),
    30: (1, 2, from_bf16),
}
I2_S = 36


def dense(gguf, name):
    kind, shape, offset = gguf.tensors[name]
    block, size, decode = FLOATS[kind]
    count = int(np.prod(shape))
    return decode(gguf.bytes_at(offset, count // block * size)).reshape(shape)


def unpack_i2_s(gguf, shape, offset):
    """Trits of FORMATS.md section 3 and the tensor's scale."""
    count = int(np.prod(shape))
    raw = gguf.bytes_at(offset, count // 4).reshape(-1, 1, 32)
    shifts = np.array([6, 4, 2, 0], dtype=np.uint8).reshape(1, 4, 1)
    codes = (raw >> shifts & 3).reshape(shape)
    if codes.max() > 2:
        raise ValueError("I2_S code 3")
    (scale,) = struct.unpack("<f", bytes(gguf.bytes_at(offset + count // 4, 4)))
    return codes.astype(np.int8) - 1, float(scale)


class Ternary:
    """A matrix of trits (N x K) and a scale for each row."""

    def __init__(self, gguf, name):
        kind, shape, offset = gguf.tensors[name]
        if kind == I2_S:
            trits, scale = unpack_i2_s(gguf, shape, offset)
            self.d = np.full(shape[0], scale)
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
        return (a8.astype(self.columns.dtype) @ self.columns).astype(np.float64) / s * self.d

    def plain(self, x):
        return (x @ self.columns.astype(np.float64)) * self.d
