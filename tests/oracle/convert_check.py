#!/usr/bin/env python3
"""Holds what `tritmill convert` writes to the formats' description (FORMATS.md sections 3 to 6,
FORMATS-2.md section 1) as the readers here and in tensors.py have it:

  convert_check.py TRITMILL FOLDER       writes little files there

Values of every kind, in every type that holds them and back; what a type does not hold is refused
by its first row and group.
"""
import subprocess
import sys
from pathlib import Path

import numpy as np

from gguf_write import F32, STRING, U32, write_gguf
from tensors import Reader, dense
from trits_write import TRITS as STORED

F16, Q8_0, Q6_K, BF16, TQ1_0, TQ2_0, I2_S, Q1_0, Q2_0, PQ2_0, PTQ1_0 = \
    1, 8, 14, 30, 34, 35, 36, 41, 42, 142, 143
# --type -> GGML type, general.file_type, columns of a scale
TYPES = {"i2_s": (I2_S, 40, 128), "tq1_0": (TQ1_0, 36, 256), "tq2_0": (TQ2_0, 37, 256),
         "q2_0": (Q2_0, 41, 64), "pq2_0": (PQ2_0, 141, 128), "ptq1_0": (PTQ1_0, 142, 128),
         "q1_0": (Q1_0, 40, 128), "f16": (F16, 1, 1), "f32": (F32, 0, 1)}
SHAPES = {"blk.0.attn_q.weight": (7, 512), "blk.0.ffn_down.weight": (64, 768)}
DRAWS = np.random.default_rng(int(sys.argv[3]) if len(sys.argv) > 3 else 1)


# --- decoders that tensors.py may lack ---


def tq1_0(raw):
    """54 bytes: digit i of qs[m] is element i * 32 + m, of qs[32 + m] 160 + i * 16 + m, of qh[j]
    240 + i * 4 + j."""
    codes = np.zeros((len(raw), 256), int)
    for first, count, base, digits in ((0, 32, 0, 5), (32, 16, 160, 5), (48, 4, 240, 4)):
        for i in range(digits):
            t = raw[:, first : first + count].astype(int) * 3**i & 255
            codes[:, base + i * count : base + (i + 1) * count] = t * 3 >> 8
    return codes - 1, raw[:, 52:54]


def tq2_0(raw):
    codes = np.zeros((len(raw), 256), int)
    for j in (0, 32):
        for i in range(4):
            at = j * 4 + i * 32
            codes[:, at : at + 32] = raw[:, j : j + 32] >> 2 * i & 3
    return codes - 1, raw[:, 64:66]


