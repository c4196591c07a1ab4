#!/usr/bin/env python3
"""Holds the references to what must be true of them whatever the weights:

  self_check.py FOLDER       writes models there

Encodings equal FORMATS.md's formulas taken element by element; graphs that should be the same are.
"""
import sys
from importlib import import_module
from pathlib import Path

import numpy as np

import experts
from families import NORMS_IN
from graph import Model, visible
from rotation import transform
from tensors import Reader, Rows, dense, stored_trits

IDS = [i * i * 7 % 251 for i in range(30)]
FOLDER = Path(sys.argv[1])

# --- the formulas: code of element e of a row's, or a tensor's, bytes ---


def i2_s(buf, e):
    return buf[32 * (e // 128) + e % 32] >> 6 - 2 * (e % 128 // 32) & 3


def i2_s_64(buf, e):
    return buf[16 * (e // 64) + e % 16] >> 6 - 2 * (e % 64 // 16) & 3


def i2_s_rows4(buf, e, k=256):
    n = e // k
    return buf[n // 4 * k + e % k] >> 6 - 2 * (n % 4) & 3


def tq1_0(buf, e):
    at, e = 54 * (e // 256), e % 256
    if e < 160:
        i, q = e // 32, buf[at + e % 32]
    elif e < 240:
        i, q = (e - 160) // 16, buf[at + 32 + (e - 160) % 16]
    else:
        i, q = (e - 240) // 4, buf[at + 48 + (e - 240) % 4]
    return (q * 3**i % 256) * 3 >> 8


def tq2_0(buf, e):
    at, e = 66 * (e // 256), e % 256
    return buf[at + e // 128 * 32 + e % 32] >> 2 * (e % 128 // 32) & 3


def in_rows(head, size, code):
    """Rows of 256 columns: a scale, then blocks of 64."""
    def element(buf, e):
        at = e // 256 * (head + 4 * size) + head + e % 256 // 64 * size
        return code(buf[at : at + size], e % 64)
    return element


def iq2_bn(block, e):
    return block[e % 16] >> 2 * (e // 16) & 3


def iq1_bn(block, e):
    b, e = e // 16, e % 16
    byte, j = (block[3 * b + e // 5], e % 5) if e < 15 else (block[12], b)
    v = byte * (81, 27, 9, 3, 1)[j] % 256
    return v + (v >> 1) >> 7


def iq2_bn_r4(buf, e, k=256):
    n, column = e // k, e % k
    at = n // 4 * (16 + k) + 16 + column // 64 * 64
    l, j, i = column % 64 // 16, column % 16 // 4, column % 4
    return buf[at + 16 * l + 4 * (n % 4) + i] >> 2 * j & 3


FORMULAS = {
    "i2_s": i2_s, "i2_s_64": i2_s_64, "i2_s_rows4": i2_s_rows4, "tq1_0": tq1_0, "tq2_0": tq2_0,
    "iq1_bn": in_rows(2, 13, iq1_bn), "iq2_bn": in_rows(4, 16, iq2_bn), "iq2_bn_r4": iq2_bn_r4,
}


def write(script, words, name="model"):
    path = str(FOLDER / name)
    sys.argv[1:] = [*words.split(), "-o", path]
    import_module("write_" + script).main()
    return path


def encodings():
    first = None
    for name, formula in FORMULAS.items():
        gguf = Reader(write("llama", f"--shape 256x256x1x4x2 --seed 7 --type {name}"))
        gguf.layout = name[5:] or "128" if name.startswith("i2_s") else "128"
        names = [n for n in gguf.tensors if gguf.tensors[n][0] not in (0, 1)]
        weights = [dense(gguf, n) for n in names]
        first = first or weights
        assert all(np.array_equal(a, b) for a, b in zip(first, weights)), name
        trits, _ = stored_trits(gguf, names[1])
        raw = bytes(gguf.data[gguf.tensors[names[1]][2] :])
        wanted = [formula(raw, e) - 1 for e in range(8 * 256)]
        assert trits.ravel()[: 8 * 256].tolist() == wanted, name


# --- graphs ---


def logits(model):
    return model.logits([IDS])[0]


def same(a, b, what, within=0.0):
    error = np.abs(a - b).max() / np.abs(a).max()
    print(f"  {what}: {error:.1e}")
    assert error <= within, what


def other(a, b, what):
    """That it does change something."""
    assert np.abs(a - b).max() > 1e-3 * np.abs(a).max(), what


def windows():
    p = visible(30, 7)
    assert all(p[i].nonzero()[0].tolist() == list(range(max(0, i - 6), i + 1)) for i in range(30))
    shape = "--shape 256x256x7x4x2 --embedding 0.06 --base 10000"
    long = logits(Model(write("gemma3", shape + " --window 300")))
    plain = Model(write("gemma3", shape))
    same(long, logits(plain), "gemma3: windows longer than the text, one base")
    other(long, logits(Model(write("gemma3", shape + " --window 12"))), "windows")
    other(long, logits(Model(write("gemma3", shape + " --window 300 --local-base 100"))), "bases")
    model = Model(write("maple", "--shape 256x256x4x4x2 --window 30"))
    a = logits(model)
    for w in model.blocks:
        w["window"] = None  # its rotations stay
    same(a, logits(model), "maple: a window as long as the text")


def alike():
    model = Model(write("maple", "--shape 256x256x3x4x2 --alike --used 3 --clamp 0 --type tq1_0 "
                        "--window 9"))
    a = logits(model)
    for w in model.blocks:
        w["used"] = 1
    same(a, logits(model), "maple: one of experts that are alike", 1e-13)
    for w in model.blocks:
        for name in ("ffn_gate", "ffn_up"):
            w[name] = experts.separate(w[name + "_exps"], 8)[0]
        w["ffn_down"] = w["ffn_down_exps"][0]
        del w["ffn_gate_inp"]
    same(a, logits(model), "maple: experts that are alike, as a dense layer", 1e-13)


def shares():
    """Of all experts: softmax as it is; limits of the gate and of up."""
    model = Model(write("maple", "--shape 256x256x2x4x2 --experts 4 --used 4 --clamp 0.5 --gate 4"),
                  float_activations=True)
    w = model.blocks[1]
    h = np.random.default_rng(3).normal(size=(1, 5, 256))
    p = np.exp(h[0] @ w["ffn_gate_inp"].rows.T)
    y = np.zeros((5, 256))
    for e, down in enumerate(w["ffn_down_exps"]):
        g, u = (experts.separate(w[name], 4)[e].plain(h[0])
                for name in ("ffn_gate_exps", "ffn_up_exps"))
        g, u = np.minimum(g, 0.5), np.maximum(np.minimum(u, 0.5), -0.5)
        y += (p[:, e] / p.sum(axis=1))[:, None] * down.plain(g / (1 + np.exp(-g)) * u)
    same(y, model.experts(h, w)[0], "maple: all experts by hand", 1e-13)


def factors():
    model = Model(write("bitnet", "--shape 400x1080x2x4x4 --factors"))
    a = logits(model)
    matrices = [m for w in model.blocks for m in w.values() if hasattr(m, "factor")]
    assert len(matrices) == 14 and all(m.factor for m in matrices)
    for m in matrices:
        m.d, m.factor = m.d * m.factor, 1.0
    b = logits(model)
    same(a, b, "bitnet: factors as scales", 1e-12)
    for m in matrices:
        m.factor = None
    same(b, logits(model), "bitnet: factors of 1")


def turned(model, rotated):
    """A model with the rotations of its columns taken back, as floats."""
    for w in model.blocks:
        for m in (m for m in w.values() if getattr(m, "turn", None)):
            plain = m.plain(m.turn.of(np.eye(len(m.columns)), rotated))
            m.plain, m.turn = (lambda x, plain=plain: x @ plain), None
    return model


def rotations():
    shape = "--shape 256x384x2x4x2 --hadamard "
    for arch, words in (("bitnet", "--squared --type i2_s"), ("qwen3", "--type q2_0"),
                        ("qwen3", "--type q2_0 --identity"), ("bitnet", "--squared --turned .*")):
        path = write(arch, f"{shape} 64 {words}")
        model = Model(path, float_activations=True)
        assert sum(hasattr(m, "turn") and m.turn is not None
                   for m in model.blocks[1].values()) == (7 if ".*" in words else 2)
        a = logits(model)
        same(a, logits(turned(model, transform)), f"{arch} {words}: as plain columns", 1e-12)
        wrong = turned(Model(path, float_activations=True), lambda x, _: transform(x, 32))
        other(a, logits(wrong), "blocks")


def bits():
    """Of sixteen values sqrt(7) deviations wide; the head's have eight bits."""
    words = "--shape 256x384x2x4x2 --type ptq1_0"
    model, plain = (Model(write("qwen3", words + more)) for more in (" --activation-bits 4", ""))
    x = np.random.default_rng(4).normal(size=(1, 3, 2, 128))
    low, high, s = model.limits(np.abs(x), model.blocks[0]["attn_q"])
    same(s[..., 0], 7**0.5 / np.abs(x).mean(axis=-1), "int4: the mean's scale")
    assert (low, high) == (-8, 7)
    same(model.limits(np.abs(x), model.head)[2], plain.limits(np.abs(x), None)[2], "the head's")
    other(logits(model), logits(plain), "bits")
    same(logits(Model(write("qwen3", words + " --activation-bits 8"))), logits(plain), "eight bits")


def norms_in():
    """Ones after ones: a norm of a norm is that norm; the others are sub-norms."""
    for words in ("", "--qwen3 --type f16"):
        model = Model(write("gemma3", "--shape 256x384x3x4x2 --norms-in --eps 1e-30 " + words),
                      float_activations=True)
        assert all(name in w for w in model.blocks for name in NORMS_IN)
        a = logits(model)
        for w in model.blocks:
            for name in ("attn_norm", "ffn_norm") + NORMS_IN:
                w[name] = np.ones_like(w[name])
        b = logits(model)
        other(a, b, "norms in")
        for w in model.blocks:
            w["attn_sub_norm"], w["ffn_sub_norm"] = np.ones(256), np.ones(384)
            for name in NORMS_IN:
                del w[name]
        same(b, logits(model), "norms of ones before matrices " + words, 1e-12)


def floats():
    for arch in ("llama", "qwen3"):
        rows = []
        for kind in ("f32", "f16", "bf16", "q8_0", "mixed"):
            model = Model(write("dense", f"{arch} --shape 128x160x2x4x2 --type {kind}"))
            assert isinstance(model.blocks[0]["attn_q"], Rows)
            rows.append(logits(model))
        for row in rows[1:]:
            same(rows[0], row, f"{arch}: floats of every type")


def scales():
    """Groups of zeros have any scale; a row's scales that differ make groups of 128."""
    shape = "--shape 256x512x1x4x2 --type tq2_0 "
    groups = lambda words: [m.group for m in Model(write("llama", shape + words)).blocks[0].values()
                            if hasattr(m, "group")]
    assert set(groups("--scales rows --empty 0.2")) == {None}
    assert set(groups("--scales 256 --where ffn_down")) == {None, 128}
    assert groups("--scales 256 --where ffn_down")[-1] == 128  # rows of two blocks; others: one


def embeddings():
    model = Model(write("gemma3", "--shape 256x256x2x4x2 --norms-in --window 12"))
    row = model.embedding_of(IDS[:20])
    whole = model.normed([IDS])[0, 19]
    assert abs((row**2).sum() - 1) < 1e-12
    same(row, whole / np.sqrt((whole**2).sum()), "an embedding is its last token's state", 1e-12)


def main():
    for check in (encodings, windows, alike, shares, factors, rotations, bits, norms_in, floats,
                  scales, embeddings):
        check()


if __name__ == "__main__":
    main()
