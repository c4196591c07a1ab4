#!/usr/bin/env python3
"""Spoils folders of Hugging Face, one fault each, and holds what is said of them: one line that
names file, tensor or key; no output.

  bad_hf.py TOOL FOLDER          TOOL is tests/tool_source.c
"""
import json
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np

import hf_check
from hf_write import write

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
Q = "model.layers.0.self_attn.q_proj."

# --- changes of a folder: name -> bytes ---


def js(name, change):
    """Of a JSON file, in place or to what is given back."""
    def spoil(files):
        value = json.loads(files[name])
        files[name] = json.dumps(change(value) or value).encode()
    return spoil


def put(name, raw):
    def spoil(files):
        files[name] = raw(files[name]) if callable(raw) else raw
    return spoil


def drop(name):
    return lambda files: files.pop(name)


def config(**keys):
    return js("config.json", lambda c: c.update(keys))


def quant(**keys):
    return config(quantization_config={"quant_method": "bitnet"} | keys)


def split(raw):
    (n,) = struct.unpack_from("<Q", raw)
    return json.loads(raw[8:8 + n]), raw[8 + n:]


def joined(head, data):
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + data


def header(change, name=WEIGHTS):
    def spoil(files):
        head, data = split(files[name])
        files[name] = joined(change(head) or head, data)
    return spoil


def entry(tensor, **keys):
    return header(lambda h: h[tensor].update(keys))


def data(tensor, change):
    """Bytes of a tensor, as an array of bytes."""
    def spoil(files):
        head, raw = split(files[WEIGHTS])
        raw = bytearray(raw)
        begin, end = head[tensor]["data_offsets"]
        part = np.frombuffer(raw, np.uint8)[begin:end].copy()
        change(part)
        raw[begin:end] = part.tobytes()
        files[WEIGHTS] = joined(head, bytes(raw))
    return spoil


def words(tensor, at, value, form="<u2"):
    def change(part):
        part.view(form)[at] = value
    return data(tensor, change)


def rename(old, new):
    return header(lambda h: {new if k == old else k: v for k, v in h.items()})


def without(tensor):
    """The tensor's name and bytes."""
    def spoil(files):
        head, raw = split(files[WEIGHTS])
        begin, end = head.pop(tensor)["data_offsets"]
        for name, value in head.items():
            if name != "__metadata__" and value["data_offsets"][0] >= end:
                value["data_offsets"] = [at - (end - begin) for at in value["data_offsets"]]
        files[WEIGHTS] = joined(head, raw[:begin] + raw[end:])
    return spoil


def length(n):
    return put(WEIGHTS, lambda raw: struct.pack("<Q", n) + raw[8:])


def text_header(text):
    return put(WEIGHTS, struct.pack("<Q", len(text)) + text)


def added(**keys):
    return js("tokenizer.json", lambda t: t["added_tokens"][0].update(keys))


def model(**keys):
    return js("tokenizer.json", lambda t: t["model"].update(keys))


def pre(value):
    return js("tokenizer.json", lambda t: t.update(pre_tokenizer=value))


