"""Matrices of a GGUF file in f32 rounded to 4 bits as Q4_0 rounds them, and stored in f32 again:
what is lost by it, since there are no files of such matrices here. Groups of 32 columns; d is the
element of largest magnitude by -8, in f16; a weight is (q - 8) d, q = 0 ... 15."""
import array
import os
import struct

GROUP = 32
SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY, F32 = 8, 9, 0


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, code):
        value = struct.unpack_from("<" + code, self.data, self.at)[0]
        self.at += struct.calcsize(code)
        return value

    def text(self):
        n = self.number("Q")
        self.at += n
        return bytes(self.data[self.at - n:self.at]).decode("utf-8", "replace")

    def skip(self, kind):
        if kind == STRING:
            self.text()
        elif kind == ARRAY:
            of, n = self.number("I"), self.number("Q")
            if of in SCALARS:
                self.at += n * SCALARS[of]
            else:
                for _ in range(n):
                    self.skip(of)
        else:
            self.at += SCALARS[kind]


def matrices_of(data):
    """(offset in the file, floats) of each f32 matrix of the layers."""
    r, alignment, found = Reader(data), 32, []
    magic, _, ntensors, nkeys = (r.number(c) for c in "IIQQ")
    assert magic == 0x46554747, "no GGUF"
    for _ in range(nkeys):
        key, kind = r.text(), r.number("I")
        if key == "general.alignment":
            alignment = struct.unpack_from("<I", data, r.at)[0]
        r.skip(kind)
    for _ in range(ntensors):
        name, sizes = r.text(), []
        for _ in range(r.number("I")):
            sizes.append(r.number("Q"))
        kind, offset = r.number("I"), r.number("Q")
        if name.startswith("blk.") and len(sizes) == 2 and kind == F32:
            found.append((offset, sizes[0] * sizes[1]))
    begin = (r.at + alignment - 1) // alignment * alignment
    return [(begin + offset, n) for offset, n in found]


def half(x):
    return struct.unpack("<e", struct.pack("<e", x))[0]


def round_group(w):
    most = max(w, key=abs)
    d = half(most / -8)
    if d == 0:
        return [0.0] * len(w)
    by = 1 / d
    return [(min(15, max(0, int(x * by + 8.5))) - 8) * d for x in w]


def round_to_4_bits(source, path):
    """Writes path; nothing where it stands and is the newer one."""
    if os.path.exists(path) and os.path.getmtime(path) >= os.path.getmtime(source):
        return
    with open(source, "rb") as file:
        data = bytearray(file.read())
    for at, n in matrices_of(data):
        w = array.array("f", bytes(data[at:at + 4 * n]))
        for i in range(0, n, GROUP):
            w[i:i + GROUP] = array.array("f", round_group(w[i:i + GROUP]))
        data[at:at + 4 * n] = w.tobytes()
    with open(path + ".tmp", "wb") as file:
        file.write(data)
    os.replace(path + ".tmp", path)
