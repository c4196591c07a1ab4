"""Folders as Hugging Face has them, made of a model: safetensors, config.json, tokenizer.json.

Written from FORMATS 11, FORMATS-2 3.1, 3.5 and 6; shares nothing with the runtime. A Model is what
a GGUF holds, in float32; write() gives the folder, and returns the tensors that its conversion must
give, which differ from the model's where a kind of weights rounds.
"""
import json
import re
import struct
from pathlib import Path

import numpy as np

from tensors import Reader, dense

# --- safetensors ---


def bf16(x):
    """Nearest, ties to even, as bits."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def from_bf16(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


FLOATS = {
    "F32": lambda x: np.ascontiguousarray(x, "<f4"),
    "F16": lambda x: np.ascontiguousarray(x, "<f2"),
    "BF16": bf16,
}


def stored(x, dtype):
    """What float32 values become in a type."""
    x = np.asarray(x, np.float32)
    return from_bf16(bf16(x)) if dtype == "BF16" else FLOATS[dtype](x).astype(np.float32)


def safetensors(path, tensors):
    """tensors: name -> (dtype, shape, bytes)."""
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + len(raw)]}
        at += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.writelines(raw for _, _, raw in tensors.values())


def write_tensors(folder, tensors, shards):
    if shards == 1:
        safetensors(folder / "model.safetensors", tensors)
        return
    names, index = list(tensors), {}
    for i in range(shards):
        file = f"model-{i + 1:05}-of-{shards:05}.safetensors"
        part = {name: tensors[name] for name in names[i::shards]}
        safetensors(folder / file, part)
        index |= dict.fromkeys(part, file)
    text = json.dumps({"metadata": {"total_size": 0}, "weight_map": index})
    (folder / "model.safetensors.index.json").write_text(text)


# --- a model ---


class Model:
    """What a GGUF of a writer holds."""

    def __init__(self, path):
        gguf = Reader(str(path))
        text = lambda v: v.decode() if isinstance(v, bytes) else v
        self.keys = {k: [*map(text, v)] if isinstance(v, list) else text(v)
                     for k, v in gguf.keys.items()}
        self.arch = self.keys["general.architecture"]
        self.tensors = {name: dense(gguf, name).astype(np.float32).reshape(shape)
                        for name, (_, shape, _) in gguf.tensors.items()}

    def key(self, name, default=None):
        return self.keys.get(f"{self.arch}.{name}", default)

    def rename(self, arch):
        old = self.arch + "."
        self.keys = {re.sub("^" + re.escape(old), arch + ".", k): v for k, v in self.keys.items()}
        self.keys["general.architecture"] = self.arch = arch


# --- names ---

MATRICES = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj", "attn_qkv": "linear_attn.in_proj_qkv",
    "attn_gate": "linear_attn.in_proj_z", "ssm_alpha": "linear_attn.in_proj_a",
    "ssm_beta": "linear_attn.in_proj_b", "ssm_out": "linear_attn.out_proj",
}
NORMS = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "post_attention_norm": "post_attention_layernorm", "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm", "ssm_norm": "linear_attn.norm",
    "ssm_conv1d": "linear_attn.conv1d",
}
SUB_NORMS = {
    "bitnet-b1.58": {"attn_sub_norm": "self_attn.attn_sub_norm",
                     "ffn_sub_norm": "mlp.ffn_sub_norm"},
    "bitnet": {"attn_sub_norm": "self_attn.inner_attn_ln", "ffn_sub_norm": "mlp.ffn_layernorm"},
    "gemma3": {"ffn_norm": "pre_feedforward_layernorm",
               "post_ffw_norm": "post_feedforward_layernorm"},
}
WHOLE = {"token_embd.weight": "model.embed_tokens.weight",
         "output_norm.weight": "model.norm.weight", "output.weight": "lm_head.weight"}
BARE = {"ssm_a": "linear_attn.A_log", "ssm_dt.bias": "linear_attn.dt_bias"}


def hf_name(arch, name):
    if name in WHOLE:
        return WHOLE[name]
    _, layer, part = name.split(".", 2)
    if part in BARE:
        return f"model.layers.{layer}.{BARE[part]}"
    part = part.removesuffix(".weight")
    if part.endswith("_norm_in"):  # BitLinear's of embedding models
        return f"model.layers.{layer}.{MATRICES[part.removesuffix('_norm_in')]}.norm.weight"
    names = MATRICES | NORMS | SUB_NORMS.get(arch, {})
    return f"model.layers.{layer}.{names[part]}.weight"


def part_of(name):
    return name.split(".", 2)[2].removesuffix(".weight") if name.startswith("blk.") else name


def is_matrix(name):
    return part_of(name) in MATRICES


# --- from GGUF's order to that of the files ---


def unpermute(w, heads):
    """Pairs of neighbours become halves, head by head."""
    n, k = w.shape
    return w.reshape(heads, n // heads // 2, 2, k).swapaxes(1, 2).reshape(n, k)


def grouped(w, groups, ratio):
    """Heads of v along the first axis: tiled, head r * groups + g, become g * ratio + r."""
    dim = len(w) // (groups * ratio)
    return np.ascontiguousarray(
        w.reshape(ratio, groups, dim, *w.shape[1:]).swapaxes(0, 1)).reshape(w.shape)


def hybrid(m, part, w, rotated):
    """qwen35: everything that has heads of v."""
    groups = m.key("ssm.group_count")
    ratio = m.key("ssm.time_step_rank") // groups
    skipped = 2 * groups * m.key("ssm.state_size")
    if part in ("attn_qkv", "ssm_conv1d"):
        return np.concatenate([w[:skipped], grouped(w[skipped:], groups, ratio)])
    if part in ("attn_gate", "ssm_alpha", "ssm_beta", "ssm_a", "ssm_dt.bias"):
        return grouped(w, groups, ratio)
    if part == "ssm_out" and not rotated:
        return np.ascontiguousarray(grouped(w.T, groups, ratio).T)
    return w


OFFSET = ("attn_norm", "post_attention_norm", "attn_q_norm", "attn_k_norm", "output_norm.weight",
          "ffn_norm", "post_ffw_norm")
WITHOUT_ONE = ("qwen35", "gemma3")  # norms are stored so


def to_files(m, name, w, a):
    part = part_of(name)
    if m.arch == "llama" and part in ("attn_q", "attn_k"):
        return unpermute(w, m.key("attention.head_count" + ("" if part == "attn_q" else "_kv")))
    if m.arch not in WITHOUT_ONE:
        return w
    w = hybrid(m, part, w, a.get("rotated")) if m.arch == "qwen35" else w
    if part == "ssm_a":
        return np.log(-w)
    if part == "ssm_conv1d":
        return w[:, :, None] if a.get("mlx") else w[:, None, :]
    return w - np.float32(1) if part in OFFSET and not a.get("mlx") else w


# --- weights ---


def packed(codes):
    """Rows i * (N/4) + r in bits 2i of row r."""
    quarters = codes.reshape(4, -1, codes.shape[1]).astype(np.uint8)
    return quarters[0] | quarters[1] << 2 | quarters[2] << 4 | quarters[3] << 6


def put_packed(out, name, w, divides):
    """Returns the weights that this stands for."""
    d = np.abs(w).max()
    codes = np.rint(w / d).astype(np.int8)
    scale = stored(1 / d if divides else d, "BF16")
    out[name] = ("U8", (len(w) // 4, w.shape[1]), packed(codes + 1).tobytes())
    out[name + "_scale"] = ("BF16", (1,), bf16(scale.reshape(1)).tobytes())
    d = np.float32(1) / scale if divides else scale
    return codes * np.float32(d)


def absmean(w):
    """FORMATS 11: masters."""
    mean = np.float32(np.abs(w.astype(np.float64)).mean())
    s = np.float32(1) / np.maximum(mean, np.float32(1e-5))
    d = np.float32(1) / s
    return np.clip(np.rint(w * s), -1, 1).astype(np.float32) * d


def put_masters(out, name, w, dtype, random):
    """Weights of any size around the trits."""
    w = stored(w * random.uniform(0.3, 2.5, w.shape) +
               np.abs(w).max() * random.normal(0, 0.2, w.shape), dtype)
    put_floats(out, name, w, dtype)
    return absmean(w)


def put_floats(out, name, w, dtype):
    out[name] = (dtype, w.shape, FLOATS[dtype](w).tobytes())
    return stored(w, dtype)


def put_mlx(out, name, w, bits, dtype="F16", group=128):
    """Codes from the least significant end of 32 bits, w = scale * q + bias."""
    n, k = w.shape
    d = np.abs(w.reshape(n, -1, group)).max(axis=2).astype(np.float32)
    steps = np.where(d == 0, 1, d)[:, :, None]
    q = np.rint(w.reshape(n, -1, group) / steps).astype(int)
    q = q + 1 if bits == 2 else (q > 0).astype(int)
    scale, bias = (d, -d) if bits == 2 else (2 * d, -d)
    per = 32 // bits
    words = (q.reshape(n, -1, per).astype(np.uint64) << np.arange(per, dtype=np.uint64) *
             np.uint64(bits)).sum(axis=2)
    base = name.removesuffix("weight")
    out[name] = ("U32", (n, k * bits // 32), words.astype("<u4").tobytes())
    put_floats(out, base + "scales", scale, dtype)
    put_floats(out, base + "biases", bias, dtype)
    return w


# --- config.json ---

CLASSES = {"qwen3": "Qwen3ForCausalLM", "llama": "LlamaForCausalLM",
           "bitnet-b1.58": "BitNetForCausalLM", "bitnet": "BitnetForCausalLM",
           "qwen35": "Qwen3_5ForCausalLM", "gemma3": "Gemma3ForCausalLM"}


def config(m, a):
    """a: options of write()."""
    c = {
        "architectures": [CLASSES[m.arch]],
        "model_type": {"qwen35": "qwen3_5_text", "bitnet": "llama", "gemma3": "gemma3_text",
                       "bitnet-b1.58": "bitnet"}.get(m.arch, m.arch),
        "hidden_size": m.key("embedding_length"),
        "intermediate_size": m.key("feed_forward_length"),
        "num_hidden_layers": m.key("block_count"),
        "max_position_embeddings": m.key("context_length"),
        "num_attention_heads": m.key("attention.head_count"),
        "num_key_value_heads": m.key("attention.head_count_kv"),
        "head_dim": m.key("attention.key_length"),
        "rms_norm_eps": m.key("attention.layer_norm_rms_epsilon"),
        "vocab_size": len(m.keys["tokenizer.ggml.tokens"]),
        "tie_word_embeddings": "output.weight" not in m.tensors,
        "rope_theta": m.key("rope.freq_base"),
        "hidden_act": "relu2" if m.arch == "bitnet-b1.58" else "silu",
        "attention_bias": False,
        "torch_dtype": "bfloat16",
        "transformers_version": "4.57.0",
    }
    if m.key("rope.scaling.type") == "yarn":
        c["rope_scaling"] = {
            "rope_type": "yarn", "factor": m.key("rope.scaling.factor"),
            "original_max_position_embeddings": m.key("rope.scaling.original_context_length")}
    if m.arch == "qwen35":
        c |= hybrid_config(m, c.pop("rope_theta"))
    if m.arch == "gemma3":
        c |= gemma_config(m, c)
    return c | a.get("config", {})


def gemma_config(m, c):
    del c["hidden_act"], c["tie_word_embeddings"]
    scaling = {"rope_scaling": {"rope_type": "linear", "factor": m.key("rope.scaling.factor")}}
    return {
        "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": c["head_dim"],
        "sliding_window": m.key("attention.sliding_window"), "sliding_window_pattern": 6,
        "rope_local_base_freq": m.key("rope.freq_base_swa"), "cache_implementation": "hybrid",
        "attn_logit_softcapping": None, "final_logit_softcapping": None,
    } | (scaling if m.key("rope.scaling.factor") else {})


def hybrid_config(m, base):
    interval = m.key("full_attention_interval")
    kinds = ["full_attention" if (i + 1) % interval == 0 else "linear_attention"
             for i in range(m.key("block_count"))]
    return {
        "full_attention_interval": interval,
        "layer_types": kinds,
        "linear_num_key_heads": m.key("ssm.group_count"),
        "linear_num_value_heads": m.key("ssm.time_step_rank"),
        "linear_key_head_dim": m.key("ssm.state_size"),
        "linear_value_head_dim": m.key("ssm.state_size"),
        "linear_conv_kernel_dim": m.key("ssm.conv_kernel"),
        "rope_parameters": {
            "rope_type": "default", "rope_theta": base, "mrope_interleaved": True,
            "mrope_section": m.key("rope.dimension_sections")[:3],
            "partial_rotary_factor": m.key("rope.dimension_count") / m.key("attention.key_length"),
        },
    }


# --- the tokenizer ---

C = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPLITS = {
    "llama-bpe": C + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
                 r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    "qwen2": C + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
             r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    "qwen35": C + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
              r"|\s*[\r\n]+|\s+(?!\S)|\s+",
}
NORMAL, CONTROL = 1, 3


def tokenizer(keys, pairs=False):
    """tokenizer.json of a byte-level vocabulary."""
    tokens, types = keys["tokenizer.ggml.tokens"], keys["tokenizer.ggml.token_type"]
    merges = keys["tokenizer.ggml.merges"]
    added = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": types[i] == CONTROL}
             for i, t in enumerate(tokens) if types[i] != NORMAL]
    cut = {"type": "Split", "pattern": {"Regex": SPLITS[keys["tokenizer.ggml.pre"]]},
           "behavior": "Isolated", "invert": False}
    spell = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False,
             "use_regex": False}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [cut, spell]},
        "post_processor": {"type": "ByteLevel", "add_prefix_space": False},
        "decoder": {"type": "ByteLevel"},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
            "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False,
            "ignore_merges": keys["tokenizer.ggml.pre"] == "llama-bpe",
            "vocab": {t: i for i, t in enumerate(tokens) if types[i] == NORMAL},
            "merges": [merge.split(" ") for merge in merges] if pairs else merges,
        },
    }


def tokenizer_config(keys):
    tokens = keys["tokenizer.ggml.tokens"]
    roles = {"bos": "bos", "eos": "eos", "padding": "pad"}
    named = {f"{hf}_token": tokens[keys[f"tokenizer.ggml.{role}_token_id"]]
             for role, hf in roles.items() if f"tokenizer.ggml.{role}_token_id" in keys}
    return named | {"add_bos_token": keys.get("tokenizer.ggml.add_bos_token", False),
                    "chat_template": "{{ messages }}",
                    "model_max_length": int(1e30), "tokenizer_class": "PreTrainedTokenizerFast"}


# --- rotation ---


def rotation_keys(m):
    return {k.removeprefix("prism.hadamard."): v for k, v in m.keys.items()
            if k.startswith("prism.hadamard.")}


def packing_manifest(m):
    """hadamard_packing.json."""
    keys, at, signs = rotation_keys(m), 0, {}
    for width in keys.get("sign_widths", []):
        signs[str(width)] = keys["sign_values"][at:at + width]
        at += width
    one = lambda name, role: {"name": hf_name(m.arch, name), "axis": -1, "role": role}
    manifest = {
        "schema_version": 3 if keys["version"] == 2 else 1, "kind": "hadamard-weight-fold",
        "status": "requires-matching-runtime",
        "transform": {"name": "normalized-signed-sylvester-walsh-hadamard",
                      "block_size": keys["block_size"], "sign_mode": keys["sign_mode"]},
        "tensors": [one(n, "fold-before-matmul") for n in keys["weight_names"]] +
                   [one(n, "inverse-after-lookup") for n in keys["inverse_weight_names"]],
    }
    return manifest | ({"signs": signs} if signs else {}) | (
        {"tied_output": True} if keys["version"] == 2 else {})


def put_signs(out, m):
    """MLX packs have the signs beside each rotated weight."""
    keys, at, signs = rotation_keys(m), 0, {}
    for width in keys["sign_widths"]:
        signs[width] = np.array(keys["sign_values"][at:at + width], "<f4")
        at += width
    for name in keys["weight_names"] + keys["inverse_weight_names"]:
        base = hf_name(m.arch, name).removesuffix("weight")
        width = m.tensors[name].shape[1]
        out[base + "signs"] = ("F32", (width,), signs[width].tobytes())


# --- the folder ---


def put_weight(out, m, name, w, a, random):
    """One tensor into the files; returns what it stands for, in the files' order."""
    kind, dtype = a.get("weights", "floats"), a.get("dtype", "BF16")
    file = hf_name(m.arch, name)
    if w.ndim == 2 and kind == "mlx" and part_of(name) not in a.get("plain", ()):
        return put_mlx(out, file, w, a["bits"], a.get("dtype", "F16"))
    if kind in ("divide", "multiply") and is_matrix(name):
        return put_packed(out, file, w, kind == "divide")
    if kind == "masters" and is_matrix(name):
        return put_masters(out, file, w, dtype, random)
    if part_of(name) in ("ssm_a", "ssm_dt.bias"):
        dtype = "F32"
    return put_floats(out, file, w, dtype)


