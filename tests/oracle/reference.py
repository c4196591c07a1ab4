#!/usr/bin/env python3
"""The bitnet-b1.58 graph in float64: what the runtime's logits and perplexity are held against.

It reads the GGUF bytes by itself and shares nothing with the runtime; only what is slow is vectorised. Activations
are quantised to int8 as the format has it (--float-activations leaves that out, to show its cost), K and V are
rounded to f16 as the KV cache does (--exact-kv leaves that out).

  reference.py logits MODEL (--ids FILE | --text FILE) -o OUT          raw rows, or .npy by its name
  reference.py perplexity MODEL (--ids FILE | --text FILE) [-c N]      a JSON object
  reference.py tokenize MODEL --text FILE                              ids, BOS first where the model has one
  reference.py compare MODEL --ids FILE --logits RAW_F32               the figures of test_logits_reference.sh

--numbers float64: this file alone; binary32: the number contract (binary32.py); settled: float64, but ties of the
quantisers are settled as binary32 settles them. A file of ids is decimal numbers between white space.
"""
import argparse
import json
import struct
import sys
import unicodedata

import numpy as np

from binary32 import Binary32, Ties

# --- GGUF ---

SCALARS = ["<B", "<b", "<H", "<h", "<I", "<i", "<f", "<?", None, None, "<Q", "<q", "<d"]
STRING, ARRAY = 8, 9


class Reader:
    """GGUF v2 or v3: .keys (name -> value) and .tensors (name -> (type, shape with N first, data offset))."""

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
    """256 elements in 210 bytes: low nibbles [128], two high bits each [64], int8 scale per 16 [16], f16 d."""
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


# --- the graph ---


