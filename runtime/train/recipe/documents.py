"""Texts to train on: documents, each ended by a line that is END."""
import re

END = "<|endoftext|>"


def split(text):
    """As runtime/train/documents.c does: line ends around a document are no part of it, and what
    is empty is none."""
    parts = re.split(rf"^{re.escape(END)}$", text, flags=re.M)
    return [d for d in (part.strip("\n") for part in parts) if d]


def documents(path):
    with open(path, encoding="utf-8") as file:
        return split(file.read())
