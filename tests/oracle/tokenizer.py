"""Llama 3's tokenizer over a GGUF's vocabulary, slow and by hand."""
import unicodedata

SPACES = set("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000")
SPACES |= {chr(c) for c in range(0x2000, 0x200B)}
CONTRACTIONS = ("'re", "'ve", "'ll", "'s", "'t", "'m", "'d")


def kind_of(c):
    if c in SPACES:
        return "s"
    category = unicodedata.category(c)[0]
    return category if category in "LN" else "o"


def run(text, i, test):
    while i < len(text) and test(text[i]):
        i += 1
    return i


def piece_end(text, i):
    """End of the piece that begins at i, branch by branch of Llama 3's pattern."""
    for c in CONTRACTIONS:
        if text[i : i + len(c)].lower().replace("\u017f", "s") == c:
            return i + len(c)
    letter = lambda c: kind_of(c) == "L"
    newline = lambda c: c in "\r\n"
    skip = i if letter(text[i]) or newline(text[i]) or kind_of(text[i]) == "N" else i + 1
    if (end := run(text, skip, letter)) > skip:
        return end
    if kind_of(text[i]) == "N":
        return min(run(text, i, lambda c: kind_of(c) == "N"), i + 3)
    start = i + (text[i] == " ")
    if (end := run(text, start, lambda c: kind_of(c) == "o")) > start:
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


class Tokenizer:
    def __init__(self, gguf):
        keys = gguf.keys
        tokens = [t.decode() for t in keys["tokenizer.ggml.tokens"]]
        self.ids = {token: i for i, token in enumerate(tokens)}
        merges = [tuple(m.decode().split(" ")) for m in keys.get("tokenizer.ggml.merges", [])]
        self.ranks = {pair: i for i, pair in enumerate(merges)}
        self.alphabet = byte_alphabet()
        bos = keys.get("tokenizer.ggml.bos_token_id")
        self.bos = bos if keys.get("tokenizer.ggml.add_bos_token", True) else None
        self.known = {}

    def merge(self, piece):
        parts = [piece] if piece in self.ids else list(piece)
        while len(parts) > 1:
            rank = lambda j: self.ranks.get((parts[j], parts[j + 1]), len(self.ranks))
            best = min(range(len(parts) - 1), key=rank)
            if rank(best) == len(self.ranks):
                break
            parts[best : best + 2] = [parts[best] + parts[best + 1]]
        return [self.ids[p] for p in parts]

    def encode(self, text):
        ids, i = [], 0
        while i < len(text):
            end = piece_end(text, i)
            piece = "".join(self.alphabet[b] for b in text[i:end].encode())
            if piece not in self.known:
                self.known[piece] = self.merge(piece)
            ids += self.known[piece]
            i = end
        return ids
