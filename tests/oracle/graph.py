"""The graph of bitnet-b1.58, bitnet, llama and qwen3 in float64.

Matrices of floats that are no codes are multiplied by inputs that are not quantised, where the
family may have such and the first matrix of the first layer is one.

Activations are quantised to int8 as the format has it, K and V are rounded to f16 as the KV cache
does; either can be left out.
"""
import numpy as np

from binary32 import Binary32, Ties
from families import FAMILIES, rope
from tensors import Grouped, Reader, Rows, dense, grouped, is_dense, layer_matrix, scaled


def rms(x, weight, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight


ACTIVATIONS = {
    "relu2": lambda g: np.maximum(g, 0) ** 2,
    "silu": lambda g: g / (1 + np.exp(np.minimum(-g, 700))),  # e^700 is finite
}


class Model:
    def __init__(self, path, float_activations=False, exact_kv=False, group=None, layout="128"):
        """group: columns that share a scale of the activations, "row", or None: the family's;
        layout: of I2_S."""
        self.gguf = gguf = Reader(path)
        gguf.layout = layout
        self.float_activations, self.exact_kv, self.group = float_activations, exact_kv, group
        self.arch = gguf.keys["general.architecture"].decode()
        if self.arch not in FAMILIES:
            raise ValueError(f"{path}: architecture {self.arch}")
        self.family = FAMILIES[self.arch]
        self.activation = ACTIVATIONS[self.family.activation]
        self.read_own()
        first = "blk.0.attn_q.weight"
        self.dense = self.family.dense and is_dense(gguf, first, self.family.matrix)
        self.layers = self.trunk()
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

    def read_own(self):
        """What a family's own class needs before anything is loaded."""

    def trunk(self):
        """Layers that every token passes."""
        return self.key("block_count")

    def key(self, name, otherwise=None):
        value = self.gguf.keys.get(f"{self.arch}.{name}", otherwise)
        if value is None:
            raise ValueError(f"no key {self.arch}.{name}")
        return value

    def load_head(self):
        """A low-bit matrix, also one in a float type where the layers' are read so, is a product
        like the layers'; others are rows of floats."""
        name = "output.weight" if "output.weight" in self.gguf.tensors else "token_embd.weight"
        head = grouped(self.gguf, name) if self.family.matrix is Grouped else None
        return dense(self.gguf, name) if head is None else head

    def load_block(self, i):
        matrices = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
        norms = ("attn_norm", "ffn_norm") + self.family.norms
        block = {m: self.load_matrix(f"blk.{i}.{m}") for m in matrices}
        block.update({n: dense(self.gguf, f"blk.{i}.{n}.weight") for n in norms})
        return block

    def load_matrix(self, name):
        kind = Rows if self.dense else self.family.matrix
        matrix = layer_matrix(self.gguf, name + ".weight", kind)
        if name + ".scale" in self.gguf.tensors:
            matrix.factor = float(dense(self.gguf, name + ".scale")[0])
        return matrix

    def settle(self, exact, own, distance):
        return self.ties.settle(exact, own, distance) if self.ties else own

    def parts(self, x, matrices):
        """x as groups that share a scale: the matrices' smallest; whole rows if they have none."""
        own = min(m.group or x.shape[-1] for m in matrices)
        group = x.shape[-1] if self.group == "row" else self.group or own
        return x.reshape(x.shape[:-1] + (-1, group))

    def linear(self, x, *matrices):
        return [scaled(y, m) for y, m in zip(self.products(x, matrices), matrices)]

    def products(self, x, matrices):
        if self.float_activations or any(isinstance(m, Rows) for m in matrices):
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

    def embed(self, ids):
        return self.embedding[np.asarray(ids)]

    def states(self, ids):
        x = self.embed(ids)
        for w in self.blocks:
            x = self.block(x, w)
        return x

    def logits(self, ids, first=0):
        """ids: sequences x positions; logits of positions from first on."""
        x = rms(self.states(ids)[:, first:], self.output_norm, self.eps)
        return self.linear(x, self.head)[0] if isinstance(self.head, Grouped) else x @ self.head.T

    def contract(self):
        """The same by the number contract."""
        return Binary32(self)

    def settled_logits(self, ids, first=0):
        """The same, with ties as binary32 settles them."""
        contract = self.contract()
        contract.logits(ids, first) if isinstance(self.head, Grouped) else contract.states(ids)
        return self.logits_after(contract, ids, first)

    def logits_after(self, contract, ids, first=0):
        self.ties = Ties(contract.decisions)
        return self.logits(ids, first)
