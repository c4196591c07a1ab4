#!/usr/bin/env python3
"""SentencePiece vocabularies as tokenizer.model and as tokenizer.json with byte_fallback, and what
the conversion of both must give:

  hf_pieces.py TOOL TRITMILL FOLDER

Both files of one vocabulary cut texts alike.
"""
import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np

import hf_check
from hf_write import tokenizer as byte_level
from hf_write import write

UNKNOWN, CONTROL, USER, UNUSED, BYTE, NORMAL = 2, 3, 4, 5, 6, 1
SPACE = "\u2581"

# --- protocol buffers ---


def varint(n):
    n &= 2**64 - 1
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, raw):
    return varint(field << 3 | 2) + varint(len(raw)) + raw


def real(field, value):
    return varint(field << 3 | 5) + struct.pack("<f", value)


def piece(text, score, kind):
    raw = block(1, text.encode()) + real(2, score)
    return block(1, raw + (number(3, kind) if kind != NORMAL else b""))


def model(pieces, kind=2, prefix=True, trim=False, extra=b"", norm=b""):
    """tokenizer.model; pieces: (text, score, type)."""
    trainer = number(3, kind) + number(4, len(pieces)) + number(35, 1) + extra
    trainer += number(40, 0) + number(41, 1) + number(42, 2) + number(43, -1)
    rules = block(1, b"identity") + norm + number(3, prefix) + number(4, trim)
    return b"".join(piece(*p) for p in pieces) + block(2, trainer) + block(3, rules)


# --- a vocabulary ---

WORDS = ("the cat sat on a mat and then the hat that was there ate it all theatre "
         "häuser über straße naïve 東京 東京都 aaaa aaa xyx yxy").split()


def vocabulary():
    """Pieces as a trainer of BPE makes them: pairs that are frequent first."""
    texts = [[SPACE, *word] for word in WORDS for _ in range(3)]
    letters = sorted({c for text in texts for c in text})
    made = []
    while len(made) < 60:
        pairs = {}
        for text in texts:
            for pair in zip(text, text[1:]):
                pairs[pair] = pairs.get(pair, 0) + 1
        best = max(pairs, key=lambda p: (pairs[p], p), default=None)
        if not best:
            break
        made.append("".join(best))
        texts = [joined(text, best) for text in texts]
    made = list(dict.fromkeys(made))
    pieces = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL)]
    pieces += [(f"<0x{i:02X}>", 0.0, BYTE) for i in range(256)]
    pieces += [(text, -float(i), NORMAL) for i, text in enumerate(made + letters)]
    return pieces


def joined(text, pair):
    out, i = [], 0
    while i < len(text):
        both = tuple(text[i:i + 2]) == pair
        out.append("".join(pair) if both else text[i])
        i += 1 + both
    return out


def merges(pieces):
    """As converters make them: all pairs of tokens that make a token, the best token first."""
    rank = {text: i for i, (text, _, kind) in enumerate(pieces) if kind == NORMAL}
    pairs = [(rank[text], rank[text[:i]], rank[text[i:]], text[:i], text[i:])
             for text in rank for i in range(1, len(text))
             if text[:i] in rank and text[i:] in rank]
    return [[left, right] for *_, left, right in sorted(pairs)]


def tokenizer(pieces, metaspace=False, prefix=True):
    """tokenizer.json of it."""
    added = [{"id": i, "content": t, "special": True} for i, (t, _, _) in enumerate(pieces[:3])]
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    before = [{"type": "Prepend", "prepend": SPACE}] if prefix else []
    space = {"type": "Metaspace", "replacement": SPACE,
             "prepend_scheme": "first" if prefix else "never", "split": False}
    bos = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                                                    {"Sequence": {"id": "A", "type_id": 0}}]}
    return {
        "added_tokens": added,
        "normalizer": None if metaspace else {"type": "Sequence",
                                              "normalizers": before + [replace]},
        "pre_tokenizer": space if metaspace else None,
        "post_processor": bos,
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True,
                  "vocab": {t: i for i, (t, _, _) in enumerate(pieces)}, "merges": merges(pieces)},
    }


# --- checks ---

TEXTS = [" ".join(WORDS), "thethe catcat", "aaaaaaaaaaa", "Äpfel \U0001F600 x", " two  spaces ",
         "xyxyxyxyx", "東京都の猫", "\n\ttab", "the"]
RUNNABLE = "write_llama --shape 128x256x1x4x2 --norms bf16 --type f32 --vocab 400"


