"""Rows of floats (N x K) in the types that embedding and head have besides, as bytes, and the
binary32 that those bytes mean; shares nothing with the runtime. Rounded simply: what they hold is
what they mean."""
import numpy as np

Q4_0, Q5_0, Q4_K = 2, 6, 12


def bytes_of(x, form):
    return np.ascontiguousarray(x.astype(form)).reshape(len(x), -1).view(np.uint8)


def nibbles(q):
    """Elements 0 .. 15 of 32 low, the others high."""
    return q[..., :16] | q[..., 16:] << 4


def by_32(bits):
    """Whole numbers around 0 times one f16."""
    middle = 1 << (bits - 1)

    def encode(w):
        x = w.astype(np.float64).reshape(-1, 32)
        most = np.take_along_axis(x, np.abs(x).argmax(axis=1)[:, None], axis=1)
        d = (most / -middle).astype(np.float16)
        wide = d.astype(np.float64)
        q = np.rint(x / np.where(wide == 0, 1, wide)) + middle
        q = q.clip(0, 2 * middle - 1).astype(np.int64)
        parts = [bytes_of(d, "<f2")]
        if bits == 5:
            parts.append(np.packbits((q >> 4).astype(np.uint8), axis=1, bitorder="little"))
        parts.append(nibbles(q & 15).astype(np.uint8))
        values = ((q - middle) * wide).astype(np.float32)
        return np.concatenate(parts, axis=1).tobytes(), values.reshape(w.shape)
    return encode


def six_bits(sc, m):
    """Twelve bytes of eight pairs of six bits."""
    first = sc[:, :4] | sc[:, 4:] >> 4 << 6
    second = m[:, :4] | m[:, 4:] >> 4 << 6
    third = sc[:, 4:] & 15 | (m[:, 4:] & 15) << 4
    return np.concatenate([first, second, third], axis=1)


def to_q4_k(w):
    x = w.astype(np.float64).reshape(-1, 8, 32)
    least = np.maximum(-x.min(axis=2), 0)
    steps = (x.max(axis=2) + least) / 15
    d = (steps.max(axis=1, keepdims=True) / 63).astype(np.float16)
    dmin = (least.max(axis=1, keepdims=True) / 63).astype(np.float16)
    sc = np.rint(steps / np.maximum(d.astype(float), 1e-30)).clip(0, 63).astype(int)
    m = np.rint(least / np.maximum(dmin.astype(float), 1e-30)).clip(0, 63).astype(int)
    scale = (d.astype(float) * sc)[:, :, None]
    under = (dmin.astype(float) * m)[:, :, None]
    q = np.rint((x + under) / np.where(scale == 0, 1, scale)).clip(0, 15).astype(int)
    pairs = q.reshape(-1, 4, 2, 32)
    packed = (pairs[:, :, 0] | pairs[:, :, 1] << 4).reshape(-1, 128)
    parts = [bytes_of(d, "<f2"), bytes_of(dmin, "<f2"), six_bits(sc, m), packed]
    values = (scale * q - under).astype(np.float32)  # exact until here
    return np.concatenate(parts, axis=1).astype(np.uint8).tobytes(), values.reshape(w.shape)


# name -> GGML type, bytes and values of rows
ROWS = {"q4_0": (Q4_0, by_32(4)), "q5_0": (Q5_0, by_32(5)), "q4_k": (Q4_K, to_q4_k)}
