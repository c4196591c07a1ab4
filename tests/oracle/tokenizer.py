#!/usr/bin/env python3
"""Llama 3's and Qwen's tokenizers over a GGUF's vocabulary, slow and by hand.

As a program it is a tool for tokenizer.mjs:

  tokenizer.py --unassigned       first and last of the code points that this Unicode lacks
  tokenizer.py MODEL [plain]      strings of stdin (u32 length, bytes) as lines of ids;
                                  plain: control tokens are text
"""
import heapq
import re
import struct
import sys
import unicodedata

SPACES = set("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000")
SPACES |= {chr(c) for c in range(0x2000, 0x200B)}
CONTRACTIONS = ("'re", "'ve", "'ll", "'s", "'t", "'m", "'d")


def kind_of(c):
    if c in SPACES:
        return "s"
    category = unicodedata.category(c)[0]
    return category if category in "LMN" else "o"


def run(text, i, test):
    while i < len(text) and test(text[i]):
        i += 1
    return i


def piece_end(text, i, digits, letters):
    """End of the piece that begins at i, branch by branch of Llama 3's pattern, which takes 3
    digits at most, and of Qwen's, which take 1. letters: the kinds that are letters; Qwen 3.5's
    has marks among them."""
    for c in CONTRACTIONS:
        if text[i : i + len(c)].lower().replace("\u017f", "s") == c:
            return i + len(c)
    letter = lambda c: kind_of(c) in letters
    other = lambda c: kind_of(c) not in letters + "Ns"
    newline = lambda c: c in "\r\n"
    skip = i if letter(text[i]) or newline(text[i]) or kind_of(text[i]) == "N" else i + 1
    if (end := run(text, skip, letter)) > skip:
        return end
    if kind_of(text[i]) == "N":
        return min(run(text, i, lambda c: kind_of(c) == "N"), i + digits)
    start = i + (text[i] == " ")
    if (end := run(text, start, other)) > start:
        return run(text, end, newline)
    end = run(text, i, lambda c: kind_of(c) == "s")
    breaks = [j for j in range(i, end) if newline(text[j])]
    if breaks:
        return breaks[-1] + 1
    return end if end == len(text) or end == i + 1 else end - 1


def byte_alphabet():
    """Byte -> the printable character that stands for it in the vocabulary."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return {**{b: chr(b) for b in printable}, **{b: chr(256 + n) for n, b in enumerate(others)}}


class Merger:
    """The parts of a piece, a linked list of positions; pairs wait by rank, then from the left."""

    def __init__(self, piece, ranks):
        self.ranks, self.parts = ranks, list(piece)
        self.next = list(range(1, len(piece))) + [None]
        self.before = [None] + list(range(len(piece) - 1))
        self.queue = []
        for i in range(len(piece) - 1):
            self.push(i)

    def push(self, i):
        if i is None or self.next[i] is None:
            return
        pair = self.parts[i], self.parts[self.next[i]]
        if pair in self.ranks:
            heapq.heappush(self.queue, (self.ranks[pair], i, pair))

    def join(self, i):
        j = self.next[i]
        self.parts[i] += self.parts[j]
        self.parts[j], self.next[i] = None, self.next[j]
        if self.next[i] is not None:
            self.before[self.next[i]] = i
        self.push(self.before[i])
        self.push(i)

    def run(self):
        while self.queue:
            _, i, pair = heapq.heappop(self.queue)
            j = self.next[i]
            if j is not None and (self.parts[i], self.parts[j]) == pair:
                self.join(i)
        return [part for part in self.parts if part is not None]


# tokenizer.ggml.pre -> digits of a piece, kinds of letters, and is a piece that is a token left
# whole?
PRE = {b"qwen2": (1, "L", False), b"qwen35": (1, "LM", False)}
LLAMA3 = (3, "L", True)
CONTROL, USER_DEFINED = 3, 4


class Tokenizer:
    def __init__(self, gguf, plain=False):
        keys = gguf.keys
        tokens = [t.decode() for t in keys["tokenizer.ggml.tokens"]]
        self.ids = {token: i for i, token in enumerate(tokens)}
        merges = [tuple(m.decode().split(" ")) for m in keys.get("tokenizer.ggml.merges", [])]
        self.ranks = {pair: i for i, pair in enumerate(merges)}
        self.alphabet = byte_alphabet()
        self.digits, self.letters, self.whole = PRE.get(keys.get("tokenizer.ggml.pre"), LLAMA3)
        bos = keys.get("tokenizer.ggml.bos_token_id")
        self.bos = bos if keys.get("tokenizer.ggml.add_bos_token", True) else None
        self.special = self.pattern(tokens, keys.get("tokenizer.ggml.token_type", []), plain)
        self.known = {}

    @staticmethod
    def pattern(tokens, types, plain):
        """The tokens that are split out of the text first, the longest first."""
        kinds = (USER_DEFINED,) if plain else (CONTROL, USER_DEFINED)
        special = [token for token, kind in zip(tokens, types) if kind in kinds and token]
        words = map(re.escape, sorted(special, key=len, reverse=True))
        return re.compile(f"({'|'.join(words) or '(?!)'})")

    def merge(self, piece):
        if self.whole and piece in self.ids:
            return [self.ids[piece]]
        return [self.ids[part] for part in Merger(piece, self.ranks).run()]

    def encode(self, text):
        ids = []
        for n, part in enumerate(self.special.split(text)):
            ids += [self.ids[part]] if n % 2 else self.encode_text(part)
        return ids

    def encode_text(self, text):
        ids, i = [], 0
        while i < len(text):
            end = piece_end(text, i, self.digits, self.letters)
            piece = "".join(self.alphabet[b] for b in text[i:end].encode())
            if piece not in self.known:
                self.known[piece] = self.merge(piece)
            ids += self.known[piece]
            i = end
        return ids


# --- as a program ---


def print_unassigned():
    lacking = [unicodedata.category(chr(c)) == "Cn" for c in range(sys.maxunicode + 1)] + [False]
    first = None
    for c, is_lacking in enumerate(lacking):
        if is_lacking and first is None:
            first = c
        elif not is_lacking and first is not None:
            print(first, c - 1)
            first = None


def main():
    if sys.argv[1] == "--unassigned":
        return print_unassigned()
    from tensors import Reader  # needs numpy
    tokenizer = Tokenizer(Reader(sys.argv[1]), "plain" in sys.argv[2:])
    data, at = sys.stdin.buffer.read(), 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        at += 4 + length
        print(*tokenizer.encode(data[at - length : at].decode()))


if __name__ == "__main__":
    main()
