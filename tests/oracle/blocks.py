"""What a layer of attention and feed-forward does, in which order, on whatever numbers: float64
(graph.py) and the number contract (binary32.py) have the operations norm, linear, attention,
activation, residual and those of experts.py."""
import numpy as np


class Blocks:
    def block(self, x, w):
        """Norms, and experts, that a family has not are not in w."""
        q, k, v = self.parts_of(self.norm(x, w, "attn_norm"), w, "attn_q", "attn_k", "attn_v")
        o = self.norm(self.attention(q, k, v, w), w, "attn_sub_norm")
        o, = self.parts_of(o, w, "attn_output")
        x = x + self.norm(o, w, "post_attention_norm")
        h = self.norm(x, w, "ffn_norm")
        f = self.experts(h, w) if "ffn_gate_inp" in w else self.feed_forward(h, w)
        return x + self.norm(f, w, "post_ffw_norm")

    def parts_of(self, x, w, *names):
        """Products of the same inputs, each with a norm of its own before it where it has one."""
        if not any(name + "_norm_in" in w for name in names):
            return self.linear(x, *(w[name] for name in names))
        return [self.linear(self.norm(x, w, name + "_norm_in"), w[name])[0] for name in names]

    def turned(self, x, matrices):
        """Inputs as the columns of matrices are that take the same ones."""
        turn, = {getattr(m, "turn", None) for m in matrices}
        return turn.of(x, self.rotated) if turn else x

    def feed_forward(self, h, w):
        g, u = self.parts_of(h, w, "ffn_gate", "ffn_up")
        f = self.norm(self.activation(g) * u, w, "ffn_sub_norm")
        return self.parts_of(f, w, "ffn_down")[0]

    def states(self, ids):
        x = self.embed(ids)
        for w in self.all_blocks():
            x = self.block(x, w)
        return x

    def embedding_of(self, ids):
        """Of one text: its last token's state, of length 1."""
        x = self.normed([ids], len(ids) - 1)[0, 0].astype(np.float64)
        return x / np.sqrt((x * x).sum())