def merge(value):
    return js("tokenizer.json", lambda t: t["model"]["merges"].insert(0, value))


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
CUT = lambda regex: {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated"}

# --- faults: what is said (None: it is taken) and the changes, for each folder ---

QWEN3 = [
    (None, []),
    # safetensors
    (r"safetensors: 0 bytes are no", [put(WEIGHTS, b"")]),
    (r"safetensors: 7 bytes are no", [put(WEIGHTS, b"1234567")]),
    (r"header has 18446744073709551615 bytes", [length(2**64 - 1)]),
    (r"header has \d+ bytes, but the file only", [length(2**40)]),
    (r"line 1, column", [length(10)]),
    (r"line 1, column", [length(0)]),
    (r"no JSON object", [text_header(b"[]")]),
    (r"9999 levels of nesting, at most 4", [text_header(b'{"a":' + b"[" * 9998)]),
    (r"\d+ objects, at most", [text_header(b'{"a":[' + b"{}," * 200000 + b"0]}")]),
    (r"\d+ arrays, at most", [text_header(b'{"a":[' + b"[]," * 300000 + b"0]}")]),
    (r"\d+ values, at most", [text_header(b'{"a":[' + b"1," * 1100000 + b"0]}")]),
    (r"duplicate object key", [text_header(b'{"a":{},"a":{}}')]),
    (r"tensor 'a': is no object", [text_header(b'{"a":1}')]),
    (r"tensor 'a': 'dtype' is missing", [text_header(b'{"a":{}}')]),
    (r"tensor '': its name", [text_header(b'{"":{}}')]),
    (r"its name must have 1 to 255", [text_header(b'{"' + b"a" * 256 + b'":{}}')]),
    (r"'dtype' is none", [entry(Q + "weight", dtype="F7")]),
    (r"'dtype' is missing", [entry(Q + "weight", dtype=7)]),
    (r"'shape' is missing", [entry(Q + "weight", shape=7)]),
    (r"'shape' has a dimension", [entry(Q + "weight", shape=[-1, 128])]),
    (r"'shape' has a dimension", [entry(Q + "weight", shape=["1", 128])]),
    (r"more than 8 dimensions", [entry(Q + "weight", shape=[1] * 9)]),
    (r"more than 2\^64", [entry(Q + "weight", shape=[2**40, 2**40])]),
    (r"more than 2\^64", [entry(Q + "weight", shape=[2**32, 2**30, 4])]),
    (r"do not hold as many bytes", [entry(Q + "weight", shape=[2**32, 0])]),
    (r"do not hold as many bytes", [entry(Q + "weight", dtype="F32")]),
    (r"no pair of integers", [entry(Q + "weight", data_offsets=[0])]),
    (r"no pair of integers", [entry(Q + "weight", data_offsets=[0, 1.5])]),
    (r"is no range", [entry(Q + "weight", data_offsets=[8, 4])]),
    (r"is no range", [entry(Q + "weight", data_offsets=[-8, 4])]),
    (r"past the end of the file", [entry(Q + "weight", data_offsets=[0, 2**60])]),
    (r"overlap", [entry(Q + "weight", data_offsets=[0, 384 * 256 * 2])]),
    (r"gap before", [without(Q + "weight"), put(WEIGHTS, lambda raw: joined(
        {k: v if k == "__metadata__" else v | {"data_offsets": [a + 2 for a in v["data_offsets"]]}
         for k, v in split(raw)[0].items()}, b"12" + split(raw)[1]))]),
    (r"the tensors end at byte \d+, but the file has", [put(WEIGHTS, lambda raw: raw + b"x")]),
    (r"past the end of the file", [put(WEIGHTS, lambda raw: raw[:-1])]),
    (r"tensor 'model.norm.weight' is missing", [without("model.norm.weight")]),
    (r"q_proj.weight' is missing", [without(Q + "weight")]),
    (r"'lm_head.weight' is missing, and config.json does not say", [without("lm_head.weight")]),
    (None, [without("lm_head.weight"), config(tie_word_embeddings=True)]),
    (r"no tensor 'model.embed_tokens", [without("model.embed_tokens.weight")]),
    (r"q_proj.bias' \(BF16\): is not known", [config(tie_word_embeddings=True),
                                             rename("lm_head.weight", Q + "bias")]),
    (r"q_proj.weight' \(BF16\) has shape 192 x 512, but config.json makes it 384 x 256",
     [entry(Q + "weight", shape=[192, 512])]),
    (r"norm.weight' \(BF16\) has shape 16 x 16", [entry("model.norm.weight", shape=[16, 16])]),
    (r"q_proj.weight' \(I16\): must be F32", [entry(Q + "weight", dtype="I16")]),
    (r"packed in 32 bits, but .*config.json has no",
     [entry(Q + "weight", dtype="U32", shape=[384, 128])]),
    (r"embed_tokens.weight', row 1, column 2: is not finite",
     [words("model.embed_tokens.weight", 258, 0x7F80)]),
    (r"input_layernorm.weight', row 0, column 3: is not finite",
     [words("model.layers.1.input_layernorm.weight", 3, 0xFFC1)]),
    (r"model.safetensors: No such file", [drop(WEIGHTS)]),
    # the index
    (None, [lambda f: f.update({INDEX: json.dumps({"weight_map": {
        k: WEIGHTS for k in split(f[WEIGHTS])[0] if k != "__metadata__"}}).encode()})]),
    (r"index.json: key 'weight_map' is no object", [put(INDEX, b"{}")]),
    (r"index.json: line 1", [put(INDEX, b"{")]),
    (r"'../x.safetensors' is no name", [put(INDEX, b'{"weight_map":{"a":"../x.safetensors"}}')]),
    (r"'/x.safetensors' is no name", [put(INDEX, b'{"weight_map":{"a":"/x.safetensors"}}')]),
    (r"'..' is no name", [put(INDEX, b'{"weight_map":{"a":".."}}')]),
    (r"'config.json' is no name", [put(INDEX, b'{"weight_map":{"a":"config.json"}}')]),
    (r"'' is no name", [put(INDEX, b'{"weight_map":{"a":7}}')]),
    (r"absent.safetensors: No such file",
     [put(INDEX, b'{"weight_map":{"a":"absent.safetensors"}}')]),
    (r"tensor 'a' is not in 'model.safetensors'",
     [put(INDEX, b'{"weight_map":{"a":"model.safetensors"}}')]),
    (r"'weight_map' does not have tensor 'lm_head.weight'",
     [lambda f: f.update({INDEX: json.dumps({"weight_map": {
         k: WEIGHTS for k in split(f[WEIGHTS])[0] if k.startswith("model.")}}).encode()})]),
    # config.json
    (r"config.json: is missing", [drop("config.json")]),
    (r"config.json: line 1", [put("config.json", b"{")]),
    (r"no JSON object", [put("config.json", b"[]")]),
    (r"levels of nesting", [put("config.json", b'{"a":' * 5000)]),
    (r"architecture 'FooForCausalLM': supported are", [config(architectures=["FooForCausalLM"])]),
    (r"architecture '\(absent\)'", [config(architectures=None, model_type=None)]),
    (None, [config(architectures=None)]),
    (r"'architectures' is a list: which", [config(architectures=["A", "B"])]),
    (r"'hidden_size' is missing", [config(hidden_size=None)]),
    (r"'hidden_size' is 'x': must be an integer", [config(hidden_size="x")]),
    (r"'hidden_size' is 0: must be", [config(hidden_size=0)]),
    (r"'hidden_size' is -1: must be", [config(hidden_size=-1)]),
    (r"'hidden_size' is 256.5: must be", [config(hidden_size=256.5)]),
    (r"'num_hidden_layers' is 1000000000: must be", [config(num_hidden_layers=10**9)]),
    (r"layers.2.input_layernorm.weight' is missing", [config(num_hidden_layers=3)]),
    (r"layers.1\.\S+' \(BF16\): is not known", [config(num_hidden_layers=1)]),
    (r"'num_key_value_heads' is 3: must divide", [config(num_key_value_heads=3)]),
    (r"'head_dim' is 95: must be even", [config(head_dim=95)]),
    (r"'rms_norm_eps' is 0: must be", [config(rms_norm_eps=0)]),
    (r"'rms_norm_eps' is 'a': must be", [config(rms_norm_eps="a")]),
    (r"'rope_theta' is -1: must be", [config(rope_theta=-1)]),
    (r"'hidden_act' is 'gelu': the graph", [config(hidden_act="gelu")]),
    (r"'attention_bias' is true: the graph", [config(attention_bias=True)]),
    (r"'surprise' is 1: is not known", [config(surprise=1)]),
    (None, [config(surprise=None, surprised=False)]),
    (r"'rope_scaling.rope_type' is 'llama3': this family",
     [config(rope_scaling={"rope_type": "llama3", "factor": 8})]),
    (r"'rope_scaling.factor' is missing", [config(rope_scaling={"rope_type": "yarn"})]),
    (r"'rope_scaling.mscale' is 2: is not known",
     [config(rope_scaling={"type": "yarn", "factor": 4.0, "mscale": 2})]),
    (r"'rope_scaling' is 7: is no object", [config(rope_scaling=7)]),
    (None, [config(rope_theta=None, rope_parameters={"rope_type": "default", "rope_theta": 1e6})]),
    (r"'sliding_window' is 4096: this family", [config(use_sliding_window=True,
                                                       sliding_window=4096)]),
    (None, [config(use_sliding_window=False, sliding_window=4096)]),
    (r"layer 1 is not of the type",
     [config(layer_types=["full_attention", "sliding_attention"])]),
    (r"'layer_types' is a list: must have a type for each", [config(layer_types=[])]),
    (r"'quantization_config.quant_method' is 'gptq': supported",
     [config(quantization_config={"quant_method": "gptq"})]),
    (r"'quantization.bits' is 4: supported", [config(quantization={"bits": 4, "group_size": 64})]),
    (r"'quantization_config.linear_class' is 'x': with this", [quant(linear_class="x")]),
    (r"'quantization_config.modules_to_not_convert' is 'down_proj': such masters",
     [quant(quantization_mode="online", modules_to_not_convert=["lm_head", "down_proj"])]),
    (r"'quantization_config.use_rms_norm' is true: the graph", [quant(use_rms_norm=True)]),
    (r"hadamard_packing.json: says that weights are rotated",
     [put("hadamard_packing.json", b"{}")]),
    # tokenizer.json and its company
    (r"neither tokenizer.json nor tokenizer.model", [drop("tokenizer.json")]),
    (r"tokenizer.json: line 1", [put("tokenizer.json", b"{")]),
    (r"arrays, at most", [put("tokenizer.json", b'{"a":[' + b"[]," * 1100000 + b"0]}")]),
    (r"key 'model' is missing", [js("tokenizer.json", lambda t: t.pop("model") and t)]),
    (r"'model.type' is 'Unigram'", [model(type="Unigram")]),
    (r"'model.vocab' and 'model.merges' must", [model(vocab=[])]),
    (r"'model.vocab' and 'model.merges' must", [model(merges=None)]),
    (r"'model.dropout' is 0.1", [model(dropout=0.1)]),
    (r"'a' has no integer", [model(vocab={"a": "b"})]),
    (r"token 320, 'zz', has an id that is no row", [model(vocab={"zz": 320})]),
    (r"token -1, 'zz', has an id that is no row", [model(vocab={"zz": -1})]),
    (r"has an id that another has", [model(vocab={"a": 1, "b": 1})]),
    (r"token 2, '', is empty", [model(vocab={"": 2})]),
    (r"token \d+, '[^']*', is longer", [model(vocab={"a" * 70000: 2})]),
    (r"element 0: is neither", [merge("ab")]),
    (r"element 0: is neither", [merge("a b c")]),
    (r"element 0: is neither", [merge(["a"])]),
    (r"element 0: is neither", [merge(["a", 7])]),
    (r"element 0: has a part that is no token", [merge("a zzz")]),
    (r"element 0: makes what is no token", [merge("~ ~")]),
    (r"'added_tokens', element 0 has no", [added(content=7)]),
    (r"'added_tokens', element 0 has no", [added(id="x")]),
    (r"token 9999999, .*no row", [added(id=9999999)]),
    (r"'added_tokens': 'a' has id", [added(content="a")]),
    (r"'Foo': it does not cut", [pre({"type": "Foo"})]),
    (r"it does not cut", [pre({"type": "ByteLevel", "add_prefix_space": True})]),
    (r"has no ByteLevel", [pre({"type": "Sequence", "pretokenizers": []})]),
    (r"'\\w' is no pre-tokenizer",
     [pre({"type": "Sequence", "pretokenizers": [CUT("\\w"), BYTES]})]),
    (r"it does not cut", [pre({"type": "Sequence", "pretokenizers": [CUT("a")] * 9})]),
    (r"type 'Lowercase': it changes text",
     [js("tokenizer.json", lambda t: t.update(normalizer={"type": "Lowercase"}))]),
    (r"'model.ignore_merges' is true, which 'qwen2'", [model(ignore_merges=True)]),
    (r"'eos_token_id' is 320, but the embedding", [config(eos_token_id=[1, 320])]),
    (r"'bos_token_id' is 320, but", [put("generation_config.json", b'{"bos_token_id":320}')]),
    (r"generation_config.json: key 'temperature': is -1, must be a number from 0 to",
     [put("generation_config.json", b'{"temperature":-1}')]),
    (r"generation_config.json: key 'top_k': is 0.5, must be an integer",
     [put("generation_config.json", b'{"top_k":0.5}')]),
    (r"generation_config.json: key 'top_p': is nan",
     [put("generation_config.json", b'{"top_p":"x"}')]),
    (r"'do_sample' is 1: must be true", [put("generation_config.json", b'{"do_sample":1}')]),
    (None, [put("generation_config.json", b'{"do_sample":false,"temperature":-1}')]),
    (r"generation_config.json: line 1", [put("generation_config.json", b"x")]),
    (r"tokenizer_config.json: line 1", [put("tokenizer_config.json", b"x")]),
    (r"'add_bos_token' is 1: must be true",
     [js("tokenizer_config.json", lambda t: t.update(add_bos_token=1))]),
    (r"chat_template.jinja: has a byte", [put("chat_template.jinja", b"a\0b")]),
    (r"chat template is no UTF-8", [put("chat_template.jinja", b"a\xffb")]),
    (r"chat_template.jinja: ", [put("chat_template.jinja", b"a" * (2 << 20))]),
]

PACKED = [
    (None, []),
    (r"does not say whether its scale multiplies", [config(quantization_config=None)]),
    (r"does not say whether its scale multiplies",
     [quant(linear_class="bitlinear", quantization_mode="online")]),
    (r"no tensor of its name with '_scale'", [without(Q + "weight_scale")]),
    (r"weight_scale' \(BF16\): must be finite and above 0", [words(Q + "weight_scale", 0, 0)]),
    (r"weight_scale' \(BF16\): must be finite", [words(Q + "weight_scale", 0, 0x7F80)]),
    (r"weight_scale' \(BF16\): must be finite", [words(Q + "weight_scale", 0, 0xBF80)]),
    (r"weight_scale' \(BF16\): must be finite", [words(Q + "weight_scale", 0, 0x7FC0)]),
    (r"weight_scale' \(BF16\): must be finite", [words(Q + "weight_scale", 0, 1)]),
    (r"weight_scale' \(U8\): must be one number",
     [entry(Q + "weight_scale", dtype="U8", shape=[2])]),
    (r"v_proj.weight', row 33, column 5: has code 3",
     [data("model.layers.1.self_attn.v_proj.weight",
           lambda p: p.__setitem__(1 * 128 + 5, p[133] | 0x0C))]),
    (r"has shape 32 x 256, but config.json makes it 64 x 128",
     [entry(Q + "weight", shape=[32, 256])]),
]

MLX = [
    (None, []),
    (r"q_proj.biases', row 0, group 1: the bias is not exactly -scale: not",
     [words(Q + "biases", 1, 0x2222)]),
    (r"q_proj.biases', row 2, group 0: the bias", [words(Q + "scales", 4, 0x7C00)]),
    (r"no tensors 'scales' and 'biases'", [without(Q + "biases")]),
    (r"scales' \(F16\): scales and biases must both", [entry(Q + "biases", dtype="BF16")]),
    (r"scales' \(F16\) has shape", [entry(Q + "scales", shape=[768, 1])]),
    (r"'quantization.group_size' is 48", [config(quantization={"bits": 2, "group_size": 48})]),
    (r"is no multiple of|are no multiple of", [config(quantization={"bits": 2, "group_size": 96})]),
    (r"has shape 320 x 16, but", [config(quantization={"bits": 1, "group_size": 128})]),
    (r"'quantization.mode' is 'mxfp4'", [config(quantization={"bits": 2, "group_size": 128,
                                                             "mode": "mxfp4"})]),
    (r"'quantization.model.x' is an object: this module",
     [config(quantization={"bits": 2, "group_size": 128, "model.x": {"bits": 4}})]),
    (None, [config(quantization={"bits": 2, "group_size": 128, "model.x": False})]),
]

MANIFEST = "hadamard_packing.json"
manifest = lambda **keys: js(MANIFEST, lambda m: m.update(keys))
transform = lambda **keys: js(MANIFEST, lambda m: m["transform"].update(keys))
one = lambda **keys: js(MANIFEST, lambda m: m["tensors"][0].update(keys))

ROTATED = [
    (None, []),
    (r"'kind' is 'x'", [manifest(kind="x")]),
    (r"'status' is null", [manifest(status=None)]),
    (r"'schema_version' is 4", [manifest(schema_version=4)]),
    (r"'transform.name' is 'x'", [transform(name="x")]),
    (r"'transform.block_size' is 96", [transform(block_size=96)]),
    (r"blocks of 8192 do not divide", [transform(block_size=8192)]),
    (r"'transform.sign_mode' is 'x'", [transform(sign_mode="x")]),
    (r"'signs' is null: must have", [manifest(signs=None)]),
    (r"as long as its name says", [js(MANIFEST, lambda m: m["signs"].update({"7": [1]}))]),
    (r"neither 1 nor -1", [js(MANIFEST, lambda m: m["signs"].update({"2": [1, 0]}))]),
    (r"no signs for the 384 columns", [js(MANIFEST, lambda m: m["signs"].pop("384") and None)]),
    (r"'tensors' has 'absent': no such tensor", [one(name="absent")]),
    (r"has one of another role", [one(role="x")]),
    (r"has one of another axis", [one(axis=0)]),
    (r"has 'model.norm.weight': such a tensor is not rotated",
     [one(name="model.norm.weight")]),
    (r"such a tensor is not rotated", [one(role="inverse-after-lookup")]),
    (r"'tied_output' is false: does not agree", [manifest(tied_output=False)]),
    (r"some of the layers' linear_attn.out_proj, but not all",
     [js(MANIFEST, lambda m: m["tensors"].remove(next(
         t for t in m["tensors"] if t["name"].endswith("out_proj.weight"))))]),
]

keys = lambda **k: js("hadamard.json",
                      lambda m: m.update({f"prism.hadamard.{n}": v for n, v in k.items()}))
ROTATED_MLX = [
    (None, []),
    (r"there is no hadamard.json", [drop("hadamard.json")]),
    (r"hadamard.json as well", [put(MANIFEST, b"{}")]),
    (r"'hadamard_config' must be", [config(hadamard_config="../x.json")]),
    (r"'prism.hadamard.surprise' is 1: is not known", [keys(surprise=1)]),
    (r"'version' is 3", [keys(version=3)]),
    (r"'axis' is 'x'", [keys(axis="x")]),
    (r"'gdn_v_grouped' is false: does not agree", [keys(gdn_v_grouped=False)]),
    (r"'sign_widths' is a list: do not make", [keys(sign_widths=[10**9])]),
    (r"q_proj.signs' does not have the signs",
     [words("language_model.model.layers.3.self_attn.q_proj.signs", 3, 7, "<f4")]),
    (r"'modules': 'language_model.lm_head.weight' has another block",
     [config(modules=[{"path": "lm_head", "block": 64}])]),
    (None, [config(modules=[{"path": "lm_head", "block": 128},
                            {"path": "model.embed_tokens", "block": 128}])]),
    (r"'gdn_activation_layout' is 'tiled'", [config(gdn_activation_layout="tiled")]),
    (r"'linear_num_value_heads' is 5", [config(linear_num_value_heads=5)]),
    (r"'linear_value_head_dim' is 32", [config(linear_value_head_dim=32)]),
    (r"layer 0 is not of the type", [config(full_attention_interval=1)]),
    (r"sections do not make", [js("config.json", lambda c: c["rope_parameters"].update(
        mrope_section=[1, 1, 1]))]),
    (r"does not leave an even part", [js("config.json", lambda c: c["rope_parameters"].update(
        partial_rotary_factor=0.01))]),
]

GEMMA = [
    (None, []),
    (r"'query_pre_attn_scalar' is 168: only", [config(query_pre_attn_scalar=168)]),
    (r"'hidden_activation' is 'silu'", [config(hidden_activation="silu")]),
    (r"'final_logit_softcapping' is 30: is not known", [config(final_logit_softcapping=30.0)]),
    (r"'sliding_window' is missing", [config(sliding_window=None)]),
    (r"layer 1 is not of the type",
     [config(layer_types=["sliding_attention", "full_attention"])]),
    (None, [config(layer_types=["sliding_attention"] * 2)]),
    (r"'use_bidirectional_attention' is true: is not", [config(use_bidirectional_attention=True)]),
]

FOLDERS = {"qwen3 f16": QWEN3, "llama packed": PACKED, "qwen3 mlx 2": MLX,
           "hybrid rotated": ROTATED, "hybrid rotated mlx": ROTATED_MLX,
           "gemma": GEMMA}


def run(tool, files, home, out):
    home.mkdir()
    for name, raw in files.items():
        (home / name).write_bytes(raw)
    done = subprocess.run([tool, home, out], capture_output=True, text=True, errors="replace")
    for name in files:
        (home / name).unlink()
    home.rmdir()
    return done


def check(tool, base, says, changes, folder):
    files = dict(base)
    for change in changes:
        change(files)
    out = folder / "out"
    done = run(tool, files, folder / "spoilt", out)
    if says is None:
        good = done.returncode == 0 and out.exists()
    else:
        lines = done.stderr.splitlines()
        good = done.returncode == 1 and len(lines) == 1 and re.search(says, lines[0])
        good = good and not out.exists() and str(folder / "spoilt") in lines[0]
    out.unlink(missing_ok=True)
    if not good:
        print(f"FAILED: wanted {says!r}: {done.returncode}, {done.stderr.strip()[:600]}")
    return good


def main():
    tool, folder = sys.argv[1], Path(sys.argv[2])
    good, count = True, 0
    for name, faults in FOLDERS.items():
        writer, arch, options = hf_check.CASES[name]
        options = {k: v for k, v in options.items() if k != "shards"}
        options |= {"dtype": "BF16"} if name == "qwen3 f16" else {}
        home = folder / "whole"
        write(home, hf_check.model(folder, writer, arch), **options)
        base = {path.name: path.read_bytes() for path in home.iterdir()}
        subprocess.run(["rm", "-r", home], check=True)
        for says, changes in faults:
            good &= bool(check(tool, base, says, changes, folder))
            count += 1
    print(f"{count} folders")
    sys.exit(not good)


if __name__ == "__main__":
    main()