def i2_s(gguf, shape, offset):
    """Code e in byte 32 * (e / 128) + e % 32, from the highest bits down; then the scale."""
    n = int(np.prod(shape))
    raw = gguf.bytes_at(offset, n // 4 + 32)
    e = np.arange(n)
    codes = raw[32 * (e // 128) + e % 32] >> 6 - 2 * (e % 128 // 32) & 3
    d = raw[n // 4 : n // 4 + 4].view("<f4").astype(np.float64)
    assert codes.max() < 3 and not raw[n // 4 + 4 :].any()
    return ((codes.astype(int) - 1) * d).reshape(shape)


def values(gguf, name):
    kind, shape, offset = gguf.tensors[name]
    if kind == I2_S:
        return i2_s(gguf, shape, offset)
    if kind not in (TQ1_0, TQ2_0):
        return dense(gguf, name)
    size, decode = {TQ1_0: (54, tq1_0), TQ2_0: (66, tq2_0)}[kind]
    raw = gguf.bytes_at(offset, int(np.prod(shape)) // 256 * size).reshape(-1, size)
    codes, d = decode(raw)
    d = np.ascontiguousarray(d).view("<f2").astype(np.float64)
    return (codes * d).reshape(shape)


# --- random values ---


def scales(shape, columns, halves):
    count = shape[0] * shape[1] // columns
    d = DRAWS.uniform(0.01, 2, count).astype("<f2" if halves else "<f4").astype(np.float32)
    return np.repeat(d, columns).reshape(shape)


def groups(columns, codes=(-1, 0, 1), halves=True, empty=0.2):
    """Codes times a scale for each so many columns (0: one, None: each row); some groups, and the
    second row, are zeros."""
    def draw(shape):
        width = shape[1] if columns is None else columns
        d = np.full(shape, scales((1, 1), 1, halves)) if columns == 0 else \
            scales(shape, width, halves)
        w = DRAWS.choice(codes, shape).astype(np.float32)
        parts = w.reshape(-1, width or shape[1])
        if 2 in codes:  # 2d beside d
            parts[:, :2] = 1, 2
        parts[DRAWS.random(len(parts)) < empty] = 0
        w[1] = 0
        return w * d
    return draw


# values -> how they are drawn, the types that hold them besides f32, what auto takes
TRITS = {"tq1_0", "tq2_0", "q2_0", "pq2_0", "ptq1_0", "f16"}
KINDS = {
    "one scale": (groups(0), TRITS | {"i2_s"}, "i2_s"),
    "one scale of f32": (groups(0, halves=False), {"i2_s"}, "i2_s"),
    "rows": (groups(None), TRITS, "tq1_0"),
    "rows of f32": (groups(None, halves=False), set(), None),
    "256": (groups(256), TRITS, "tq1_0"),
    "128": (groups(128), TRITS - {"tq1_0", "tq2_0"}, "ptq1_0"),
    "64": (groups(64), {"q2_0", "f16"}, "q2_0"),
    "twos of 128": (groups(128, (-1, 0, 1, 2)), {"q2_0", "pq2_0", "f16"}, "pq2_0"),
    "twos of 64": (groups(64, (-1, 0, 1, 2)), {"q2_0", "f16"}, "q2_0"),
    "signs": (groups(128, (-1, 1)), {"q1_0", "q2_0", "pq2_0", "ptq1_0", "f16"}, "q1_0"),
}


# --- files ---


def write(path, matrices, embedding, embedding_type=F32, arch="made"):
    keys = [("general.architecture", STRING, arch), ("general.file_type", U32, 0),
            ("made.list", STRING, ["a", "", "bcd"]), ("made.numbers", U32, [3, 1, 2]),
            ("general.quantization_version", U32, 1), ("prism.hadamard.block", U32, 7),
            ("tritmill.activation_bits", U32, 4)]
    forms = {F32: lambda w: w.astype("<f4").tobytes(), F16: lambda w: w.astype("<f2").tobytes(),
             BF16: lambda w: (w.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()}
    tensors = [("token_embd.weight", embedding_type, embedding.shape,
                forms[embedding_type](embedding))]
    for name, w in matrices.items():  # floats, or a type and the shape and bytes of one
        tensors.append((name, *w) if isinstance(w, tuple) else (name, F32, w.shape, forms[F32](w)))
    tensors.append(("output_norm.weight", F32, (5,), forms[F32](np.arange(5.0))))
    write_gguf(str(path), keys, tensors)


class Convert:
    def __init__(self, program, folder):
        self.program, self.folder, self.runs = program, folder, 0

    def __call__(self, source, out, *words):
        """The error's line, or None."""
        self.runs += 1
        run = subprocess.run([self.program, "convert", self.folder / source, "-o",
                              self.folder / out, *words], capture_output=True, text=True)
        assert run.returncode in (0, 1), (run.returncode, run.stderr)
        assert (run.returncode == 0) == (run.stderr == ""), run.stderr
        assert run.returncode == 0 or not (self.folder / out).exists()
        return run.stderr if run.returncode else None


def entries(gguf):
    own = (b"general.file_type", b"general.quantization_version")
    return [e for e in gguf.entries if not any(o in e for o in own)]


def same_values(path, source, matrices, kind, file_type):
    gguf = Reader(str(path))
    assert list(gguf.tensors) == list(source.tensors)
    assert entries(gguf) == entries(source)
    assert gguf.keys["general.file_type"] == file_type, gguf.keys
    assert gguf.keys["general.quantization_version"] == 2
    for name, w in matrices.items():
        assert gguf.tensors[name][0] == kind, (path, name, gguf.tensors[name])
        assert np.array_equal(values(gguf, name), w.astype(np.float64)), (path, name)
    assert np.array_equal(dense(gguf, "output_norm.weight"), np.arange(5))


def check_kind(convert, name):
    draw, held, auto = KINDS[name]
    matrices = {tensor: draw(shape) for tensor, shape in SHAPES.items()}
    write(convert.folder / "in", matrices, DRAWS.standard_normal((9, 512)).astype("<f2"))
    source = Reader(str(convert.folder / "in"))
    for kind, (number, file_type, _) in TYPES.items():
        fault = convert("in", kind, "--type", kind)
        assert (fault is None) == (kind in held or kind == "f32"), (name, kind, fault)
        if fault:
            continue
        same_values(convert.folder / kind, source, matrices, number, file_type)
        other = sorted(held | {"f32"})[DRAWS.integers(len(held) + 1)]  # and on from there
        assert convert(kind, "again", "--type", other) is None, (name, kind, other)
        same_values(convert.folder / "again", source, matrices, *TYPES[other][:2])
        (convert.folder / "again").unlink()
    fault = convert("in", "auto")
    assert (fault is None) == bool(auto), (name, fault)
    if auto:
        assert (convert.folder / "auto").read_bytes() == (convert.folder / auto).read_bytes(), name
    for path in convert.folder.iterdir():
        path.unlink()


def check_stored(convert):
    """The same trits from every type that is read, in every layout."""
    trits = {name: DRAWS.integers(-1, 2, shape) for name, shape in
             {"blk.0.attn_q.weight": (8, 512), "blk.0.ffn_down.weight": (64, 768)}.items()}
    layouts = {"i2_s_64": ["--i2s-layout", "64"], "i2_s_rows4": ["--i2s-layout", "rows4"]}
    first = None
    for stored, (kind, encode) in STORED.items():
        matrices = {name: (kind, w.shape, encode(w, np.full((len(w), 1), 0.5, "<f4")))
                    for name, w in trits.items()}
        write(convert.folder / "in", matrices, np.ones((9, 512)))
        fault = convert("in", "out", *layouts.get(stored, []))
        assert fault is None, (stored, fault)
        gguf = Reader(str(convert.folder / "out"))
        for name, w in trits.items():
            assert gguf.tensors[name][0] == I2_S and np.array_equal(values(gguf, name), w / 2)
        first = first or (convert.folder / "out").read_bytes()
        assert first == (convert.folder / "out").read_bytes(), stored


def check_families(convert):
    """Where inputs are quantised in groups, one scale for all is no reason to have them whole."""
    matrices = {name: groups(0)(shape) for name, shape in SHAPES.items()}
    for arch, wanted in (("qwen3", PTQ1_0), ("llama", I2_S), ("made", I2_S)):
        write(convert.folder / "in", matrices, np.zeros((9, 512)), arch=arch)
        assert convert("in", "out") is None
        kinds = Reader(str(convert.folder / "out")).tensors
        assert all(kinds[name][0] == wanted for name in matrices), arch


def check_refusals(convert):
    """One value that is none, anywhere: its row and group are named."""
    for kind, (_, _, columns) in TYPES.items():
        for wrong in () if kind == "f32" else (0.3, np.inf, np.nan):
            one = groups(0, (-1, 1)) if kind == "q1_0" else groups(0)
            matrices = {tensor: one(shape) for tensor, shape in SHAPES.items()}
            name = list(SHAPES)[DRAWS.integers(2)]
            w = matrices[name]
            row, column = (DRAWS.integers(n) for n in w.shape)
            w[row, column] = np.float32(wrong)
            if columns > 1 and kind not in ("q1_0", "i2_s"):  # not the one value of a group
                w[row, column - column % columns + (column + 1) % columns] = w.max()
            write(convert.folder / "in", matrices, np.zeros((9, 512)))
            fault = convert("in", "out", "--type", kind)
            where = f"'{name}' row {row}"
            if np.isfinite(wrong):
                where += f", group {column // columns} of {columns} column"
            assert fault and where in fault, (kind, wrong, where, fault)
            if kind == "q2_0":
                fault = convert("in", "out")
                assert fault and where in fault, ("auto", wrong, where, fault)
    write(convert.folder / "in", {"blk.0.attn_q.weight": np.ones((3, 96))}, np.zeros((9, 96)))
    for kind in ("i2_s", "tq1_0", "q2_0"):
        fault = convert("in", "out", "--type", kind)
        assert fault and "3 x 96" in fault, (kind, fault)


def q8_0(w):
    """As llama.cpp rounds: halves away from zero, in binary32."""
    blocks = w.astype(np.float32).reshape(-1, 32)
    d = (np.abs(blocks).max(axis=1) / np.float32(127)).astype(np.float32)
    scaled = blocks * np.where(d > 0, np.float32(1) / np.where(d > 0, d, 1), 0)[:, None]
    q = np.trunc(scaled.astype(np.float64) + np.copysign(0.5, scaled))
    return (q * d.astype("<f2").astype(np.float64)[:, None]).reshape(w.shape)


def check_rows(convert):
    """Embedding and head."""
    matrices = {name: groups(128)(shape) for name, shape in SHAPES.items()}
    normal = DRAWS.standard_normal((9, 512)).astype("<f2").astype(np.float32)
    fine = normal.copy()
    fine[3, 5] = 2.0**-30
    plain = (normal.view(np.uint32) & 0xFFFF0000).view(np.float32)
    tiny = plain.copy()
    tiny[3, 5] = 2.0**-30
    grouped = groups(128)((9, 512))
    # stored as, values, --head, becomes
    cases = [(F32, normal, "auto", F16), (F32, fine, "auto", F32), (F32, tiny, "auto", BF16),
             (BF16, plain, "auto", F16), (BF16, tiny, "auto", BF16), (F16, normal, "auto", F16),
             (F32, grouped, "auto", PTQ1_0), (F16, grouped, "same", F16),
             (F32, normal, "same", F32), (F32, fine, "f16", F16), (BF16, tiny, "q8_0", Q8_0),
             (F32, normal, "q6_k", Q6_K)]
    for stored, w, head, wanted in cases:
        write(convert.folder / "in", matrices, w, stored)
        fault = convert("in", "out", "--type", "ptq1_0", "--head", head)
        assert fault is None, (stored, head, fault)
        gguf = Reader(str(convert.folder / "out"))
        assert gguf.tensors["token_embd.weight"][0] == wanted, (stored, head, wanted)
        got, w = dense(gguf, "token_embd.weight"), w.astype(np.float64)
        if head == "q8_0":
            assert np.array_equal(got, q8_0(w))
        elif head == "q6_k":
            span = np.abs(w.reshape(-1, 16)).max(axis=1)  # 32 steps, of which scales of 8 bits
            whole = np.repeat(span.reshape(-1, 16).max(axis=1), 16)  # take half of a 128th
            error = np.abs(got - w).reshape(-1, 16).max(axis=1)
            assert (error <= span / 31 + whole / 250).all()
        elif head == "f16":
            assert np.array_equal(got, w.astype("<f2").astype(np.float64))
        else:
            assert np.array_equal(got, w), (stored, head)
        (convert.folder / "out").unlink()


def main():
    convert = Convert(sys.argv[1], Path(sys.argv[2]))
    for name in KINDS:
        check_kind(convert, name)
    check_stored(convert)
    check_families(convert)
    (convert.folder / "out").unlink()
    check_refusals(convert)
    check_rows(convert)
    print(f"{convert.runs} runs")


if __name__ == "__main__":
    main()
