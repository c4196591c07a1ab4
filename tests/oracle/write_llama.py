#!/usr/bin/env python3
"""Writes random ternary models of GGUF's architecture llama, for tests; shares nothing with the
runtime.

The types do not change the weights: files that differ in --type or --rows hold the same model.
Every matrix has one scale d of 8 significant bits, which f16 and bf16 hold exactly. The vocabulary
is byte-level BPE of Llama 3's kind with merges of two printable characters, then BOS and EOS.

  write_llama.py -o FILE --shape HIDDENxFFNxLAYERSxHEADSxKV [options]
"""
import argparse
import os
import struct
import sys

import numpy as np

# --- GGUF ---

F32, F16, BF16, I2_S = 0, 1, 30, 36
FILE_TYPES = {"f32": 0, "f16": 1, "bf16": 32, "i2_s": 40}
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


def padded(raw):
    return raw + bytes(-len(raw) % ALIGNMENT)


def write_gguf(path, keys, tensors):
    """tensors: (name, type, shape with N first, bytes)."""
    records, data, at = [], [], 0
    for name, kind, shape, raw in tensors:
        dims = struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        records.append(text(name) + dims + struct.pack("<IQ", kind, at))
        data.append(padded(raw))
        at += len(data[-1])
    header = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(keys))
    header += b"".join(entry(*key) for key in keys) + b"".join(records)
    with open(path + ".new", "wb") as file:
        file.write(padded(header))
        file.writelines(data)
    os.replace(path + ".new", path)


# --- encodings ---


def to_bf16(x):
    """Exact: the low half of every float32 given is zero."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    assert not (bits & 0xFFFF).any()
    return (bits >> 16).astype("<u2").tobytes()


def to_i2_s(trits, d):
    codes = (trits + 1).astype(np.uint8).reshape(-1, 4, 32)
    packed = codes[:, 0] << 6 | codes[:, 1] << 4 | codes[:, 2] << 2 | codes[:, 3]
    return packed.tobytes() + struct.pack("<f", d) + bytes(28)


# type of the matrices -> GGML type, bytes of trits * d
MATRICES = {
    "i2_s": (I2_S, to_i2_s),
    "f32": (F32, lambda trits, d: (trits * np.float32(d)).astype("<f4").tobytes()),
    "f16": (F16, lambda trits, d: (trits * np.float32(d)).astype("<f2").tobytes()),
    "bf16": (BF16, lambda trits, d: to_bf16(trits * np.float32(d))),
}

ROWS = {"f16": (F16, "<f2"), "f32": (F32, "<f4")}

# --- weights ---


class Writer:
    def __init__(self, args):
        self.args = args
        self.random = np.random.default_rng(args.seed)
        self.tensors = []

    def rows(self, name, w):
        """Rows of the vocabulary: values of f16, in either type."""
        kind, form = ROWS[self.args.rows]
        self.tensors.append((name, kind, w.shape, w.astype(form).tobytes()))

    def norm(self, name, scale=1.0):
        w = scale * self.random.uniform(0.5, 1.5, self.args.hidden)
        self.tensors.append((name, F32, w.shape, w.astype("<f4").tobytes()))

    def matrix(self, name, n, k, gain):
        """Outputs have about `gain` times the deviation of the inputs."""
        trits = self.random.choice([-1, 0, 1], (n, k), p=[0.3, 0.4, 0.3])
        wanted = gain / np.sqrt(0.6 * k) * self.random.uniform(0.8, 1.25)
        exponent = np.floor(np.log2(wanted)) - 7
        d = float(np.rint(wanted / 2**exponent) * 2**exponent)
        kind, encode = MATRICES[self.args.type]
        self.tensors.append((name, kind, (n, k), encode(trits, d)))

    def block(self, i):
        a = self.args
        queries, values = a.heads * a.head_dim, a.kv * a.head_dim
        name = lambda part: f"blk.{i}.{part}.weight"
        self.norm(name("attn_norm"))
        self.matrix(name("attn_q"), queries, a.hidden, 1.5)
        self.matrix(name("attn_k"), values, a.hidden, 1.5)
        self.matrix(name("attn_v"), values, a.hidden, 1.0)
        self.matrix(name("attn_output"), a.hidden, queries, 1.0)
        self.norm(name("ffn_norm"))
        self.matrix(name("ffn_gate"), a.ffn, a.hidden, a.gate)
        self.matrix(name("ffn_up"), a.ffn, a.hidden, 1.0)
        self.matrix(name("ffn_down"), a.hidden, a.ffn, 1.0)

    def all(self):
        a = self.args
        shape = (a.vocab, a.hidden)
        embedding = self.random.normal(0, a.embedding, shape).astype("<f2")
        self.rows("token_embd.weight", embedding)
        for i in range(a.layers):
            self.block(i)
        self.norm("output_norm.weight", a.peak / (a.embedding * np.sqrt(a.hidden)))
        if not a.tied:
            head = self.random.normal(0, a.embedding, shape).astype("<f2")
            head = np.roll(embedding, 1, axis=0) if a.chain else head
            self.rows("output.weight", head)
        return self.tensors


# --- keys ---


def vocabulary(size):
    """Tokens, their types and the merges."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    letters = [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]
    pairs = [(a, b) for a in letters[:94] for b in letters[:94]][: size - len(letters) - 2]
    tokens = letters + [a + b for a, b in pairs] + ["<|begin_of_text|>", "<|end_of_text|>"]
    if len(tokens) != size:
        raise SystemExit(f"write_llama.py: --vocab is from 258 to {258 + 94 * 94}")
    return tokens, [1] * (size - 2) + [3, 3], [f"{a} {b}" for a, b in pairs]


