"""The graph of bitnet-b1.58, bitnet, llama, qwen3, gemma3 and maple in float64.

Matrices of floats that are no codes are multiplied by inputs that are not quantised, where the
family may have such and the first matrix of the first layer is one.

Activations are quantised to int8, or int4, as the file has it, K and V are rounded to f16 as the
KV cache does; either can be left out.
"""
import numpy as np

import experts
from binary32 import Binary32, Ties
from blocks import Blocks
from families import FAMILIES, NORMS_IN, rope
from rotation import PREFIX, Rotation, transform
from tensors import Grouped, Reader, Rows, dense, grouped, is_dense, layer_matrix, scaled


def rms(x, weight, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight


ACTIVATIONS = {
    "relu2": lambda g: np.maximum(g, 0) ** 2,
    "silu": lambda g: g / (1 + np.exp(np.minimum(-g, 700))),  # e^700 is finite
    "gelu": lambda g: g / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (g + 0.044715 * g**3))),
}


def visible(positions, window):
    """Whether a query (row) sees a key; with a window only the last positions."""
    distance = np.arange(positions)[:, None] - np.arange(positions)
    return (distance >= 0) & (distance < (window or positions))


class Model(experts.Experts, Blocks):
    rotated = staticmethod(transform)

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
        self.int4 = gguf.keys.get("tritmill.activation_bits", 8) == 4
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
        self.head_dim = self.key("attention.key_length", self.embedding.shape[1] // self.heads)
        self.read_turns()
        self.blocks = [self.load_block(i) for i in range(self.layers)]
        self.ties = None

    def read_own(self):
        """What is needed before anything is loaded."""
        keys = self.gguf.keys
        self.rotation = Rotation(keys) if PREFIX + "version" in keys else None
        if self.rotation and (self.rotation.inverse or "output.weight" in self.rotation.names):
            raise ValueError("only the layers' weights may be rotated here")

    def trunk(self):
        """Layers that every token passes."""
        return self.key("block_count")

    def read_turns(self):
        """Frequencies of rope's pairs, and the factor of cos and sin."""
        half = self.key("rope.dimension_count", self.head_dim) // 2
        base = float(self.key("rope.freq_base", self.family.rope_base))
        scaling = lambda name, otherwise=None: self.key("rope.scaling." + name, otherwise)
        exponents = -np.arange(half) / half
        self.pairs = self.family.pairs(half)
        self.turn = frequency, _ = rope(base**exponents, base, scaling)
        if "rope_freqs.weight" in self.gguf.tensors:
            frequency /= dense(self.gguf, "rope_freqs.weight")
        other = 10000.0 if self.arch == "gemma3" else base
        self.local_turn = float(self.key("rope.freq_base_swa", other)) ** exponents, 1.0

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
        matrices = ("attn_q", "attn_k", "attn_v", "attn_output")
        if self.arch != "maple":
            matrices += ("ffn_gate", "ffn_up", "ffn_down")
        norms = ("attn_norm", "ffn_norm") + self.family.norms
        block = {m: self.load_matrix(f"blk.{i}.{m}") for m in matrices}
        block.update(self.load_experts(i) if self.arch == "maple" else {})
        norms += tuple(n for n in NORMS_IN if f"blk.{i}.{n}.weight" in self.gguf.tensors)
        block.update({n: dense(self.gguf, f"blk.{i}.{n}.weight") for n in norms})
        block["window"] = self.window(i)
        block["turn"] = self.turn
        if self.arch in ("gemma3", "maple"):
            others = None if self.arch == "maple" else self.turn
            block["turn"] = self.local_turn if block["window"] else others
        return block

    def load_experts(self, i):
        count, name = self.key("expert_count"), lambda part: f"blk.{i}.ffn_{part}.weight"
        parts = {"ffn_gate_inp": Rows(self.gguf, name("gate_inp"))}
        for part in ("gate_exps", "up_exps", "down_exps"):
            parts["ffn_" + part] = experts.load(self.gguf, name(part), self.family.matrix)
        parts["ffn_down_exps"] = experts.separate(parts["ffn_down_exps"], count)
        parts["used"] = self.key("expert_used_count")
        limits = self.key("swiglu_clamp_exp", 7.0)
        parts["clamp"] = limits[i] if isinstance(limits, list) else limits
        return parts

    def window(self, i):
        """Positions that layer i sees; None: all."""
        if self.arch not in ("gemma3", "maple"):
            return None
        pattern = self.key("attention.sliding_window_pattern", 6)
        local = pattern[i] if isinstance(pattern, list) else (i + 1) % pattern != 0
        return self.key("attention.sliding_window", 0) or None if local else None

    def load_matrix(self, name):
        kind = Rows if self.dense else self.family.matrix
        matrix = layer_matrix(self.gguf, name + ".weight", kind)
        if name + ".scale" in self.gguf.tensors:
            matrix.factor = float(dense(self.gguf, name + ".scale")[0])
        if self.rotation:
            name += ".weight"
            matrix.turn = self.rotation.turn(name, self.gguf.tensors[name][1][1])
        return matrix

    def settle(self, exact, own, distance):
        return self.ties.settle(exact, own, distance) if self.ties else own

    def parts(self, x, matrices):
        """x as groups that share a scale: the matrices' smallest; whole rows if they have none."""
        own = min(m.group or x.shape[-1] for m in matrices)
        group = x.shape[-1] if self.group == "row" else self.group or own
        return x.reshape(x.shape[:-1] + (-1, group))

    def linear(self, x, *matrices):
        x = self.turned(x, matrices)
        return [scaled(y, m) for y, m in zip(self.products(x, matrices), matrices)]

    def products(self, x, matrices):
        if self.float_activations or any(isinstance(m, Rows) for m in matrices):
            return [m.plain(x) for m in matrices]
        x = self.parts(x, matrices)
        low, high, s = self.limits(np.abs(x), matrices[0])
        v = np.clip(x * s, low, high)
        a8 = self.settle(v, np.rint(v), np.ones_like(v))
        return [m.quantised(a8, s) for m in matrices]

    def limits(self, size, matrix):
        """Of a quantiser's integers; scales of inputs of that size."""
        if self.int4 and matrix is not self.head:
            return -8, 7, np.sqrt(7) / np.maximum(size.mean(axis=-1, keepdims=True), 1e-5)
        return -128, 127, 127.0 / np.maximum(size.max(axis=-1, keepdims=True), 1e-5)

    @staticmethod
    def angles(positions, turn):
        frequency, magnitude = turn
        angle = np.arange(positions)[:, None] * frequency
        return np.cos(angle) * magnitude, np.sin(angle) * magnitude

    def rotate(self, x, turn):
        """x is sequence, position, head, dimension; dimensions that are in no pair stay, and all
        without a turn."""
        if turn is None:
            return x
        c, s = (t[:, None, :] for t in self.angles(x.shape[1], turn))
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
        turn = w.get("turn", self.turn)
        q = self.rotate(q, turn).transpose(0, 2, 1, 3)
        k = self.cached(self.rotate(k, turn)).transpose(0, 2, 3, 1)
        v = self.cached(split(v, self.kv_heads)).transpose(0, 2, 1, 3)
        unseen = np.where(visible(t, w.get("window")), 0, -np.inf)
        out = np.empty(q.shape)
        for h in range(self.heads):
            group = h * self.kv_heads // self.heads
            x = q[:, h] @ k[:, group] / np.sqrt(self.head_dim) + unseen
            p = np.exp(x - x.max(axis=-1, keepdims=True))
            out[:, h] = (p / p.sum(axis=-1, keepdims=True)) @ v[:, group]
        return out.transpose(0, 2, 1, 3).reshape(n, t, -1)

    def norm(self, x, w, name):
        """x itself where the family has no such norm."""
        return rms(x, w[name], self.eps) if name in w else x

    def choose(self, logits, own):
        """Experts, the likeliest first."""
        return self.ties.chosen(logits, own) if self.ties else own

    def weigh(self, chosen, logits):
        """Shares of the chosen experts, whose logits stand among all."""
        p = np.exp(chosen - chosen.max(axis=-1, keepdims=True))
        return p / p.sum(axis=-1, keepdims=True)

    def embed(self, ids):
        x = self.embedding[np.asarray(ids)]
        return x * np.sqrt(x.shape[-1]) if self.family.scaled else x

    def all_blocks(self):
        return self.blocks

    def normed(self, ids, first=0):
        return rms(self.states(ids)[:, first:], self.output_norm, self.eps)

    def logits(self, ids, first=0):
        """ids: sequences x positions; logits of positions from first on."""
        x = self.normed(ids, first)
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
