#!/usr/bin/env python3
"""The graph of bitnet-b1.58, of llama and of qwen3 in float64: what the runtime's logits and
perplexity are held against.

It reads the GGUF bytes by itself (tensors.py) and shares nothing with the runtime. Activations are
quantised to int8 as the format has it (--float-activations leaves that out, to show its cost;
--group takes scales for other columns than the format's), K and V are rounded to f16 as the KV
cache does (--exact-kv leaves that out).

  reference.py logits MODEL (--ids FILE | --text FILE) -o OUT     raw rows, or .npy by its name
  reference.py perplexity MODEL (--ids FILE | --text FILE) [-c N] a JSON object
  reference.py tokenize MODEL --text FILE                         ids, BOS first where there is one
  reference.py compare MODEL --ids FILE --logits RAW_F32          test_logits_reference.sh's figures

--numbers float64: this file alone; binary32: the number contract (binary32.py); settled: float64,
but ties of the quantisers are settled as binary32 settles them. A file of ids is decimal numbers
between white space.
"""
import argparse
import json
import sys

import numpy as np

from binary32 import Binary32, Ties
from families import FAMILIES, rope
from tensors import LOW_BITS, WIDE, Grouped, Reader, dense
from tokenizer import Tokenizer

# --- the graph ---


def rms(x, weight, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight


ACTIVATIONS = {
    "relu2": lambda g: np.maximum(g, 0) ** 2,
    "silu": lambda g: g / (1 + np.exp(np.minimum(-g, 700))),  # e^700 is finite
}


class Model:
    def __init__(self, path, float_activations=False, exact_kv=False, group=None):
        """group: columns that share a scale of the activations, "row", or None: the family's."""
        self.gguf = gguf = Reader(path)
        self.float_activations, self.exact_kv, self.group = float_activations, exact_kv, group
        self.arch = gguf.keys["general.architecture"].decode()
        if self.arch not in FAMILIES:
            raise ValueError(f"{path}: architecture {self.arch}")
        self.family = FAMILIES[self.arch]
        self.activation = ACTIVATIONS[self.family.activation]
        self.layers = self.key("block_count")
        self.heads = self.key("attention.head_count")
        self.kv_heads = self.key("attention.head_count_kv", self.heads)
        self.eps = self.key("attention.layer_norm_rms_epsilon")
        self.embedding = dense(gguf, "token_embd.weight")
        self.head = self.load_head()
        self.output_norm = dense(gguf, "output_norm.weight")
        self.blocks = [self.load_block(i) for i in range(self.layers)]
        self.head_dim = self.key("attention.key_length", self.embedding.shape[1] // self.heads)
        half = self.key("rope.dimension_count", self.head_dim) // 2
        base = float(self.key("rope.freq_base", self.family.rope_base))
        scaling = lambda name, otherwise=None: self.key("rope.scaling." + name, otherwise)
        self.frequency, self.magnitude = rope(base ** (-np.arange(half) / half), base, scaling)
        self.pairs = self.family.pairs(half)
        if "rope_freqs.weight" in gguf.tensors:
            self.frequency /= dense(gguf, "rope_freqs.weight")
        self.ties = None

    def key(self, name, otherwise=None):
        value = self.gguf.keys.get(f"{self.arch}.{name}", otherwise)
        if value is None:
            raise ValueError(f"no key {self.arch}.{name}")
        return value

    def load_head(self):
        """A low-bit matrix, also one in a float type where the layers' are read so, is a product
        like the layers'; others are rows of floats."""
        name = "output.weight" if "output.weight" in self.gguf.tensors else "token_embd.weight"
        kind = self.gguf.tensors[name][0]
        if kind in LOW_BITS:
            return Grouped(self.gguf, name)
        if self.family.matrix is Grouped and kind in WIDE:
            try:
                return Grouped(self.gguf, name)
            except ValueError:
                pass
        return dense(self.gguf, name)

    def load_block(self, i):
        matrices = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
        norms = ("attn_norm", "ffn_norm") + self.family.norms
        block = {m: self.family.matrix(self.gguf, f"blk.{i}.{m}.weight") for m in matrices}
        block.update({n: dense(self.gguf, f"blk.{i}.{n}.weight") for n in norms})
        return block

    def settle(self, exact, own, distance):
        return self.ties.settle(exact, own, distance) if self.ties else own

    def parts(self, x, matrices):
        """x as groups that share a scale: the matrices' smallest; whole rows if they have none."""
        own = min(m.group or x.shape[-1] for m in matrices)
        group = x.shape[-1] if self.group == "row" else self.group or own
        return x.reshape(x.shape[:-1] + (-1, group))

    def linear(self, x, *matrices):
        if self.float_activations:
            return [m.plain(x) for m in matrices]
        x = self.parts(x, matrices)
        s = 127.0 / np.maximum(np.abs(x).max(axis=-1, keepdims=True), 1e-5)
        v = np.clip(x * s, -128, 127)
        a8 = self.settle(v, np.rint(v), np.ones_like(v))
        return [m.quantised(a8, s) for m in matrices]

    def angles(self, positions):
        angle = np.arange(positions)[:, None] * self.frequency
        return np.cos(angle) * self.magnitude, np.sin(angle) * self.magnitude

    def rotate(self, x):
        """x is sequence, position, head, dimension; dimensions that are in no pair stay."""
        c, s = (t[:, None, :] for t in self.angles(x.shape[1]))
        first, second = self.pairs
        a, b = x[..., first], x[..., second]
        y = x.copy()
        y[..., first], y[..., second] = a * c - b * s, a * s + b * c
        return y

    def cached(self, x):
        if self.exact_kv:
            return x
        half = x.astype(np.float16)
        distance = np.spacing(np.abs(half)).astype(np.float64)
        return self.settle(x, half.astype(np.float64), distance)

    def attention(self, q, k, v, w):
        n, t = q.shape[:2]
        split = lambda x, heads: x.reshape(n, t, heads, self.head_dim)
        q = self.norm(split(q, self.heads), w, "attn_q_norm")
        k = self.norm(split(k, self.kv_heads), w, "attn_k_norm")
        q = self.rotate(q).transpose(0, 2, 1, 3)
        k = self.cached(self.rotate(k)).transpose(0, 2, 3, 1)
        v = self.cached(split(v, self.kv_heads)).transpose(0, 2, 1, 3)
        future = np.triu(np.full((t, t), -np.inf), 1)
        out = np.empty(q.shape)
        for h in range(self.heads):
            group = h * self.kv_heads // self.heads
            x = q[:, h] @ k[:, group] / np.sqrt(self.head_dim) + future
            p = np.exp(x - x.max(axis=-1, keepdims=True))
            out[:, h] = (p / p.sum(axis=-1, keepdims=True)) @ v[:, group]
        return out.transpose(0, 2, 1, 3).reshape(n, t, -1)

    def norm(self, x, w, name):
        """x itself where the family has no such norm."""
        return rms(x, w[name], self.eps) if name in w else x

    def block(self, x, w):
        q, k, v = self.linear(self.norm(x, w, "attn_norm"), w["attn_q"], w["attn_k"], w["attn_v"])
        o = self.norm(self.attention(q, k, v, w), w, "attn_sub_norm")
        x = x + self.linear(o, w["attn_output"])[0]
        g, u = self.linear(self.norm(x, w, "ffn_norm"), w["ffn_gate"], w["ffn_up"])
        f = self.norm(self.activation(g) * u, w, "ffn_sub_norm")
        return x + self.linear(f, w["ffn_down"])[0]

    def states(self, ids):
        x = self.embedding[np.asarray(ids)]
        for w in self.blocks:
            x = self.block(x, w)
        return x

    def logits(self, ids, first=0):
        """ids: sequences x positions; logits of positions from first on."""
        x = rms(self.states(ids)[:, first:], self.output_norm, self.eps)
        return self.linear(x, self.head)[0] if isinstance(self.head, Grouped) else x @ self.head.T

    def settled_logits(self, ids, first=0):
        """The same, with ties as binary32 settles them."""
        contract = Binary32(self)
        contract.logits(ids, first) if isinstance(self.head, Grouped) else contract.states(ids)
        return self.logits_after(contract, ids, first)

    def logits_after(self, contract, ids, first=0):
        self.ties = Ties(contract.decisions)
        return self.logits(ids, first)


# --- what is asked of it ---


def perplexity(logits, ids, bos, context, batch=8):
    """llama.cpp's definition: the text's ids in consecutive chunks of `context`, an incomplete one
    left out; where the model has a BOS it replaces the first id of each (none is put before the
    text itself); ids context/2 + 1 .. context - 1 of each are scored. The error is the mean
    log-likelihood's standard error times the perplexity."""
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
    return {
        "perplexity": float(np.exp(mean)),
        "error": float(error),
        "chunks": len(chunks),
        "scored": n,
    }


def difference(own, other):
    """Largest difference in shares of the row's largest logit, and the margins where the best token
    differs."""
    relative = np.abs(own - other).max(axis=1) / np.abs(own).max(axis=1)
    ordered = np.sort(own, axis=1)
    margin = ordered[:, -1] - ordered[:, -2]
    return float(relative.max()), margin[own.argmax(axis=1) != other.argmax(axis=1)]


def compare(model, ids, path):
    """Holds the runtime's logits to binary32 (bits) and to float64 with ties settled (1e-3); shows
    float64 alone."""
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
    print(
        f"  float64: relative error {error:.2e}, other best token at {margins.size} of {len(ids)}"
        f" ({ties.settled} of {ties.all} quantised values were ties,"
        f" {ties.worst:.1e} past the middle at most)"
    )
    print(f"  float64, ties as they fall: {plain_error:.2e}, {plain_margins.size}", end="")
    print(f" with margins up to {plain_margins.max():.3f}" if plain_margins.size else "")
    return bits == 0 and error < 1e-3 and not (margins > 1e-4).any()


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
    parser.add_argument("--group", choices=["own", "128", "64", "32", "row"], default="own",
                        help="columns that share a scale of the activations (float64 alone)")
    parser.add_argument("--exact-kv", action="store_true")
    a = parser.parse_args()
    if a.group != "own" and (a.numbers != "float64" or a.command == "compare"):
        parser.error("--group is for logits and perplexity in float64")
    a.group = {"own": None, "row": "row"}[a.group] if a.group in ("own", "row") else int(a.group)
    return a


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
    model = Model(args.model, args.float_activations, args.exact_kv, args.group)
    ids = read_ids(args, model.gguf)
    run = {
        "float64": model.logits,
        "settled": model.settled_logits,
        "binary32": Binary32(model).logits,
    }[args.numbers]
    if args.command == "compare":
        return 0 if compare(model, ids, args.logits) else 1
    if args.command == "logits":
        write_rows(args.output, run([ids])[0])
    else:
        print(json.dumps(perplexity(run, ids, Tokenizer(model.gguf).bos, args.context)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
