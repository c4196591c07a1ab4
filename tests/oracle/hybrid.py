"""The graph of qwen35 in float64: gated delta layers with a state, gated attention layers, and
weights that may be rotated."""
import numpy as np

from graph import ACTIVATIONS, Model, rms
from hybrid32 import Hybrid32
from layers35 import Delta, Layers
from rotation import PREFIX, Rotation
from tensors import Grouped, Reader, Rows, dense, grouped

silu = ACTIVATIONS["silu"]
MATRICES = ("ffn_gate", "ffn_up", "ffn_down")
DELTA = ("attn_qkv", "attn_gate", "ssm_out")
FULL = ("attn_q", "attn_k", "attn_v", "attn_output")
FLOATS = {"ssm_conv1d": "ssm_conv1d.weight", "ssm_a": "ssm_a", "ssm_dt": "ssm_dt.bias",
          "ssm_norm": "ssm_norm.weight"}


def sigmoid(x):
    return 1 / (1 + np.exp(np.minimum(-x, 700)))  # e^700 is finite


def softplus(x):
    return np.where(x > 20, x, np.log1p(np.exp(np.minimum(x, 20))))


class Hybrid(Layers, Model):
    def read_own(self):
        part = lambda name: self.key("ssm." + name)
        s = Delta(part("group_count"), part("time_step_rank"), part("state_size"))
        if s.v_heads % s.k_heads or s.v_heads * s.state != part("inner_size"):
            raise ValueError("heads of the delta layers that do not fit")
        keys = self.gguf.keys
        self.delta_shape = s
        self.rotation = Rotation(keys, *s) if PREFIX + "version" in keys else None
        self.drafting = self.key("nextn_predict_layers", 0)
        self.kv_count = self.key("attention.head_count_kv")

    def trunk(self):
        return self.key("block_count") - self.drafting

    def recurrent(self, i):
        flags = self.gguf.keys.get(self.arch + ".attention.recurrent_layers")
        if flags:
            return bool(flags[i])
        return (i + 1) % self.key("full_attention_interval", 4) != 0

    # --- weights ---

    def matrix(self, kind, name):
        m = kind(self.gguf, name)
        width = self.gguf.tensors[name][1][1]
        m.turn = self.rotation.turn(name, width) if self.rotation else None
        return m

    def as_stored(self, name):
        """Floats that are no codes: their inputs are not quantised."""
        low = not self.float_activations and grouped(self.gguf, name) is not None
        return self.matrix(Grouped if low else Rows, name)

    def load_head(self):
        name = "output.weight" if "output.weight" in self.gguf.tensors else "token_embd.weight"
        return self.as_stored(name)

    def product(self, name):
        return self.matrix(Rows if self.float_activations else self.family.matrix, name)

    def load_block(self, i):
        return self.load_layer(i, self.recurrent(i), self.product)

    def load_layer(self, i, recurrent, load):
        """load: of the name of a matrix."""
        full = lambda part: f"blk.{i}.{part}.weight"
        norms = ("attn_norm", "post_attention_norm")
        norms += () if recurrent else self.family.norms
        names = MATRICES + (DELTA if recurrent else FULL)
        block = {m: load(full(m)) for m in names}
        block.update({n: dense(self.gguf, full(n)) for n in norms})
        if recurrent:
            block.update({m: self.as_stored(full(m)) for m in ("ssm_alpha", "ssm_beta")})
            block.update({n: dense(self.gguf, f"blk.{i}.{at}") for n, at in FLOATS.items()})
        return block

    # --- operations ---

    def embed(self, ids):
        rows = super().embed(ids)
        turn = self.embedding_turn()
        return turn.back(rows) if turn else rows

    def embedding_turn(self):
        name = "token_embd.weight"
        return self.rotation.lookup(name, self.embedding.shape[1]) if self.rotation else None

    def floats(self, x, m):
        return m.plain(x)

    def conv(self, x, w):
        """w: channels x taps."""
        taps = w.shape[1]
        before = np.zeros((x.shape[0], x.shape[1] + taps - 1, x.shape[2]))
        before[:, taps - 1 :] = x
        return silu(sum(before[:, j : j + x.shape[1]] * w[:, j] for j in range(taps)))

    def unit(self, x, scale):
        return x / np.sqrt((x * x).sum(axis=-1, keepdims=True) + 1e-6) * scale

    def gates(self, a, b, slope, bias):
        return np.exp(slope * softplus(a + bias)), sigmoid(b)

    def delta(self, q, k, v, decay, beta):
        """All but the gates are sequence, token, head, element."""
        state, out = np.zeros(v[:, 0].shape + (v.shape[-1],)), np.empty(v.shape)
        for t in range(v.shape[1]):
            key = k[:, t, :, :, None]
            state *= decay[:, t, :, None, None]
            seen = (state * key).sum(axis=-2)
            state += key * (beta[:, t, :, None] * (v[:, t] - seen))[..., None, :]
            out[:, t] = (state * q[:, t, :, :, None]).sum(axis=-2)
        return out

    def gated_norm(self, x, z, weight):
        return rms(x, weight, self.eps) * silu(z)

    def gated(self, gate, x):
        return x * sigmoid(gate)

    # --- results ---

    def contract(self):
        return Hybrid32(self)

    def normed(self, ids):
        return rms(self.states(ids), self.output_norm, self.eps)

    def logits(self, ids, first=0):
        return self.linear(self.normed(ids)[:, first:], self.head)[0]

    def predictor(self):
        """The block of multi-token prediction, or None."""
        return Predictor(self) if self.drafting else None