def model_keys(a):
    """Name, kind, value, default: a key that has its default is left out with --defaults."""
    own_dim = a.hidden // a.heads
    keys = [
        ("vocab_size", U32, a.vocab, None),
        ("context_length", U32, 4096, None),
        ("embedding_length", U32, a.hidden, None),
        ("block_count", U32, a.layers, None),
        ("feed_forward_length", U32, a.ffn, None),
        ("attention.head_count", U32, a.heads, None),
        ("attention.head_count_kv", U32, a.kv, a.heads),
        ("attention.key_length", U32, a.head_dim, own_dim),
        ("attention.value_length", U32, a.head_dim, own_dim),
        ("attention.layer_norm_rms_epsilon", FLOAT, a.eps, None),
        ("rope.dimension_count", U32, a.rotate, a.head_dim),
        ("rope.freq_base", FLOAT, a.base, 10000.0),
    ]
    return [("llama." + name, kind, value) for name, kind, value, default in keys
            if not (a.defaults and value == default)]


def all_keys(a):
    tokens, types, merges = vocabulary(a.vocab)
    return [
        ("general.architecture", STRING, "llama"),
        ("general.name", STRING, "random ternary"),
        ("general.file_type", U32, FILE_TYPES[a.type]),
        ("general.quantization_version", U32, 2),
        *model_keys(a),
        ("tokenizer.ggml.model", STRING, "gpt2"),
        ("tokenizer.ggml.pre", STRING, "llama-bpe"),
        ("tokenizer.ggml.tokens", STRING, tokens),
        ("tokenizer.ggml.token_type", I32, types),
        ("tokenizer.ggml.merges", STRING, merges),
        ("tokenizer.ggml.bos_token_id", U32, a.vocab - 2),
        ("tokenizer.ggml.eos_token_id", U32, a.vocab - 1),
        ("tokenizer.ggml.add_bos_token", BOOL, True),
    ]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--shape", required=True, help="HIDDENxFFNxLAYERSxHEADSxKV")
    parser.add_argument("--head-dim", type=int, help="default: HIDDEN / HEADS")
    parser.add_argument("--rotate", type=int, help="dimensions that rope turns; default: all")
    parser.add_argument("--type", choices=MATRICES, default="i2_s", help="of the matrices")
    parser.add_argument("--rows", choices=ROWS, default="f16", help="of embedding and output")
    parser.add_argument("--tied", action="store_true", help="no output.weight")
    parser.add_argument("--vocab", type=int, default=320)
    parser.add_argument("--base", type=float, default=1000042.0)
    parser.add_argument("--eps", type=float, default=1e-6)
    parser.add_argument("--embedding", type=float, default=1.0, help="deviation of its elements")
    parser.add_argument("--peak", type=float, default=1.0, help="deviation of the logits, about")
    parser.add_argument("--gate", type=float, default=1.5, help="deviation of the gates, about")
    parser.add_argument("--chain", action="store_true",
                        help="a token's output row is the embedding of the one before: a successor")
    parser.add_argument("--defaults", action="store_true",
                        help="leave out keys that have their default")
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    a.hidden, a.ffn, a.layers, a.heads, a.kv = map(int, a.shape.split("x"))
    a.head_dim = a.head_dim or a.hidden // a.heads
    a.rotate = a.rotate or a.head_dim
    return a


def main():
    args = parse_arguments()
    write_gguf(args.output, all_keys(args), Writer(args).all())
    return 0


if __name__ == "__main__":
    sys.exit(main())
