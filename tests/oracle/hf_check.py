#!/usr/bin/env python3
"""Holds what the runtime makes of folders to what went into them:

  hf_check.py TOOL FOLDER [WORD]     TOOL is tests/tool_source.c; WORD: only cases with it

Every family in every kind of weights, sharded and not: the same keys, the same values.
"""
import subprocess
import sys
from pathlib import Path

import numpy as np

from hf_write import Model, write

HERE = Path(__file__).parent
QWEN3 = "write_qwen3 --shape 256x384x2x4x2 --head-dim 96 --type f16 --short-scales"
LLAMA = "write_llama --shape 128x256x2x4x2 --head-dim 64 --norms bf16 --type f32"
BITNET = "write_llama --shape 128x256x2x4x2 --norms bf16 --type f32"
HYBRID = "write_qwen35 --shape 256x384x4x4x2 --short-scales --norms bf16 --type f16"
GEMMA = ("write_gemma3 --shape 128x256x2x4x2 --head-dim 64 --norms bf16 --type f32 --window 12 "
         "--local-base 10000 --linear 8")
EMBEDDING = ("write_gemma3 --qwen3 --norms-in --shape 128x256x2x4x2 --head-dim 64 --norms bf16 "
             "--type f32 --tied --defaults")
ONLINE = {"quantization_config": {"quant_method": "bitnet", "linear_class": "autobitlinear",
                                  "quantization_mode": "online"}}
OFFLINE = {"quantization_config": {"quant_method": "bitnet", "linear_class": "autobitlinear",
                                   "quantization_mode": "offline"}}
PACKED = {"quantization_config": {"quant_method": "bitnet", "modules_to_not_convert": None}}
CLASS = {"quantization_config": {"quant_method": "bitnet", "linear_class": "bitlinear"}}
BOTH = {"quantization_config": CLASS["quantization_config"] | {"quantization_mode": "offline"}}
mlx = lambda bits: {"quantization": {"group_size": 128, "bits": bits, "mode": "affine"}}
PRISM = {"architectures": None, "model_type": "prism_hadamard_qwen35", **mlx(2)}

# name -> writer, sub-norms' architecture, options of hf_write.write
CASES = {
    "qwen3 unpacked": (QWEN3 + " --yarn 4 --orig 1024 --tied", None, {"shards": 3}),
    "qwen3 f16": (QWEN3, None, {"dtype": "F16", "pairs": True}),
    "qwen3 mlx 2": (QWEN3 + " --empty 0.1", None, {"weights": "mlx", "bits": 2, "config": mlx(2)}),
    "qwen3 mlx 1": (QWEN3 + " --signs", None, {"weights": "mlx", "bits": 1, "config": mlx(1)}),
    "llama packed": (LLAMA, None, {"weights": "divide", "config": PACKED, "shards": 2}),
    "llama of a class": (LLAMA, None, {"weights": "divide", "config": CLASS}),
    "llama of class and mode": (LLAMA, None, {"weights": "divide", "config": BOTH}),
    "llama floats": (LLAMA, None, {}),
    "llama masters": (LLAMA, None, {"weights": "masters", "config": ONLINE}),
    "bitnet packed": (BITNET, "bitnet-b1.58", {"weights": "multiply", "config": OFFLINE}),
    "bitnet masters": (BITNET, "bitnet-b1.58", {"weights": "masters", "config": ONLINE}),
    "1bit masters": (BITNET, "bitnet", {"weights": "masters", "dtype": "F32"}),
    "embedding": (EMBEDDING, None, {"weights": "masters", "bare": True,
                                    "config": {"architectures": ["Qwen3Model"]}}),
    "gemma": (GEMMA, None, {"shards": 2}),
    "hybrid floats": (HYBRID + " --gates bf16", None, {"shards": 2}),
    "hybrid mlx": (HYBRID + " --state 128 --v-heads 4", None,
                   {"mlx": True, "weights": "mlx", "bits": 2, "config": mlx(2),
                    "plain": ("ssm_conv1d",), "prefix": "language_model."}),
    "hybrid rotated": (HYBRID + " --hadamard 128 --tied", None, {"rotated": True}),
    "hybrid rotated mlx": (HYBRID + " --hadamard 128", None,
                           {"rotated": True, "mlx": True, "weights": "mlx", "bits": 2,
                            "config": PRISM, "prefix": "language_model.",
                            "plain": ("ssm_conv1d", "ssm_alpha", "ssm_beta")}),
}
# What a GGUF of a writer has otherwise, or not at all.
OTHERWISE = {"general.name", "general.file_type", "general.quantization_version"}


# What hf_write's GENERATION is there; what is not of a GGUF's keys is left out.
SAMPLED = {"general.sampling.temp": 0.625, "general.sampling.top_k": 20,
           "general.sampling.top_p": 0.875, "general.sampling.penalty_repeat": 1.125}


def model(folder, writer, arch):
    """A writer's GGUF as a Model; as one of a BitNet's architecture, with norms in between."""
    script, *words = writer.split()
    path = folder / "model.gguf"
    subprocess.run([sys.executable, "-B", HERE / f"{script}.py", "-o", path, *words], check=True)
    m = Model(path)
    path.unlink()
    if arch:
        m.rename(arch)
        random = np.random.default_rng(3)
        wide = m.key("attention.head_count") * m.key("attention.key_length")
        for i in range(m.key("block_count")):
            for name, size in (("attn", wide), ("ffn", m.key("feed_forward_length"))):
                norm = random.uniform(0.5, 1.5, size).astype(np.float16).astype(np.float32)
                m.tensors[f"blk.{i}.{name}_sub_norm.weight"] = norm
    return m


def check_keys(m, got):
    for name, value in m.keys.items():
        if name not in OTHERWISE:
            assert name in got.keys, name
            assert got.keys[name] == value, (name, got.keys[name], value)
    extra = set(got.keys) - set(m.keys) - OTHERWISE
    known = {f"{m.arch}.vocab_size", f"{m.arch}.rope.dimension_count", "tokenizer.chat_template",
             "tokenizer.ggml.add_bos_token"} | set(SAMPLED)
    assert extra <= known, extra
    for name, value in SAMPLED.items():
        assert got.keys.get(name) == value, (name, got.keys.get(name), value)


def check_tensors(expected, got):
    assert sorted(expected) == sorted(got.tensors), set(expected) ^ set(got.tensors)
    for name, w in expected.items():
        assert got.tensors[name].shape == w.shape, (name, got.tensors[name].shape, w.shape)
        same = got.tensors[name] == w
        assert same.all(), (name, int((~same).sum()), w.ravel()[:4], got.tensors[name].ravel()[:4])


def convert(tool, folder, words):
    path = folder.with_suffix(".out")
    done = subprocess.run([tool, folder, path, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    raw = path.read_bytes()
    got = Model(path)
    path.unlink()
    return got, raw


def check(tool, folder, writer, arch, options):
    m = model(folder, writer, arch)
    home = folder / "hf"
    expected = write(home, m, **options)
    got, raw = convert(tool, home, ["1", "1"])
    check_keys(m, got)
    check_tensors(expected, got)
    assert raw == convert(tool, home, ["3", "50"])[1], "threads or rows at once change it"
    subprocess.run(["rm", "-r", home], check=True)


def main():
    tool, folder = sys.argv[1], Path(sys.argv[2])
    for name, case in CASES.items():
        if len(sys.argv) < 4 or sys.argv[3] in name:
            check(tool, folder, *case)
            print(name, "- as written")


if __name__ == "__main__":
    main()