def ids(tritmill, path):
    lines = []
    for text in TEXTS:
        done = subprocess.run([tritmill, "tokenize", "-m", path, "--ids", "-p", text],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        lines.append(done.stdout.strip())
    return lines


def keys_of(folder, tool, files):
    """The keys of the folder with these files in the place of its own."""
    for name in ("tokenizer.json", "tokenizer.model", "tokenizer_config.json"):
        (folder / name).unlink(missing_ok=True)
    for name, raw in files.items():
        (folder / name).write_bytes(raw if isinstance(raw, bytes) else json.dumps(raw).encode())
    return hf_check.convert(tool, folder, ["1"])[0].keys


def check_pieces(keys, pieces, rows, prefix):
    tokens = keys["tokenizer.ggml.tokens"]
    pads = [f"[PAD{i}]" for i in range(len(pieces), rows)]
    assert tokens == [t for t, _, _ in pieces] + pads, tokens
    types = [kind for _, _, kind in pieces] + [UNUSED] * len(pads)
    assert keys["tokenizer.ggml.token_type"] == types
    assert keys["tokenizer.ggml.model"] == "llama"
    wanted = {"bos_token_id": 1, "add_bos_token": True, "unknown_token_id": 0,
              "add_space_prefix": prefix}
    for name, value in wanted.items():
        assert keys["tokenizer.ggml." + name] == value, (name, keys["tokenizer.ggml." + name])


def check_same_ids(tool, tritmill, folder, pieces):
    """Through the runtime: what one file says, the other says."""
    said = []
    for files in ({"tokenizer.model": model(pieces)}, {"tokenizer.json": tokenizer(pieces)}):
        keys_of(folder, tool, files)
        out = folder.with_suffix(".gguf")
        subprocess.run([tool, folder, out, "1"], check=True, stdout=subprocess.DEVNULL)
        said.append(ids(tritmill, out))
        out.unlink()
    assert said[0] == said[1], [pair for pair in zip(*said) if pair[0] != pair[1]]


def check_ends(tool, folder, m):
    """A template that ends texts with one token, where another ends turns."""
    names = m.keys["tokenizer.ggml.tokens"][-2:]  # BOS and EOS
    special = lambda name: {"SpecialToken": {"id": name, "type_id": 0}}
    post = {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}},
                                                     special(names[0])]}
    keys = keys_of(folder, tool, {"tokenizer.json": byte_level(m.keys) | {"post_processor": post},
                                  "tokenizer_config.json": {"eos_token": names[1]}})
    wanted = {"eos_token_id": 398, "eot_token_id": 399, "add_eos_token": True,
              "add_bos_token": False}
    for name, value in wanted.items():
        assert keys["tokenizer.ggml." + name] == value, (name, keys["tokenizer.ggml." + name])


FAULTS = {
    "is no protocol buffer": [b"\xff" * 12, b"\x0a\xff\x7f", b"\x0b"],
    "model_type is 1": [model(vocabulary(), kind=1)],
    "has no pieces": [b"", number(9, 1)],
    "'', is empty": [model([("", 0.0, NORMAL)])],
    "a type that is not known": [model([("a", 0.0, 7)]), model([("a", 0.0, 2**40)])],
    "a score that is not finite": [model([("a", float("nan"), NORMAL)])],
    "a piece is not UTF-8": [block(1, block(1, b"\xff"))],
    "a piece is no protocol": [block(1, b"\x0a\x05a")],
    "no row of the embedding": [model([(f"t{i}", 0.0, NORMAL) for i in range(401)]),
                                model(vocabulary(), extra=b"") + block(2, number(41, 400))],
    "its normalizer changes": [model(vocabulary(), norm=block(2, b"abc"))],
    "at the ends of words": [model(vocabulary(), extra=number(24, 1))],
}


def check_faults(tool, folder):
    for says, files in FAULTS.items():
        for raw in files:
            (folder / "tokenizer.model").write_bytes(raw)
            done = subprocess.run([tool, folder, folder.with_suffix(".out")], capture_output=True,
                                  text=True)
            assert done.returncode == 1 and says in done.stderr, (says, done.stderr)
            assert "tokenizer.model" in done.stderr and done.stderr.count("\n") == 1, done.stderr


def main():
    tool, tritmill, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    m = hf_check.model(folder, RUNNABLE, None)
    home, pieces = folder / "hf", vocabulary()
    write(home, m)
    keys = keys_of(home, tool, {"tokenizer.model": model(pieces)})
    check_pieces(keys, pieces, 400, True)
    assert np.allclose(keys["tokenizer.ggml.scores"][:len(pieces)], [s for _, s, _ in pieces])
    for options in ({}, {"metaspace": True}, {"prefix": False}, {"metaspace": True,
                                                                "prefix": False}):
        keys = keys_of(home, tool, {"tokenizer.json": tokenizer(pieces, **options)})
        check_pieces(keys, pieces, 400, options.get("prefix", True))
    added = {"added_tokens_decoder": {"398": {"content": "<x>", "special": True},
                                      "399": {"content": "<y>", "special": False}},
             "add_bos_token": False, "eos_token": {"content": "<x>"}}
    keys = keys_of(home, tool, {"tokenizer.model": model(pieces, prefix=False, trim=True),
                                "tokenizer_config.json": added})
    assert keys["tokenizer.ggml.tokens"][397:] == ["[PAD397]", "<x>", "<y>"]
    assert keys["tokenizer.ggml.token_type"][397:] == [UNUSED, CONTROL, USER]
    assert keys["tokenizer.ggml.eos_token_id"] == 398
    assert not keys["tokenizer.ggml.add_bos_token"]
    assert keys["tokenizer.ggml.remove_extra_whitespaces"]
    check_ends(tool, home, m)
    check_same_ids(tool, tritmill, home, pieces)
    check_faults(tool, home)
    print("pieces - as written")


if __name__ == "__main__":
    main()
