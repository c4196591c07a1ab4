"""What the programs that spoil models share (bad_ARCHITECTURE.py): one fault each, and what the
program must say of it.

A fault must end `tritmill run` with exit code 1, nothing on stdout (but the prompt, where it shows
only then) and one line on stderr that names the file and holds the words given; what is no fault
must run. SPOIL is tests/tool_spoil.c, which cuts a model of each type, and makes bytes wrong.
"""
import subprocess
import sys
from pathlib import Path

import numpy as np

import gguf_write as gguf
from gguf_write import BOOL, FLOAT, PQ2_0, PTQ1_0, Q1_0, Q2_0, STRING, U32

NAN, INF = float("nan"), float("inf")
BLOCKS = {Q1_0: (128, 18, 0), Q2_0: (64, 18, 0), PQ2_0: (128, 34, 0), PTQ1_0: (128, 28, 26)}
TYPES = {"q1_0": Q1_0, "q2_0": Q2_0, "pq2_0": PQ2_0, "ptq1_0": PTQ1_0}

# What the arguments of every writer have, for a small model.
USUAL = dict(
    type="pq2_0", rows="same", signs=False, split_scales=None, short_scales=False, twos=0.0,
    empty=0.0, focus=1.0, tied=False, vocab=261, eps=1e-6, embedding=1.0, peak=1.0, gate=1.5,
    chain=False, seed=1, hidden=128, ffn=128, layers=1, heads=2, kv=1, head_dim=64, dense=False,
    norms="f32")

# --- faults: each takes keys and tensors and changes them in their place ---


def set_key(name, value, kind=None):
    """None drops it."""
    kinds = {int: U32, float: FLOAT, str: STRING, list: U32, bool: BOOL}

    def change(keys, tensors):
        at = [i for i, (other, _, _) in enumerate(keys) if other == name]
        new = [] if value is None else [(name, kind or kinds[type(value)], value)]
        place = at[0] if at else len(keys)
        keys[place : place + len(at)] = new
    return change


def edit_key(name, edit):
    """Another value: edit(the old one)."""
    def change(keys, tensors):
        i = [other for other, _, _ in keys].index(name)
        keys[i] = (*keys[i][:2], edit(keys[i][2]))
    return change


def full_name(name):
    return name if name.endswith((".bias", ".ssm_a", ".scale")) else name + ".weight"


def tensor(name, kind=None, shape=None, raw=None, edit=None):
    """Replaces what is given of a tensor; edit changes its bytes."""
    def change(keys, tensors):
        i = [name for name, *_ in tensors].index(full_name(name))
        full, old_kind, old_shape, old_raw = tensors[i]
        data = bytearray(old_raw if raw is None else raw)
        if edit:
            edit(data)
        tensors[i] = (full, old_kind if kind is None else kind, shape or old_shape, bytes(data))
    return change


def scale(kind, value, block=0):
    """Another scale in a block of a type."""
    size, at = BLOCKS[kind][1:]

    def edit(data):
        data[block * size + at : block * size + at + 2] = np.float16(value).tobytes()
    return edit


def zeros(kind, n, k):
    """Blocks whose scales are 0."""
    columns, size, _ = BLOCKS[kind]
    return bytes(n * k // columns * size)


def element(value, at=5):
    """Of a vector of f32."""
    def edit(data):
        data[4 * at : 4 * at + 4] = np.float32(value).tobytes()
    return edit


def drop(name):
    def change(keys, tensors):
        tensors[:] = [t for t in tensors if t[0] != full_name(name)]
    return change


def add(name, like):
    def change(keys, tensors):
        tensors.append((name, *next(t for t in tensors if t[0] == full_name(like))[1:]))
    return change


# --- the program ---


def run(program, path):
    words = [program, "run", "-m", path, "-p", "ab", "-n", "2", "--temp", "0", "--log-disable"]
    done = subprocess.run(words, capture_output=True, timeout=60)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode()


def judge(says, code, out, error, path):
    if says is None:
        return code == 0
    line = error.endswith("\n") and error.count("\n") == 1
    early = not out or "not finite" in says
    return code == 1 and early and line and says in error and f"{path}: " in error


def check_faults(program, path, base, cases):
    """base(type): keys and tensors of a good model, as lists that may be changed; cases: what is
    said (None: it runs), changes, a type or what base makes of other words. Returns how many are
    judged wrong."""
    failed = 0
    for says, changes, kind in cases:
        keys, tensors = base(kind)
        for change in changes:
            change(keys, tensors)
        gguf.write_gguf(str(path), keys, tensors)
        code, out, error = run(program, path)
        if not judge(says, code, out, error, path):
            failed += 1
            print(f"FAILED: {kind}: expected {says or 'a run'}; exit code {code}: {error}")
    print(f"{len(cases)} files, {failed} failed", flush=True)
    return failed


def spoil(tool, seed, folder, base, kinds, flips=1000):
    """How many types of files are not spoilt rightly."""
    failed = 0
    for kind in kinds:
        path = folder / kind
        gguf.write_gguf(str(path), *base(kind))
        words = [tool, "-m", path, "--step", "211", "--flips", str(flips), "--seed", seed]
        failed += subprocess.run(words).returncode != 0
    return failed


def main(base, cases, kinds, flips=1000):
    """PROGRAM SPOIL SEED FOLDER."""
    program, tool, seed, folder = *sys.argv[1:4], Path(sys.argv[4])
    faults = check_faults(program, folder / "model.gguf", base, cases)
    return faults + spoil(tool, seed, folder, base, kinds, flips) > 0
