"""Writes GGUF files for tests; shares nothing with the runtime nor with the reader (tensors.py)."""
import os
import struct

import numpy as np

# --- GGUF ---

F32, F16, Q8_0, BF16, I2_S, Q1_0, Q2_0, PQ2_0, PTQ1_0 = 0, 1, 8, 30, 36, 41, 42, 142, 143
F64 = 28
U32, FLOAT, BOOL, STRING, ARRAY, I32 = 4, 6, 7, 8, 9, 5
ALIGNMENT = 32


def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


PACK = {
    U32: lambda v: struct.pack("<I", v),
    I32: lambda v: struct.pack("<i", v),
    FLOAT: lambda v: struct.pack("<f", v),
    BOOL: lambda v: struct.pack("<?", v),
    STRING: text,
}


def entry(name, kind, value):
    if isinstance(value, list):
        head = struct.pack("<IIQ", ARRAY, kind, len(value))
        return text(name) + head + b"".join(map(PACK[kind], value))
    return text(name) + struct.pack("<I", kind) + PACK[kind](value)


def key_bytes(key):
    return key if isinstance(key, bytes) else entry(*key)


def padded(raw):
    return raw + bytes(-len(raw) % ALIGNMENT)


def write_gguf(path, keys, tensors):
    """keys: (name, type, value), or a key's bytes; tensors: (name, type, shape with N first,
    bytes)."""
    records, data, at = [], [], 0
    for name, kind, shape, raw in tensors:
        dims = struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        records.append(text(name) + dims + struct.pack("<IQ", kind, at))
        data.append(padded(raw))
        at += len(data[-1])
    header = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(keys))
    header += b"".join(map(key_bytes, keys)) + b"".join(records)
    with open(path + ".new", "wb") as file:
        file.write(padded(header))
        file.writelines(data)
    os.replace(path + ".new", path)


# --- vocabularies ---

NORMAL, CONTROL, USER_DEFINED = 1, 3, 4


def vocabulary(size, special):
    """Tokens, their types and the merges of byte-level BPE: bytes, merges of two printable
    characters, then the special tokens (name -> type)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    letters = [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]
    room = size - len(letters) - len(special)
    pairs = [(a, b) for a in letters[:94] for b in letters[:94]]
    if not 0 <= room <= len(pairs):
        least = len(letters) + len(special)
        raise SystemExit(f"--vocab is from {least} to {least + len(pairs)}")
    tokens = letters + [a + b for a, b in pairs[:room]] + list(special)
    types = [NORMAL] * (size - len(special)) + list(special.values())
    return tokens, types, [f"{a} {b}" for a, b in pairs[:room]]


def vocabulary_keys(pre, tokens, types, merges, ids):
    """ids: token of a role ("bos", ..) -> id."""
    return [
        ("tokenizer.ggml.model", STRING, "gpt2"),
        ("tokenizer.ggml.pre", STRING, pre),
        ("tokenizer.ggml.tokens", STRING, tokens),
        ("tokenizer.ggml.token_type", I32, types),
        ("tokenizer.ggml.merges", STRING, merges),
        *((f"tokenizer.ggml.{role}_token_id", U32, token) for role, token in ids.items()),
    ]


# --- weights ---


def to_q8_0(w):
    """Blocks of 32 values: a scale of f16, then integers."""
    w = w.reshape(-1, 32)
    d = (np.abs(w).max(axis=1, keepdims=True) / 127).astype("<f2")
    q = np.rint(w / d).astype(np.int8)
    return np.concatenate([d.view(np.uint8), q.view(np.uint8)], axis=1).tobytes()


# type of the norms -> GGML type, encoder
VECTORS = {
    "f32": (F32, lambda w: w.astype("<f4").tobytes()),
    "f16": (F16, lambda w: w.astype("<f2").tobytes()),
    "bf16": (BF16, lambda w: (w.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()),
    "q8_0": (Q8_0, to_q8_0),
}


class Weights:
    """Tensors of a random model, in the order of the file."""

    def __init__(self, args):
        self.args = args
        self.random = np.random.default_rng(args.seed)
        self.tensors = []

    def norm(self, name, scale=1.0, size=None):
        w = scale * self.random.uniform(0.5, 1.5, size or self.args.hidden)
        kind, encode = VECTORS[self.args.norms]
        self.tensors.append((name, kind, w.shape, encode(w)))


# --- arguments ---


def add_arguments(parser):
    """What the models of every architecture have."""
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--shape", required=True, help="HIDDENxFFNxLAYERSxHEADSxKV")
    parser.add_argument("--head-dim", type=int, help="default: HIDDEN / HEADS")
    parser.add_argument("--tied", action="store_true", help="no output.weight")
    parser.add_argument("--vocab", type=int, default=320)
    parser.add_argument("--eps", type=float, default=1e-6)
    parser.add_argument("--embedding", type=float, default=1.0, help="deviation of its elements")
    parser.add_argument("--peak", type=float, default=1.0, help="deviation of the logits, about")
    parser.add_argument("--gate", type=float, default=1.5, help="deviation of the gates, about")
    parser.add_argument("--chain", action="store_true",
                        help="a token's output row is the embedding of the one before: a successor")
    parser.add_argument("--norms", choices=VECTORS, default="f32", help="their type")
    parser.add_argument("--seed", type=int, default=1)


def parse(parser):
    a = parser.parse_args()
    a.hidden, a.ffn, a.layers, a.heads, a.kv = map(int, a.shape.split("x"))
    a.head_dim = a.head_dim or a.hidden // a.heads
    return a
