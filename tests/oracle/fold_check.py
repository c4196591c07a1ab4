#!/usr/bin/env python3
"""Holds the rotation of qwen35's second generation to what it must not change:

  fold_check.py FOLDER       writes models there

In float64 a folded twin's logits are those of its plain model, to 1e-9 of the row's largest (to
1e-4 with its weights in f32); a twin with a planted mistake is off by a hundredth at least.
Unfolding gives the plain weights back. Rotating binary32 in butterflies is rotating by the matrix.
Drafts of the prediction block, which is not folded, stay too, and of its random model most are
right: the embedding comes first.
"""
import subprocess
import sys
from pathlib import Path

import numpy as np

from binary32 import butterflies
from fold_qwen35 import PLANTS, fold, unfold
from hybrid import Hybrid
from reference import difference
from rotation import transform
from tensors import Reader, dense

IDS = [i * i * 7 % 251 for i in range(24)]


def write(path, words):
    script = Path(__file__).with_name("write_qwen35.py")
    subprocess.run([sys.executable, "-B", script, "-o", path, *words.split()], check=True)


def logits(path):
    return Hybrid(str(path), True, True).logits([IDS])[0]


def check_unfolded(plain, twin, folder):
    unfold(str(twin), str(folder / "back"), "f64")
    own, back = Reader(str(plain)), Reader(str(folder / "back"))
    assert list(own.keys) == list(back.keys) and list(own.tensors) == list(back.tensors)
    for name in own.tensors:
        assert np.abs(dense(own, name) - dense(back, name)).max() < 1e-12, name


def check(folder, words, block, plants=(), **options):
    plain, twin = folder / "plain", folder / "twin"
    write(plain, "--type f32 --gates f32 " + words)
    wanted = logits(plain)

    def error(**more):
        fold(str(plain), str(twin), block, **options, **more)
        return difference(wanted, logits(twin))[0]

    exact, short = error(), error(form="f32")
    print(f"{words}, blocks of {block} {options or ''}: {exact:.1e}, weights in f32 {short:.1e}")
    assert exact < 1e-9 and short < 1e-4
    for plant in plants:
        shown = error(plant=plant)
        print(f"  {plant}: {shown:.2f}")
        assert shown > 0.01, plant
    fold(str(plain), str(twin), block, **options)
    check_unfolded(plain, twin, folder)


def check_drafts(folder):
    plain, twin = folder / "plain", folder / "twin"
    write(plain, "--shape 128x256x2x2x1 --interval 2 --type f32 --chain --mtp")
    fold(str(plain), str(twin), 64)
    own, other = (Hybrid(str(path), True, True).predictor().drafts(IDS, 2)
                  for path in (plain, twin))
    error = max(difference(own[:, i], other[:, i])[0] for i in range(2))
    right = [np.mean(own[:, i].argmax(axis=1) == np.array(IDS[1:]) + 1 + i) for i in range(2)]
    print(f"drafts: {error:.1e}, likely successors {right[0]:.2f} {right[1]:.2f}")
    assert error < 1e-9 and min(right) > 0.8


def check_butterflies():
    x = np.random.default_rng(1).normal(size=(3, 2048))
    for block in (1, 2, 64, 1024):
        own = butterflies(x.astype(np.float32), block)
        assert own.dtype == np.float32
        assert np.abs(own - transform(x, block)).max() < 1e-5, block


def main():
    folder = Path(sys.argv[1])
    check_butterflies()
    check(folder, "--shape 128x512x4x4x2 --head-dim 64", 128, PLANTS)
    check(folder, "--shape 128x384x4x4x2 --head-dim 64 --tied --v-heads 8 --k-heads 2", 64,
          ("signs-after", "tiled", "embedding-side"))
    check(folder, "--shape 256x256x2x2x1 --v-heads 4 --k-heads 4 --interval 2 --seed 2", 32,
          ("embedding-plain", "block"), identity=True)
    check(folder, "--shape 128x256x2x2x1 --v-heads 6 --k-heads 3 --interval 2 --seed 3", 128,
          grouped=False)
    check_drafts(folder)


if __name__ == "__main__":
    main()
