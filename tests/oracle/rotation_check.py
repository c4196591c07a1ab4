#!/usr/bin/env python3
"""Holds what the runtime says of rotated models to what their plain twins say:

  rotation_check.py LOGITS FOLDER       the program of tool_logits.c; writes models there

A rotated model's codes make a plain model of dense floats (fold_qwen35.py --unfold), of which
float64 with nothing quantised is the truth. The runtime's KL divergence from it must be that of the
reference's quantisers, and that from a plain model that was unfolded with a mistake must be far
more. Blocks of one column have signs alone: their plain model has codes, too, and the same bits.
"""
import subprocess
import sys
from pathlib import Path

import numpy as np

from agreement import figures
from fold_qwen35 import PLANTS, unfold
from hybrid import Hybrid

IDS = [i * i * 7 % 251 for i in range(32)]


def write(path, words):
    script = Path(__file__).with_name("write_qwen35.py")
    subprocess.run([sys.executable, "-B", script, "-o", path, *words.split()], check=True)


def runtime(program, path, folder):
    ids, out = folder / "ids", folder / "raw"
    ids.write_text(" ".join(map(str, IDS)))
    subprocess.run([program, "-m", path, "--ids", ids, "--out", out, "-t", "2"], check=True,
                   stdout=subprocess.DEVNULL)
    return np.fromfile(out, "<f4").reshape(len(IDS), -1)


def divergence(own, truth):
    return figures(own.astype(np.float64), truth)[0].mean()


def check(program, folder, words, plants=PLANTS):
    rotated, plain = folder / "rotated", folder / "plain"
    write(rotated, words)
    own = runtime(program, rotated, folder)
    quantised = Hybrid(str(rotated), False, False).logits([IDS])[0]

    def truth(plant=None):
        unfold(str(rotated), str(plain), plant=plant)
        return Hybrid(str(plain), True, True).logits([IDS])[0]

    right = truth()
    error, reach = divergence(own, right), divergence(quantised, right)
    wrong = {plant: divergence(own, truth(plant)) for plant in plants}
    print(f"{words}: {error:.1e}, the quantisers alone {reach:.1e}")
    print("  " + ", ".join(f"{plant} {shown:.1e}" for plant, shown in wrong.items()))
    limit = 1.5 * reach
    failed = [plant for plant, shown in wrong.items() if shown < 10 * limit]
    if error > limit or failed:
        print(f"FAILED: limit {limit:.1e}", *failed)
        return 1
    return 0


def check_signs(program, folder, words):
    rotated, plain = folder / "rotated", folder / "plain"
    write(rotated, words)
    unfold(str(rotated), str(plain))
    own, other = (runtime(program, path, folder) for path in (rotated, plain))
    bits = int((own.view(np.uint32) != other.view(np.uint32)).sum())
    print(f"{words}: {bits} of {own.size} logits differ in their bits")
    return bits > 0


def main():
    program, folder = sys.argv[1], Path(sys.argv[2])
    failed = check(program, folder, "--shape 128x512x4x4x2 --head-dim 64 --hadamard 128")
    failed += check(program, folder, "--shape 256x512x4x4x2 --hadamard 64 --tied --type ptq1_0 "
                    "--v-heads 8", ("signs-after", "tiled", "widths", "embedding-side", "block"))
    failed += check(program, folder, "--shape 256x256x2x2x1 --v-heads 4 --k-heads 4 --interval 2 "
                    "--hadamard 256 --identity --type q1_0", ("embedding-plain", "block", "gates"))
    failed += check_signs(program, folder, "--shape 128x256x4x4x2 --hadamard 1 --ungrouped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
