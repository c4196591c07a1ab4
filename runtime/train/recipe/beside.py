#!/usr/bin/env python3
"""What the default model is measured beside, on the stories that it never saw: n-grams of its own
tokens (5-gram, Kneser-Ney) and xz -9, both given all texts that it was trained on.

  beside.py CORPUS OUT     as tales.sh has them; TRITMILL is the program

Documents of which every 50th is held out, as `tritmill train --hold-out 50` does. Needs numpy.
"""
import array
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from documents import END, documents

HOLD = 50
NGRAM = Path(__file__).parents[3] / "tests" / "oracle" / "ngram.py"


def ids_of(text, out, work):
    """The ids of documents behind END each, as a file of u16."""
    (work / "text").write_text(text, encoding="utf-8")
    program = os.environ.get("TRITMILL", "build/default/tritmill")
    said = subprocess.run([program, "tokenize", "-m", out / "vocabulary.gguf", "-f", work / "text",
                           "--ids"], check=True, capture_output=True, text=True).stdout
    path = work / f"{len(list(work.iterdir()))}.u16"
    path.write_bytes(array.array("H", json.loads(said)).tobytes())
    return path


def joined(docs):
    return "".join(END + d for d in docs)


def main():
    corpus, out = Path(sys.argv[1]), Path(sys.argv[2])
    texts = [out / "stories.txt", corpus / "books.txt", corpus / "storybooks.txt",
             out / "dialogues.txt"]
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        trained, seen = [], []
        for path in texts:
            docs = [d for i, d in enumerate(documents(path)) if i % HOLD != HOLD - 1]
            trained.append(ids_of(joined(docs), out, work))
            seen.append(work / f"{path.stem}.txt")
            seen[-1].write_text("\n".join(docs), encoding="utf-8")
        held = documents(texts[0])[HOLD - 1::HOLD]
        ids = ids_of(joined(held), out, work)
        plain = work / "held"
        plain.write_text(re.sub(r"<\|\w+\|>", "", "".join(held)), encoding="utf-8")
        print(f"{len(held)} stories held out, {plain.stat().st_size} bytes, "
              f"{ids.stat().st_size // 2} tokens", flush=True)
        for order in ("3", "5"):
            subprocess.run([sys.executable, NGRAM, "--train", *trained, "--held", ids, "--vocab",
                            "4096", "--order", order, "--text", plain], check=True)
        subprocess.run([sys.executable, NGRAM, "--text", plain, "--xz", *seen], check=True)


if __name__ == "__main__":
    main()
