"""What the layers of qwen35 do, in which order, on whatever numbers: float64 (hybrid.py) and the
number contract (hybrid32.py) have the operations. FORMATS-2.md, sections 3.2, 3.3 and 3.5."""
from collections import namedtuple

import numpy as np

from tensors import Rows

# k_heads, v_heads: heads of keys and of values; state: elements of either.
Delta = namedtuple("Delta", "k_heads v_heads state")


class Layers:
    """Beside what Model and Binary32 have: .delta_shape, .rotated (H of blocks) and the operations
    floats, conv, unit, gates, delta, gated_norm and gated."""

    def linear(self, x, *matrices):
        """One turn, and one quantisation, of the inputs of all that take them alike."""
        outputs = {}
        for turn in dict.fromkeys(m.turn for m in matrices):
            same = [m for m in matrices if m.turn is turn]
            inputs = turn.of(x, self.rotated) if turn else x
            low = [m for m in same if not isinstance(m, Rows)]
            outputs.update((m, self.floats(inputs, m)) for m in same if isinstance(m, Rows))
            if low:
                outputs.update(zip(low, super().linear(inputs, *low)))
        return [outputs[m] for m in matrices]

    def turned(self, x, matrices):
        """They were, where they are to be."""
        return x

    def block(self, x, w):
        mix = self.delta_net if "ssm_out" in w else self.full_attention
        x = x + mix(self.norm(x, w, "attn_norm"), w)
        g, u = self.linear(self.norm(x, w, "post_attention_norm"), w["ffn_gate"], w["ffn_up"])
        return x + self.linear(self.activation(g) * u, w["ffn_down"])[0]

    def full_attention(self, h, w):
        f, k, v = self.linear(h, w["attn_q"], w["attn_k"], w["attn_v"])
        heads = f.reshape(f.shape[:2] + (-1, 2, k.shape[-1] // self.kv_count))
        flat = lambda part: heads[..., part, :].reshape(f.shape[:2] + (-1,))
        o = self.attention(flat(0), k, v, w)
        return self.linear(self.gated(flat(1), o), w["attn_output"])[0]

    def delta_net(self, h, w):
        s = self.delta_shape
        m, z, a, b = self.linear(h, *(w[n] for n in ("attn_qkv", "attn_gate", "ssm_alpha",
                                                     "ssm_beta")))
        y = self.conv(m, w["ssm_conv1d"])
        split = lambda x: x.reshape(x.shape[:2] + (-1, s.state))
        q, k, v = np.split(split(y), [s.k_heads, 2 * s.k_heads], axis=2)
        tiled = np.arange(s.v_heads) % s.k_heads  # head j of v has head j % k_heads of q and k
        q, k = self.unit(q, s.state**-0.5)[:, :, tiled], self.unit(k, 1)[:, :, tiled]
        decay, beta = self.gates(a, b, w["ssm_a"], w["ssm_dt"])
        o = self.gated_norm(self.delta(q, k, v, decay, beta), split(z), w["ssm_norm"])
        return self.linear(o.reshape(o.shape[:2] + (-1,)), w["ssm_out"])[0]
