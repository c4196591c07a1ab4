#!/usr/bin/env python3
"""SentencePiece's BPE by its definition, slowly; shares nothing with the runtime.

  sentence.py TOOL FOLDER [SEED]    random vocabularies and texts: does TOOL (tests/tool_tokenize.c)
                                    give the same ids?
"""
import random
import re
import struct
import subprocess
import sys

from gguf_write import BOOL, FLOAT, I32, STRING, write_gguf

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
SPACE = "\u2581"


class SentencePiece:
    """prefix: a space stands before a text, and before each part of it behind a special token."""

    def __init__(self, tokens, types, scores, prefix=True):
        named = list(enumerate(zip(tokens, types)))
        self.prefix = prefix
        self.scores = {token: scores[i] for i, (token, kind) in named if kind == NORMAL}
        self.ids = {token: i for i, (token, kind) in named if kind == NORMAL}
        self.bytes = {int(token[3:5], 16): i for i, (token, kind) in named if kind == BYTE}
        self.unknown = next((i for i, (_, kind) in named if kind == UNKNOWN), None)
        self.special = {token.replace(SPACE, " ") if kind == USER_DEFINED else token: i
                        for i, (token, kind) in named if kind in (CONTROL, USER_DEFINED, UNKNOWN)}
        words = sorted(map(re.escape, self.special), key=len, reverse=True)
        self.pattern = re.compile(f"({'|'.join(words) or '(?!)'})")

    def merge(self, symbols):
        """Of all neighbours that are a token together those of the highest score are joined, the
        leftmost of them, until there are none."""
        while True:
            pairs = [(-self.scores[a + b], i)
                     for i, (a, b) in enumerate(zip(symbols, symbols[1:])) if a + b in self.scores]
            if not pairs:
                return symbols
            _, i = min(pairs)
            symbols = symbols[:i] + [symbols[i] + symbols[i + 1]] + symbols[i + 2 :]

    def fall_back(self, symbol, before):
        """The ids of what is no token: its bytes', or the unknown one, once in a row."""
        raw = symbol.replace(SPACE, " ").encode("utf-8", "surrogateescape")
        if all(byte in self.bytes for byte in raw):
            return [self.bytes[byte] for byte in raw]
        return [] if before else [self.unknown]

    def encode_part(self, text):
        text = ((" " if self.prefix else "") + text).replace(" ", SPACE)
        ids, unknown = [], False
        for symbol in self.merge(list(text)):
            more = [self.ids[symbol]] if symbol in self.ids else self.fall_back(symbol, unknown)
            unknown = not more or more == [self.unknown]
            ids += more
        return ids

    def encode(self, text):
        """text: bytes; those that are not UTF-8 are characters of their own."""
        parts = self.pattern.split(text.decode("utf-8", "surrogateescape"))
        return sum(([self.special[part]] if n % 2 else self.encode_part(part)
                    for n, part in enumerate(parts) if part), [])


# --- random ones ---

LETTERS = [SPACE, "a", "b", "c", "é", "中", "😁"]


def random_vocabulary(rng):
    """Tokens of a few letters; scores with ties; some letters, bytes and spaces are none."""
    some = [byte for byte in range(256) if byte > 32 or rng.random() < 0.95]
    tokens = {f"<0x{byte:02X}>": (BYTE, 0) for byte in some}
    if len(some) < 256:
        tokens["<unk>"] = UNKNOWN, 0
    for _ in range(rng.randrange(5, 120)):
        word = "".join(rng.choices(LETTERS[: rng.randrange(2, 8)], k=rng.randrange(1, 6)))
        tokens[word] = NORMAL, rng.choice([0.0, -0.0, -1.0, -2.5, 3.0, -1e9, rng.uniform(-50, 0)])
    for token, kind in (("<s>", CONTROL), ("<s>b", CONTROL), ("  ", USER_DEFINED),
                        (SPACE + "c", USER_DEFINED), ("ab<", USER_DEFINED), ("ca", UNUSED)):
        if token not in tokens and rng.random() < 0.5:
            tokens[token] = kind, 0
    items = list(tokens.items())
    rng.shuffle(items)
    return [t for t, _ in items], [k for _, (k, _) in items], [s for _, (_, s) in items]


def random_text(rng):
    words = ["a", "b", "c", "ab", " ", "  ", SPACE, "é", "中", "😁", "<s>", "<s", "d", "\n",
             "<unk>"]
    parts = [word.encode() for word in words] + [b"\xff", b"\xc3", b"\xe4\xb8", b"\xe2\x96"]
    return b"".join(rng.choices(parts[: rng.randrange(2, len(parts) + 1)], k=rng.randrange(60)))


def ask(tool, path, texts):
    data = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    lines = subprocess.run([tool, path, "loose"], input=data, stdout=subprocess.PIPE, check=True)
    return [[int(i) for i in line.split()] for line in lines.stdout.decode().split("\n")[:-1]]


def main():
    tool, folder, seed = sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "1"
    rng, wrong = random.Random(seed), 0
    for _ in range(40):
        (tokens, types, scores), prefix = random_vocabulary(rng), rng.random() < 0.5
        path = folder + "/sentence.gguf"
        write_gguf(path, [("tokenizer.ggml.model", STRING, "llama"),
                          ("tokenizer.ggml.tokens", STRING, tokens),
                          ("tokenizer.ggml.token_type", I32, types),
                          ("tokenizer.ggml.scores", FLOAT, scores),
                          ("tokenizer.ggml.add_space_prefix", BOOL, prefix)], [])
        # binary32, as the file has them
        rounded = struct.unpack(f"<{len(scores)}f", struct.pack(f"<{len(scores)}f", *scores))
        slow = SentencePiece(tokens, types, rounded, prefix)
        texts = [random_text(rng) for _ in range(60)]
        for text, ids in zip(texts, ask(tool, path, texts), strict=True):
            if ids != slow.encode(text):
                wrong += 1
                print(f"{text!r}\n  expected {slow.encode(text)}\n  got      {ids}")
    print(f"seed {seed}: 40 vocabularies, 2400 texts, {wrong} with other ids than by definition")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
