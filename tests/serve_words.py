"""A model that says what a test wants: after a newline these words, one token each, up to the end
of its turn. Its vocabulary is made for that, and a chain of tokens leads through it."""
import json
import os
import subprocess

GROUP = 32


def alphabet():
    """The letter of each byte in byte-level vocabularies."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {b: chr(b) for b in plain}
    for b in range(256):
        if b not in letters:
            letters[b] = chr(256 + len(letters) - len(plain))
    return letters


def write(path, words, *options):
    """words: texts, and control tokens such as <think>, all different, and none a single byte."""
    letters = alphabet()
    texts = ["\n", *words, "<|im_end|>"]
    texts += [f"(nothing {i})" for i in range(GROUP - len(texts))]
    vocabulary, added = {}, []

    def control(text):
        return text.startswith("<") and text.endswith(">")

    rest = ["<|im_start|>", "<|endoftext|>", "<think>", "</think>", "<tool_call>", "</tool_call>"]
    for text in [*texts, *(t for t in rest if t not in texts)]:
        number = len(vocabulary) + len(added)
        if control(text):
            added.append({"id": number, "content": text, "special": text.startswith("<|")})
        else:
            vocabulary["".join(letters[b] for b in text.encode())] = number
    for b in range(256):
        vocabulary.setdefault(letters[b], len(vocabulary) + len(added))
    file = path + ".json"
    with open(file, "w", encoding="utf-8") as f:
        json.dump({"model": {"type": "BPE", "vocab": vocabulary, "merges": []},
                   "added_tokens": added}, f)
    subprocess.run([os.environ["TRITMILL"], "synth", "--shape", "128x256x2x4x2", "--tokenizer",
                    file, "--vocab", "512", "--context", "4096", "--untied", "--peak", "0.5",
                    "--chain", str(GROUP), *options, "-o", path], check=True,
                   stderr=subprocess.DEVNULL)
    os.remove(file)