# As models have it; "null" is as absent.
GENERATION = {"do_sample": True, "temperature": 0.625, "top_k": 20, "top_p": 0.875, "min_p": None,
              "repetition_penalty": 1.125, "max_new_tokens": 64, "transformers_version": "4.51.0"}


def write(folder, m, **a):
    """Returns name -> float32: what the conversion of the folder must give."""
    folder = Path(folder)
    folder.mkdir()
    out, expected, random = {}, {}, np.random.default_rng(7)
    for name, w in m.tensors.items():
        file = to_files(m, name, w, a)
        became = put_weight(out, m, name, file, a, random)
        expected[name] = back(m, name, w, file, became)
    if a.get("mlx") and a.get("rotated"):
        put_signs(out, m)
    cut = "model." if a.get("bare") else ""
    out = {a.get("prefix", "") + n.removeprefix(cut): t for n, t in out.items()}
    write_tensors(folder, out, a.get("shards", 1))
    dump = lambda name, value: (folder / name).write_text(json.dumps(value, ensure_ascii=False))
    dump("config.json", config(m, a))
    dump("tokenizer.json", tokenizer(m.keys, a.get("pairs", False)))
    dump("tokenizer_config.json", tokenizer_config(m.keys))
    dump("generation_config.json", GENERATION)
    if a.get("rotated") and a.get("mlx"):
        dump("hadamard.json", {k: v for k, v in m.keys.items() if k.startswith("prism.hadamard.")})
    elif a.get("rotated"):
        dump("hadamard_packing.json", packing_manifest(m))
    return expected


def back(m, name, w, file, became):
    """The stored values in GGUF's order and form: the same moves are found by their effect on the
    numbers of the elements."""
    part = part_of(name)
    became = np.asarray(became, np.float32)
    if part == "ssm_a":
        became = -np.exp(became.astype(np.float64)).astype(np.float32)
    elif m.arch in WITHOUT_ONE and part in OFFSET and not np.array_equal(file, w):
        became = np.float32(1) + became
    if m.arch == "llama" and part in ("attn_q", "attn_k"):
        return moved_back(became, unpermute(numbers(w), len(w) // m.key("attention.key_length")))
    if m.arch == "qwen35":
        rotated = file.shape == w.shape and part == "ssm_out" and np.array_equal(file, w)
        return moved_back(became.reshape(w.shape), hybrid(m, part, numbers(w), rotated))
    return became.reshape(w.shape)


def numbers(w):
    return np.arange(w.size).reshape(w.shape)


def moved_back(w, order):
    out = np.empty(w.size, np.float32)
    out[order.ravel()] = w.ravel()
    return out.reshape(w.shape)
