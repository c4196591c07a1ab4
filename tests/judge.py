#!/usr/bin/env python3
"""What the judging commands say, against numpy on raw logits.

judge.py divergence|eval|embed MODEL FOLDER
"""
import json
import os
import struct
import subprocess
import sys

import numpy as np

what, model, folder = sys.argv[1:4]
build = os.environ["TRIT_BUILD"]


def place(name):
    return os.path.join(folder, name)


def run(*words):
    return subprocess.run([os.environ["TRITMILL"], *words], check=True, capture_output=True).stdout


def tokens(text, bos=True):
    words = ["--ids", *([] if bos else ["--no-bos"]), "-p", text]
    return json.loads(run("tokenize", "-m", model, *words))


def logits(ids, *words):
    open(place("ids"), "w").write(" ".join(map(str, ids)))
    subprocess.run([f"{build}/tests/logits", "-m", model, "--ids", place("ids"), "--out",
                    place("raw"), *words], check=True, capture_output=True)
    return np.fromfile(place("raw"), "<f4").reshape(len(ids), -1).astype(float)


def log_softmax(x):
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def close(name, ours, wanted, tolerance):
    print(f"{name}: {ours:.9g}, numpy {wanted:.9g}")
    assert abs(ours - wanted) <= tolerance, name


def read_base(path):
    """The file as its description has it."""
    data = open(path, "rb").read()
    context, vocab, chunks = struct.unpack_from("<3i", data, 8)
    assert data[:8] == b"_logits_"
    ids = np.frombuffer(data, "<i4", context * chunks, 20)
    rows = np.frombuffer(data, "<u2", offset=20 + 4 * ids.size)
    rows = rows.reshape(-1, 4 + (vocab + 1) // 2 * 2)
    head = rows[:, :4].copy().view("<f4").astype(float)
    return ids.reshape(chunks, context), head[:, :1] * rows[:, 4:4 + vocab] + head[:, 1:]


def divergence():
    text = open(os.path.join(os.environ["TRIT_SOURCE"], "tests/data/stories.txt")).read()[:1500]
    open(place("text"), "w").write(text)
    run("perplexity", "-m", model, "-f", place("text"), "-c", "40", "--chunks", "3", "--kl-base",
        place("base"))
    told = json.loads(run("perplexity", "-m", model, "--kl-divergence", "--kl-base", place("base"),
                          "--kv-type", "i8", "-o", "json"))
    chunks, saved = read_base(place("base"))
    assert chunks.ravel().tolist() == tokens(text, bos=False)[:120]
    bos = tokens("")[0]
    rows = [np.concatenate([logits([bos, *ids[1:]], *words)[20:39] for ids in chunks])
            for words in ([], ["--kv-type", "i8"])]
    exact, other = map(log_softmax, rows)
    kept = exact > exact.max(1, keepdims=True) - 16
    assert np.abs(saved - exact)[kept].max() < 16 / 65535
    next_ids = np.concatenate([ids[21:40] for ids in chunks])
    at = np.arange(len(next_ids)), next_ids
    kl = np.where(saved > -16, np.exp(saved) * (saved - other), 0).sum(1)
    p = np.exp(other[at]) - np.exp(saved[at])
    d = told["divergence"]
    close("KL", d["kl"], kl.mean(), 1e-9)
    close("its error", d["kl_error"], kl.std() / np.sqrt(len(kl) - 1), 1e-9)
    close("largest KL", d["kl_quantiles"]["max"], kl.max(), 1e-8)
    close("median KL", d["kl_quantiles"]["median"], np.median(kl), 1e-8)
    close("same best", d["same_best"], (other.argmax(1) == saved.argmax(1)).mean(), 1e-9)
    close("p, root mean square", d["p_rms"], np.sqrt((p * p).mean()), 1e-9)
    close("p, largest", d["p_largest"], np.abs(p).max(), 1e-7)
    close("ratio", d["perplexity_ratio"], np.exp((saved[at] - other[at]).mean()), 1e-9)
    close("perplexity", told["perplexity"], np.exp(-other[at].mean()), 1e-6)


QUESTIONS = {
    "arc": [{"question": {"stem": "What does a cat like?", "choices": [
        {"text": "milk", "label": "A"}, {"text": "a very big red stone", "label": "B"},
        {"text": "to fly", "label": "C"}]}, "answerKey": "B"},
            {"question": "Who was happy?", "choices": {"text": ["The girl", "The rain"],
                                                      "label": ["1", "2"]}, "answerKey": "1"}],
    "winogrande": [{"sentence": "Tom gave Sam the ball because _ was sad.", "option1": "Tom",
                    "option2": "Sam", "answer": "2"}],
    "boolq": [{"passage": "The sun is yellow.", "question": "is the sun blue", "answer": False}],
    "piqa": [{"goal": "Open the door", "sol1": "turn the key", "sol2": "eat"}],
    "hellaswag": [{"activity_label": "Play", "ctx_a": "A boy  plays. [title] Ball",
                   "ctx_b": "he", "endings": ["runs. [x]", "is a tree.", "sleeps a lot."],
                   "label": "0"}],
}
CHOICES = {  # context, continuation, what was to be chosen
    "arc": [[(f"Question: What does a cat like?\nAnswer:", f" {c}", c)
             for c in ("milk", "a very big red stone", "to fly")],
            [("Question: Who was happy?\nAnswer:", f" {c}", c) for c in ("The girl", "The rain")]],
    "winogrande": [[(f"Tom gave Sam the ball because {c}", " was sad.", c)
                    for c in ("Tom", "Sam")]],
    "boolq": [[("The sun is yellow.\nQuestion: is the sun blue?\nAnswer:", f" {c}", c)
               for c in ("no", "yes")]],
    "piqa": [[("Question: Open the door\nAnswer:", f" {c}", c) for c in ("turn the key", "eat")]],
    "hellaswag": [[("Play: A boy plays. Ball He", f" {c}", c)
                   for c in ("runs. ", "is a tree.", "sleeps a lot.")]],
}
RIGHT = {"arc": [1, 0], "winogrande": [1], "boolq": [0], "piqa": [0], "hellaswag": [0]}


def likelihood(context, continuation):
    head, ids = len(tokens(context)), tokens(context + continuation)
    rows = log_softmax(logits(ids))
    return sum(rows[i - 1, ids[i]] for i in range(head, len(ids)))


def eval_tasks():
    words = []
    for name, questions in QUESTIONS.items():
        open(place(f"{name}.jsonl"), "w").write("\n\n".join(map(json.dumps, questions)))
        words += ["--task", place(f"{name}.jsonl")]
    open(place("piqa-labels.lst"), "w").write("0\n")
    told = json.loads(run("eval", "-m", model, *words, "-o", "json"))["tasks"]
    for name, task in zip(QUESTIONS, told):
        raw, normed = [], []
        for choices, right in zip(CHOICES[name], RIGHT[name]):
            sums = np.array([likelihood(*c[:2]) for c in choices])
            raw.append(sums.argmax() == right)
            normed.append((sums / [len(c[2]) for c in choices]).argmax() == right)
        print(name, task)
        assert task["task"].lower() == name and task["questions"] == len(raw)
        assert task["acc"] == np.mean(raw) and task["acc_norm"] == np.mean(normed)


def embed():
    """The head is the embedding: its products with the state are the logits."""
    text = "Once upon a time there was a little dog."
    ids = tokens(text)
    rows = logits(ids)
    vector = np.frombuffer(run("embed", "-m", model, "-p", text, "-o", "bin"), "<f4").astype(float)
    close("length", np.linalg.norm(vector), 1, 1e-6)
    raw = np.frombuffer(run("embed", "-m", model, "-p", text, "-o", "bin", "--no-normalize"),
                        "<f4").astype(float)
    close("direction", np.dot(raw, vector) / np.linalg.norm(raw), 1, 1e-6)
    sys.path.insert(0, os.path.join(os.environ["TRIT_SOURCE"], "tests/oracle"))
    import tensors
    table = tensors.dense(tensors.Reader(model), "token_embd.weight")
    close("logits", np.abs(table @ raw - rows[-1]).max(), 0, 1e-3)
    mean = np.frombuffer(run("embed", "-m", model, "-p", text, "-o", "bin", "--no-normalize",
                             "--pooling", "mean"), "<f4").astype(float)
    close("mean of logits", np.abs(table @ mean - rows.mean(0)).max(), 0, 1e-3)
    lines = place("lines")
    open(lines, "w").write(f"{text}\n\nThe end.\r\n")
    told = json.loads(run("embed", "-m", model, "-f", lines))
    assert [d["tokens"] for d in told["data"]] == [len(ids), len(tokens("The end."))]
    assert np.allclose(told["data"][0]["embedding"], vector, atol=1e-8)
    csv = run("embed", "-m", model, "-f", lines, "-o", "csv", "-t", "1").decode().split()
    assert np.allclose([float(x) for x in csv[0].split(",")], vector, atol=1e-8)


{"divergence": divergence, "eval": eval_tasks, "embed": embed}[what]()
