#!/usr/bin/python3
"""Byte-level BPE learnt the slow way: all pairs are counted anew for every merge. Cuts only texts
whose pre-tokens it knows: ASCII, by gpt-2's rule.

bpe.py TEXT SIZE [CONTROL...] TOKENIZER.JSON: whether it has the tokens and merges of a vocabulary
of SIZE, learnt of TEXT, with these control tokens."""
import collections
import json
import re
import sys

# Byte-level alphabet: printable Latin-1 for itself, the rest from U+0100 on; ids in its order.
SHOWN = [*range(33, 127), *range(161, 173), *range(174, 256)]
SPELT = {b: chr(b) for b in SHOWN}
SPELT.update({b: chr(256 + i) for i, b in enumerate(b for b in range(256) if b not in SHOWN)})
GPT2 = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")


def documents(text):
    for part in re.split(r"(?m)^<\|endoftext\|>$", text):
        part = part.strip("\r\n")
        if part:
            yield part


def words(text, control):
    apart = re.compile("|".join(re.escape(c) for c in sorted(control, key=len, reverse=True)))
    counts = collections.Counter()
    for document in documents(text):
        for part in apart.split(document):
            counts.update(GPT2.findall(part))
    return counts


def learn(text, size, control):
    tokens = sorted(SPELT.values())
    number = {t: i for i, t in enumerate(tokens)}
    pieces = [([number[SPELT[b]] for b in w.encode()], n) for w, n in words(text, control).items()]
    merges = []
    while len(tokens) < size - len(control):
        pairs = collections.Counter()
        for ids, n in pieces:
            for pair in zip(ids, ids[1:]):
                pairs[pair] += n
        best = min(pairs, key=lambda p: (-pairs[p], p), default=None)
        if best is None or pairs[best] < 2:
            break
        joined = tokens[best[0]] + tokens[best[1]]
        if joined not in number:
            number[joined] = len(tokens)
            tokens.append(joined)
        merges.append(f"{tokens[best[0]]} {tokens[best[1]]}")
        for ids, _ in pieces:
            out, i = [], 0
            while i < len(ids):
                pair = tuple(ids[i:i + 2]) == best
                out.append(number[joined] if pair else ids[i])
                i += 2 if pair else 1
            ids[:] = out
    return tokens, merges


def main():
    path, size, *control, tokenizer = sys.argv[1:]
    with open(path, encoding="ascii") as file:
        tokens, merges = learn(file.read(), int(size), control)
    with open(tokenizer, encoding="utf-8") as file:
        model = json.load(file)["model"]
    theirs = sorted(model["vocab"], key=model["vocab"].get)
    for i, (ours, other) in enumerate(zip(merges, model["merges"])):
        if ours != other:
            sys.exit(f"merge {i} is '{other}', not '{ours}'")
    if (tokens, merges) != (theirs, model["merges"]):
        sys.exit(f"{len(theirs)} tokens and {len(model['merges'])} merges, "
                 f"not {len(tokens)} and {len(merges)}")


if __name__ == "__main__":
    main()