class Predictor:
    """FORMATS-2.md, section 3.6: a layer of full attention that drafts the token after the next.
    Floats stay floats: what it computes never changes an answer, so no contract holds it."""

    def __init__(self, model):
        self.model = model
        at = f"blk.{model.layers}.nextn."
        own = lambda name: at + name + ".weight" in model.gguf.tensors
        part = lambda name: at + name + ".weight"
        self.layer = model.load_layer(model.layers, False, model.as_stored)
        self.joined = model.as_stored(part("eh_proj"))
        self.norms = [dense(model.gguf, part(name)) for name in ("enorm", "hnorm")]
        self.last = (dense(model.gguf, part("shared_head_norm")) if own("shared_head_norm")
                     else model.output_norm)
        self.head = (model.as_stored(part("shared_head_head")) if own("shared_head_head")
                     else model.head)
        self.rows = dense(model.gguf, part("embed_tokens")) if own("embed_tokens") else None

    def embed(self, ids):
        return self.model.embed(ids) if self.rows is None else self.rows[np.asarray(ids)]

    def inputs(self, ids, states):
        """Of the layer: tokens, and the states that chose them."""
        pairs = zip((self.embed(ids), states), self.norms)
        both = [rms(x, weight, self.model.eps) for x, weight in pairs]
        return self.model.linear(np.concatenate(both, axis=-1), self.joined)[0]

    def run(self, inputs):
        """States after the layer, normed: from the first position that it has seen."""
        return rms(self.model.block(inputs[None], self.layer), self.last, self.model.eps)[0]

    def drafts(self, ids, depth=1):
        """For each of the tokens from the second on: `depth` rows of logits, of what follows it,
        each by the likeliest token of the row before."""
        first = self.inputs(ids[1:], self.model.normed([ids])[0, :-1])
        states = self.run(first)
        rows = [self.model.linear(states[None], self.head)[0][0]]
        chains = [(first[: p + 1], state) for p, state in enumerate(states)]
        for _ in range(1, depth):
            chosen = rows[-1].argmax(axis=-1)
            chains = [self.extend(*chain, token) for chain, token in zip(chains, chosen)]
            last = np.array([state for _, state in chains])
            rows.append(self.model.linear(last[None], self.head)[0][0])
        return np.stack(rows, axis=1)

    def extend(self, inputs, state, token):
        longer = np.concatenate([inputs, self.inputs([token], state[None])])
        return longer, self.run(longer)[-1]


def open_model(path, *options):
    """The class that a file's architecture needs."""
    arch = Reader(path).keys["general.architecture"]
    return (Hybrid if arch == b"qwen35" else Model)(path, *options)