def rms(x, weight, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight


class Model:
    def __init__(self, path, float_activations=False, exact_kv=False):
        self.gguf = gguf = Reader(path)
        self.float_activations, self.exact_kv = float_activations, exact_kv
        keys = gguf.keys
        arch = keys["general.architecture"].decode()
        if arch not in ("bitnet-b1.58", "bitnet-25"):
            raise ValueError(f"{path}: architecture {arch}")
        get = lambda key: keys[f"{arch}.{key}"]
        self.layers = get("block_count")
        self.heads = get("attention.head_count")
        self.kv_heads = keys.get(f"{arch}.attention.head_count_kv", self.heads)
        self.eps = get("attention.layer_norm_rms_epsilon")
        self.embedding = dense(gguf, "token_embd.weight")
        self.head = dense(gguf, "output.weight") if "output.weight" in gguf.tensors else self.embedding
        self.output_norm = dense(gguf, "output_norm.weight")
        self.blocks = [self.load_block(i) for i in range(self.layers)]
        self.head_dim = self.blocks[0]["attn_q"].d.size // self.heads
        half = keys.get(f"{arch}.rope.dimension_count", self.head_dim) // 2
        self.frequency = float(get("rope.freq_base")) ** (-np.arange(half) / half)
        if "rope_freqs.weight" in gguf.tensors:
            self.frequency /= dense(gguf, "rope_freqs.weight")
        self.ties = None

    def load_block(self, i):
        matrices = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
        norms = ("attn_norm", "attn_sub_norm", "ffn_norm", "ffn_sub_norm")
        block = {m: Ternary(self.gguf, f"blk.{i}.{m}.weight") for m in matrices}
        block.update({n: dense(self.gguf, f"blk.{i}.{n}.weight") for n in norms})
        return block

    def settle(self, exact, own, distance):
        return self.ties.settle(exact, own, distance) if self.ties else own

    def linear(self, x, *matrices):
        if self.float_activations:
            return [m.plain(x) for m in matrices]
        s = 127.0 / np.maximum(np.abs(x).max(axis=-1, keepdims=True), 1e-5)
        v = np.clip(x * s, -128, 127)
        a8 = self.settle(v, np.rint(v), np.ones_like(v))
        return [m.quantised(a8, s) for m in matrices]

    def angles(self, positions):
        angle = np.arange(positions)[:, None] * self.frequency
        return np.cos(angle), np.sin(angle)

    def rotate(self, x):
        """NEOX pairs (i, i + half of what is rotated); x is sequence, position, head, dimension."""
        half = self.frequency.size
        c, s = (t[:, None, :] for t in self.angles(x.shape[1]))
        a, b = x[..., :half], x[..., half : 2 * half]
        return np.concatenate([a * c - b * s, a * s + b * c, x[..., 2 * half :]], axis=-1)

    def cached(self, x):
        if self.exact_kv:
            return x
        half = x.astype(np.float16)
        distance = np.spacing(np.abs(half)).astype(np.float64)
        return self.settle(x, half.astype(np.float64), distance)

    def attention(self, q, k, v):
        n, t = q.shape[:2]
        q = self.rotate(q.reshape(n, t, self.heads, -1)).transpose(0, 2, 1, 3)
        k = self.cached(self.rotate(k.reshape(n, t, self.kv_heads, -1))).transpose(0, 2, 3, 1)
        v = self.cached(v.reshape(n, t, self.kv_heads, -1)).transpose(0, 2, 1, 3)
        future = np.triu(np.full((t, t), -np.inf), 1)
        out = np.empty(q.shape)
        for h in range(self.heads):
            group = h * self.kv_heads // self.heads
            x = q[:, h] @ k[:, group] / np.sqrt(self.head_dim) + future
            p = np.exp(x - x.max(axis=-1, keepdims=True))
            out[:, h] = (p / p.sum(axis=-1, keepdims=True)) @ v[:, group]
        return out.transpose(0, 2, 1, 3).reshape(n, t, -1)

    def block(self, x, w):
        q, k, v = self.linear(rms(x, w["attn_norm"], self.eps), w["attn_q"], w["attn_k"], w["attn_v"])
        o = rms(self.attention(q, k, v), w["attn_sub_norm"], self.eps)
        x = x + self.linear(o, w["attn_output"])[0]
        g, u = self.linear(rms(x, w["ffn_norm"], self.eps), w["ffn_gate"], w["ffn_up"])
        f = rms(np.maximum(g, 0) ** 2 * u, w["ffn_sub_norm"], self.eps)
        return x + self.linear(f, w["ffn_down"])[0]

    def states(self, ids):
        x = self.embedding[np.asarray(ids)]
        for w in self.blocks:
            x = self.block(x, w)
        return x

    def logits(self, ids, first=0):
        """ids: sequences x positions; logits of positions from first on."""
        return rms(self.states(ids)[:, first:], self.output_norm, self.eps) @ self.head.T

    def settled_logits(self, ids, first=0):
        """The same, with ties as binary32 settles them."""
        contract = Binary32(self)
        contract.states(ids)
        return self.logits_after(contract, ids, first)

    def logits_after(self, contract, ids, first=0):
        self.ties = Ties(contract.decisions)
        return self.logits(ids, first)


# --- the tokenizer: Llama 3's, slow and by hand ---

SPACES = set("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {chr(c) for c in range(0x2000, 0x200B)}
CONTRACTIONS = ("'re", "'ve", "'ll", "'s", "'t", "'m", "'d")


def kind_of(c):
    if c in SPACES:
        return "s"
    category = unicodedata.category(c)[0]
    return category if category in "LN" else "o"


def run(text, i, test):
    while i < len(text) and test(text[i]):
        i += 1
    return i


def piece_end(text, i):
    """End of the piece that begins at i, branch by branch of Llama 3's pattern."""
    for c in CONTRACTIONS:
        if text[i : i + len(c)].lower().replace("\u017f", "s") == c:
            return i + len(c)
    letter = lambda c: kind_of(c) == "L"
    newline = lambda c: c in "\r\n"
    skip = i if letter(text[i]) or newline(text[i]) or kind_of(text[i]) == "N" else i + 1
    if (end := run(text, skip, letter)) > skip:
        return end
    if kind_of(text[i]) == "N":
        return min(run(text, i, lambda c: kind_of(c) == "N"), i + 3)
    start = i + (text[i] == " ")
    if (end := run(text, start, lambda c: kind_of(c) == "o")) > start:
        return run(text, end, newline)
    end = run(text, i, lambda c: kind_of(c) == "s")
    breaks = [j for j in range(i, end) if newline(text[j])]
    if breaks:
        return breaks[-1] + 1
    return end if end == len(text) or end == i + 1 else end - 1


def byte_alphabet():
    """Byte -> the printable character that stands for it in the vocabulary."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return {**{b: chr(b) for b in printable}, **{b: chr(256 + n) for n, b in enumerate(others)}}


class Tokenizer:
    def __init__(self, gguf):
        keys = gguf.keys
        tokens = [t.decode() for t in keys["tokenizer.ggml.tokens"]]
        self.ids = {token: i for i, token in enumerate(tokens)}
        merges = [tuple(m.decode().split(" ")) for m in keys.get("tokenizer.ggml.merges", [])]
        self.ranks = {pair: i for i, pair in enumerate(merges)}
        self.alphabet = byte_alphabet()
        bos = keys.get("tokenizer.ggml.bos_token_id")
        self.bos = bos if keys.get("tokenizer.ggml.add_bos_token", True) else None
        self.known = {}

    def merge(self, piece):
        parts = [piece] if piece in self.ids else list(piece)
        while len(parts) > 1:
            rank = lambda j: self.ranks.get((parts[j], parts[j + 1]), len(self.ranks))
            best = min(range(len(parts) - 1), key=rank)
            if rank(best) == len(self.ranks):
                break
            parts[best : best + 2] = [parts[best] + parts[best + 1]]
        return [self.ids[p] for p in parts]

    def encode(self, text):
        ids, i = [], 0
        while i < len(text):
            end = piece_end(text, i)
            piece = "".join(self.alphabet[b] for b in text[i:end].encode())
            if piece not in self.known:
                self.known[piece] = self.merge(piece)
            ids += self.known[piece]
            i = end
        return ids


# --- what is asked of it ---


def perplexity(logits, ids, bos, context, batch=8):
    """llama.cpp's definition: the text's ids in consecutive chunks of `context`, an incomplete one left out; where
    the model has a BOS it replaces the first id of each (none is put before the text itself); ids context/2 + 1 ..
    context - 1 of each are scored. The error is the mean log-likelihood's standard error times the perplexity."""
    chunks = np.array(ids[: len(ids) // context * context]).reshape(-1, context)
    if bos is not None:
        chunks[:, 0] = bos
    first, scores = context // 2, []
    for i in range(0, len(chunks), batch):
        rows = logits(chunks[i : i + batch], first)[:, :-1]
        wanted = chunks[i : i + batch, first + 1 :, None]
        top = rows.max(axis=-1, keepdims=True)
        total = np.log(np.exp(rows - top).sum(axis=-1, keepdims=True)) + top
        scores.append((total - np.take_along_axis(rows, wanted, -1)).ravel())
    scores = np.concatenate(scores)
    mean, n = scores.mean(), scores.size
    error = np.sqrt(((scores**2).mean() - mean**2) / (n - 1)) * np.exp(mean)
    return {"perplexity": float(np.exp(mean)), "error": float(error), "chunks": len(chunks), "scored": n}


def difference(own, other):
    """Largest difference in shares of the row's largest logit, and the margins where the best token differs."""
    relative = np.abs(own - other).max(axis=1) / np.abs(own).max(axis=1)
    ordered = np.sort(own, axis=1)
    margin = ordered[:, -1] - ordered[:, -2]
    return float(relative.max()), margin[own.argmax(axis=1) != other.argmax(axis=1)]


def compare(model, ids, path):
    """Holds the runtime's logits to binary32 (bits) and to float64 with ties settled (1e-3); shows float64 alone."""
    runtime = np.fromfile(path, "<f4").reshape(len(ids), -1)
    alone = model.logits([ids])[0]
    contract = Binary32(model)
    expected = contract.logits([ids])[0]
    settled = model.logits_after(contract, [ids])[0]
    bits = int((expected.view(np.uint32) != runtime.view(np.uint32)).sum())
    error, margins = difference(settled, runtime)
    plain_error, plain_margins = difference(alone, runtime)
    ties = model.ties
    print(f"  number contract: {bits} of {runtime.size} logits differ in their bits")
    print(f"  float64: relative error {error:.2e}, other best token at {margins.size} of {len(ids)}", end="")
    print(f" ({ties.settled} of {ties.all} quantised values were ties, {ties.worst:.1e} past the middle at most)")
    print(f"  float64, ties as they fall: {plain_error:.2e}, {plain_margins.size}", end="")
    print(f" with margins up to {plain_margins.max():.3f}" if plain_margins.size else "")
    return bits == 0 and error < 1e-3 and not (margins > 1e-4).any()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["logits", "perplexity", "tokenize", "compare"])
    parser.add_argument("model")
    parser.add_argument("--ids")
    parser.add_argument("--text")
    parser.add_argument("--logits", help="what the runtime wrote, for compare")
    parser.add_argument("-o", "--output")
    parser.add_argument("-c", "--context", type=int, default=512)
    parser.add_argument("-n", "--count", type=int, help="only the first ids")
    parser.add_argument("--numbers", choices=["float64", "binary32", "settled"], default="float64")
    parser.add_argument("--float-activations", action="store_true")
    parser.add_argument("--exact-kv", action="store_true")
    return parser.parse_args()


def read_ids(args, gguf):
    if args.ids:
        with open(args.ids, encoding="ascii") as file:
            ids = [int(word) for word in file.read().split()]
    else:
        with open(args.text, encoding="utf-8", newline="") as file:
            ids = Tokenizer(gguf).encode(file.read())
    return ids[: args.count]


def write_rows(path, rows):
    if path.endswith(".npy"):
        np.save(path, rows)
    else:
        rows.tofile(path)


def main():
    args = parse_arguments()
    if args.command == "tokenize":
        gguf = Reader(args.model)
        bos = Tokenizer(gguf).bos
        print(*([] if bos is None else [bos]) + read_ids(args, gguf))
        return 0
    model = Model(args.model, args.float_activations, args.exact_kv)
    ids = read_ids(args, model.gguf)
    run = {"float64": model.logits, "settled": model.settled_logits, "binary32": Binary32(model).logits}[args.numbers]
    if args.command == "compare":
        return 0 if compare(model, ids, args.logits) else 1
    if args.command == "logits":
        write_rows(args.output, run([ids])[0])
    else:
        print(json.dumps(perplexity(run, ids, Tokenizer(model.gguf).bos, args.context)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
