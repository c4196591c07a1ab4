#!/usr/bin/env python3
"""Writes a model of trits again, with the same keys, in other types or in several files.

  retype.py IN -o OUT [--type T] [--rows R] [--parts N]

T is one of trits_write.py, R one of rows_write.py, or R=f32: the values that R means, as f32.
--parts: OUT-00001-of-0000N.gguf and so on, as llama.cpp's gguf-split names and marks them.
"""
import argparse
import struct
import sys

from gguf_write import F32, text, write_gguf
from rows_write import ROWS
from tensors import Reader, dense, sizes, stored_trits
from trits import UNPACK
from trits_write import TRITS

U16, I32 = 2, 5


def rows(values, wanted):
    name, _, exact = wanted.partition("=")
    kind, encode = ROWS[name]
    raw, meant = encode(values)
    return (F32, meant.astype("<f4").tobytes()) if exact else (kind, raw)


def tensor(gguf, name, args):
    kind, shape, offset = gguf.tensors[name]
    if kind in UNPACK and args.type:
        kind, encode = TRITS[args.type]
        return name, kind, shape, encode(*stored_trits(gguf, name))
    if name in ("token_embd.weight", "output.weight") and args.rows:
        kind, raw = rows(dense(gguf, name), args.rows)
        return name, kind, shape, raw
    block, size = sizes(kind)
    count = 1
    for n in shape:
        count *= n
    raw = gguf.bytes_at(offset, count // block * size + (32 if kind == 36 else 0))
    return name, kind, shape, raw.tobytes()


def mark(name, form, kind, value):
    return text(name) + struct.pack("<I", kind) + struct.pack(form, value)


def write_parts(out, keys, tensors, count):
    """The metadata in the first."""
    step = -(-len(tensors) // count)
    for i in range(count):
        marks = [mark("split.no", "<H", U16, i), mark("split.count", "<H", U16, count),
                 mark("split.tensors.count", "<i", I32, len(tensors))]
        path = f"{out}-{i + 1:05}-of-{count:05}.gguf"
        write_gguf(path, (keys if i == 0 else []) + marks, tensors[i * step : (i + 1) * step])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--type", choices=TRITS)
    parser.add_argument("--rows", metavar="R")
    parser.add_argument("--parts", type=int)
    args = parser.parse_args()
    gguf = Reader(args.input)
    tensors = [tensor(gguf, name, args) for name in gguf.tensors]
    if args.parts:
        write_parts(args.output, gguf.entries, tensors, args.parts)
    else:
        write_gguf(args.output, gguf.entries, tensors)
    return 0


if __name__ == "__main__":
    sys.exit(main())
