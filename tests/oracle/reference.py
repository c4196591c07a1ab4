#!/usr/bin/env python3
"""The graphs of all families in float64: what the runtime's logits and
perplexity are held against.

It reads the GGUF bytes by itself (tensors.py) and shares nothing with the runtime. Activations are
quantised to int8 as the format has it (--float-activations leaves that out, to show its cost;
--group takes scales for other columns than the format's), K and V are rounded to f16 as the KV
cache does (--exact-kv leaves that out).

  reference.py logits MODEL (--ids FILE | --text FILE) -o OUT     raw rows, or .npy by its name
  reference.py perplexity MODEL (--ids FILE | --text FILE) [-c N] a JSON object
  reference.py tokenize MODEL --text FILE                         ids, BOS first where there is one
  reference.py embed MODEL (--ids FILE | --text FILE) [-o OUT]     the text's embedding
  reference.py drafts MODEL --ids FILE [--depth N]                the prediction block's, as ids
  reference.py compare MODEL --ids FILE --logits RAW_F32          test_logits_reference.sh's figures

--numbers float64: this file alone; binary32: the number contract (binary32.py); settled: float64,
but ties of the quantisers are settled as binary32 settles them. A file of ids is decimal numbers
between white space.
"""
import argparse
import json
import sys

import numpy as np

from hybrid import open_model
from tensors import Reader
from tokenizer import Tokenizer

# --- what is asked of it ---


def perplexity(logits, ids, bos, context, batch=8):
    """llama.cpp's definition: the text's ids in consecutive chunks of `context`, an incomplete one
    left out; where the model has a BOS it replaces the first id of each (none is put before the
    text itself); ids context/2 + 1 .. context - 1 of each are scored. The error is the mean
    log-likelihood's standard error times the perplexity."""
    chunks = np.array(ids[: len(ids) // context * context]).reshape(-1, context)
    if bos is not None:
        chunks[:, 0] = bos
    first, scores = context // 2, []
    for i in range(0, len(chunks), batch):
        rows = logits(chunks[i : i + batch], first)[:, :-1]
        wanted = chunks[i : i + batch, first + 1 :, None]
        top = rows.max(axis=-1, keepdims=True)
        total = np.log(np.exp(rows - top).sum(axis=-1, keepdims=True)) + top
        scores.append((total - np.take_along_axis(rows, wanted, -1)).ravel())
    scores = np.concatenate(scores)
    mean, n = scores.mean(), scores.size
    error = np.sqrt(((scores**2).mean() - mean**2) / (n - 1)) * np.exp(mean)
    return {
        "perplexity": float(np.exp(mean)),
        "error": float(error),
        "chunks": len(chunks),
        "scored": n,
    }


def difference(own, other):
    """Largest difference in shares of the row's largest logit, and the margins where the best token
    differs."""
    relative = np.abs(own - other).max(axis=1) / np.abs(own).max(axis=1)
    ordered = np.sort(own, axis=1)
    margin = ordered[:, -1] - ordered[:, -2]
    return float(relative.max()), margin[own.argmax(axis=1) != other.argmax(axis=1)]


def compare(model, ids, path):
    """Holds the runtime's logits to binary32 (bits) and to float64 with ties settled (1e-3); shows
    float64 alone."""
    runtime = np.fromfile(path, "<f4").reshape(len(ids), -1)
    alone = model.logits([ids])[0]
    contract = model.contract()
    expected = contract.logits([ids])[0]
    settled = model.logits_after(contract, [ids])[0]
    bits = int((expected.view(np.uint32) != runtime.view(np.uint32)).sum())
    error, margins = difference(settled, runtime)
    plain_error, plain_margins = difference(alone, runtime)
    ties = model.ties
    print(f"  number contract: {bits} of {runtime.size} logits differ in their bits")
    print(
        f"  float64: relative error {error:.2e}, other best token at {margins.size} of {len(ids)}"
        f" ({ties.settled} of {ties.all} quantised values were ties,"
        f" {ties.worst:.1e} past the middle at most)"
    )
    print(f"  float64, ties as they fall: {plain_error:.2e}, {plain_margins.size}", end="")
    print(f" with margins up to {plain_margins.max():.3f}" if plain_margins.size else "")
    return bits == 0 and error < 1e-3 and not (margins > 1e-4).any()


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command",
                        choices=["logits", "perplexity", "tokenize", "embed", "drafts", "compare"])
    parser.add_argument("model")
    parser.add_argument("--ids")
    parser.add_argument("--text")
    parser.add_argument("--depth", type=int, default=1, help="drafts after each id")
    parser.add_argument("--logits", help="what the runtime wrote, for compare")
    parser.add_argument("-o", "--output")
    parser.add_argument("-c", "--context", type=int, default=512)
    parser.add_argument("-n", "--count", type=int, help="only the first ids")
    parser.add_argument("--numbers", choices=["float64", "binary32", "settled"], default="float64")
    parser.add_argument("--float-activations", action="store_true")
    parser.add_argument("--group", choices=["own", "128", "64", "32", "row"], default="own",
                        help="columns that share a scale of the activations (float64 alone)")
    parser.add_argument("--exact-kv", action="store_true")
    parser.add_argument("--i2s-layout", choices=["128", "64", "rows4"], default="128")
    a = parser.parse_args()
    if a.group != "own" and (a.numbers != "float64" or a.command == "compare"):
        parser.error("--group is for logits and perplexity in float64")
    a.group = {"own": None, "row": "row"}[a.group] if a.group in ("own", "row") else int(a.group)
    return a


def read_ids(args, gguf):
    if args.ids:
        with open(args.ids, encoding="ascii") as file:
            ids = [int(word) for word in file.read().split()]
    else:
        with open(args.text, encoding="utf-8", newline="") as file:
            ids = Tokenizer(gguf).encode(file.read())
    return ids[: args.count]


def write_rows(path, rows):
    if path.endswith(".npy"):
        np.save(path, rows)
    else:
        rows.tofile(path)


def write_drafts(model, ids, args):
    """A line for each id from the second on: the ids that the block would draft after it. To a
    file: their logits, id by id, draft by draft."""
    rows = model.predictor().drafts(ids, args.depth)
    for drafts in rows.argmax(axis=-1):
        print(*drafts)
    if args.output:
        write_rows(args.output, rows)


def write_embedding(model, ids, args):
    """As a JSON array, or to a file."""
    numbers = model.contract() if args.numbers == "binary32" else model
    row = numbers.embedding_of(ids)
    if args.output:
        write_rows(args.output, row)
    else:
        print(json.dumps(row.tolist()))


def main():
    args = parse_arguments()
    if args.command == "tokenize":
        gguf = Reader(args.model)
        bos = Tokenizer(gguf).bos
        print(*([] if bos is None else [bos]) + read_ids(args, gguf))
        return 0
    model = open_model(args.model, args.float_activations, args.exact_kv, args.group,
                       args.i2s_layout)
    ids = read_ids(args, model.gguf)
    run = {
        "float64": model.logits,
        "settled": model.settled_logits,
        "binary32": model.contract().logits,
    }[args.numbers]
    if args.command == "drafts":
        write_drafts(model, ids, args)
        return 0
    if args.command == "embed":
        write_embedding(model, ids, args)
        return 0
    if args.command == "compare":
        return 0 if compare(model, ids, args.logits) else 1
    if args.command == "logits":
        write_rows(args.output, run([ids])[0])
    else:
        print(json.dumps(perplexity(run, ids, Tokenizer(model.gguf).bos, args.context)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
