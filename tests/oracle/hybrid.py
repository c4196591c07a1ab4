"""The graph of qwen35 in float64: gated delta layers with a state, gated attention layers, and
weights that may be rotated."""
import numpy as np

from graph import ACTIVATIONS, Model, rms
from hybrid32 import Hybrid32
from layers35 import Delta, Layers
from rotation import PREFIX, Rotation, transform
from tensors import LOW_BITS, Grouped, Reader, Rows, dense

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
    rotated = staticmethod(transform)

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
        """Floats are not looked at for groups: their inputs are not quantised."""
        return self.matrix(Grouped if self.gguf.tensors[name][0] in LOW_BITS else Rows, name)

    def load_head(self):
        name = "output.weight" if "output.weight" in self.gguf.tensors else "token_embd.weight"
        return self.as_stored(name)

    def load_block(self, i, recurrent=None):
        recurrent = self.recurrent(i) if recurrent is None else recurrent
        full = lambda part: f"blk.{i}.{part}.weight"
        norms = ("attn_norm", "post_attention_norm")
        norms += () if recurrent else self.family.norms
        names = MATRICES + (DELTA if recurrent else FULL)
        kind = Rows if self.float_activations else self.family.matrix
        block = {m: self.matrix(kind, full(m)) for m in names}
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


def open_model(path, *options):
    """The class that a file's architecture needs."""
    arch = Reader(path).keys["general.architecture"]
    return (Hybrid if arch == b"qwen35" else Model)(path, *options)
