"""Figures of the report as SVG files that stand alone: lines, points and bars, in light and dark.
Numbers are pixels; y grows downwards."""
import math
from html import escape

STYLE = """
svg{--ink:#1b1f24;--soft:#5b6470;--line:#dfe3e8;--paper:#fff;--c0:#0b66c3;--c1:#c2410c;--c2:#067a57;
--c3:#8b3fc0;--c4:#a16207;--c5:#be185d;--c6:#6b7280}
@media(prefers-color-scheme:dark){svg{--ink:#e6e9ed;--soft:#9aa4b0;--line:#343b44;--paper:#14171b;
--c0:#62aef5;--c1:#fb8a4c;--c2:#3fc49a;--c3:#c592f0;--c4:#e3b341;--c5:#f472b6;--c6:#a3adb8}}
svg{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
.paper{fill:var(--paper)}
text{fill:var(--ink);stroke:var(--paper);stroke-width:3px;paint-order:stroke}
.soft{fill:var(--soft)}.strong{font-weight:600}
.grid{stroke:var(--line)}.axis{stroke:var(--soft)}.mark{stroke:var(--ink);stroke-width:2}
.dash{stroke:var(--soft);stroke-dasharray:5 4}.lead{stroke:var(--soft);stroke-width:.7}
.curve{fill:none;stroke-width:1.8;stroke-linejoin:round}
""" + "".join(f".s{i}{{stroke:var(--c{i})}}.f{i}{{fill:var(--c{i})}}" for i in range(7))
CHAR = 6.3  # width of a letter, about


class Figure:
    def __init__(self, width, height, label):
        self.width, self.height, self.parts = width, height, []
        self.head = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} ' \
            f'{height}" width="{width}" height="{height}" aria-label="{escape(label)}">\n' \
            f'<style>{STYLE}</style>\n<rect class="paper" width="{width}" height="{height}"/>\n'

    def text(self, x, y, text, anchor="start", kind=""):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
                          f'class="{kind}">{escape(text)}</text>')

    def upright(self, x, y, text):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" class="soft" '
                          f'transform="rotate(-90 {x:.1f} {y:.1f})">{escape(text)}</text>')

    def line(self, kind, x1, y1, x2, y2):
        self.parts.append(f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" '
                          f'y2="{y2:.1f}"/>')

    def curve(self, kind, points):
        at = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline class="curve {kind}" points="{at}"/>')

    def box(self, kind, x, y, width, height):
        self.parts.append(f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                          f'height="{height:.1f}"/>')

    def dot(self, kind, x, y, r=4.5):
        self.parts.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{r}"/>')

    def svg(self):
        return self.head + "\n".join(self.parts) + "\n</svg>\n"


class Axis:
    """Maps low..high to pixels, by value or by its logarithm."""

    def __init__(self, low, high, begin, end, log=False):
        if high <= low:
            low, high = (low / 1.1, low * 1.1) if log else (low - 1, low + 1)
        self.low, self.high, self.begin, self.end, self.log = low, high, begin, end, log

    def at(self, value):
        part = math.log(value / self.low) / math.log(self.high / self.low) if self.log else \
            (value - self.low) / (self.high - self.low)
        return self.begin + part * (self.end - self.begin)

    def ticks(self, room=7):
        if self.log:
            steps = (1, 2, 5) if self.high / self.low < 500 else (1,)
            if self.high / self.low < 30:
                steps = (1, 1.5, 2, 3, 5, 7)
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            ticks = [s * 10.0 ** p for p in powers for s in steps]
        else:
            least = (self.high - self.low) / room
            unit = 10.0 ** math.floor(math.log10(least))
            step = unit * next(s for s in (1, 2, 5, 10) if s * unit >= least * (1 - 1e-9))
            first = math.ceil(self.low / step - 1e-9)
            ticks = [(first + i) * step for i in range(3 * room)]
        inside = 1e-9 * (self.high - self.low)
        return [t for t in ticks if self.low - inside <= t <= self.high + inside]


def frame(f, x, y, names):
    """Grid, ticks and names of both axes."""
    for t in x.ticks():
        f.line("grid", x.at(t), y.begin, x.at(t), y.end)
        f.text(x.at(t), y.begin + 17, f"{t:.10g}", "middle", "soft")
    for t in y.ticks():
        f.line("grid", x.begin, y.at(t), x.end, y.at(t))
        f.text(x.begin - 8, y.at(t) + 4, f"{t:.10g}".replace("-", "\u2212"), "end", "soft")
    f.line("axis", x.begin, y.begin, x.end, y.begin)
    f.line("axis", x.begin, y.begin, x.begin, y.end)
    f.text((x.begin + x.end) / 2, y.begin + 38, names[0], "middle", "soft")
    f.upright(18, (y.begin + y.end) / 2, names[1])


def spread(places, room, low, high):
    """The places, in their order, moved so that they are apart by `room` and within low..high."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    at = [places[i] for i in order]
    for _ in range(200):
        for i in range(len(at) - 1):
            short = room - (at[i + 1] - at[i])
            if short > 0:
                at[i] -= short / 2
                at[i + 1] += short / 2
        at[0], at[-1] = max(at[0], low), min(at[-1], high)
    moved = [0.0] * len(at)
    for i, value in zip(order, at):
        moved[i] = value
    return moved


def curves(lines, names, label, mark=None, zero=False):
    """`lines`: (title, colour, [(x, y)], text of its end). `mark`: (x, text) of a vertical line."""
    f = Figure(900, 430, label)
    points = [p for _, _, line, _ in lines for p in line]
    low, high = min(p[1] for p in points), max(p[1] for p in points)
    low, high = (min(low, 0), max(high, 0)) if zero else (low, high)
    pad = 0.04 * (high - low)
    x = Axis(min(p[0] for p in points), max(p[0] for p in points), 70, 575)
    y = Axis(low - pad, high + pad, 375, 24)
    frame(f, x, y, names)
    if zero:
        f.line("axis", x.begin, y.at(0), x.end, y.at(0))
    if mark:
        f.line("dash", x.at(mark[0]), y.begin, x.at(mark[0]), y.end)
        f.text(x.at(mark[0]) + 6, y.end + 12, mark[1], "start", "soft")
    for _, colour, line, _ in lines:
        f.curve(f"s{colour}", [(x.at(a), y.at(b)) for a, b in line])
    ends = [y.at(line[-1][1]) for _, _, line, _ in lines]
    for (title, colour, _, end), was, now in zip(lines, ends, spread(ends, 17, y.end, y.begin)):
        f.dot(f"f{colour}", x.end, was, 3)
        f.line("lead", x.end + 5, was, x.end + 22, now)
        f.dot(f"f{colour}", x.end + 28, now, 4)
        f.text(x.end + 37, now + 4, f"{title}: {end}")
    return f.svg()


def overlap(a, b):
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def name_points(f, points, bounds):
    """Names beside their points, each where it covers least of what stands already."""
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y, _ in points]
    for x, y, name in points:
        width = CHAR * len(name)
        choices = [(x + 9, y + 4, "start"), (x - 9, y + 4, "end"), (x, y - 10, "middle"),
                   (x, y + 19, "middle"), (x + 7, y - 9, "start"), (x - 7, y + 17, "end"),
                   (x + 7, y + 17, "start"), (x - 7, y - 9, "end"), (x, y - 26, "middle"),
                   (x, y + 35, "middle")]
        best = None
        for a, b, anchor in choices:
            left = a - {"start": 0, "end": width, "middle": width / 2}[anchor]
            box = (left, b - 11, left + width, b + 3)
            outside = box[0] < bounds[0] or box[2] > bounds[2] or box[1] < bounds[1] or \
                box[3] > bounds[3]
            cost = sum(overlap(box, t) for t in taken) + 1e6 * outside
            if best is None or cost < best[0] - 1e-9:
                best = cost, a, b, anchor, box
        taken.append(best[4])
        f.text(best[1], best[2], name, best[3])


def points(rows, names, label):
    """`rows`: (name, colour, x, y); x by its logarithm."""
    f = Figure(900, 400, label)
    xs, ys = [r[2] for r in rows], [r[3] for r in rows]
    pad = 0.12 * (max(ys) - min(ys)) or 1
    x = Axis(min(xs) / 1.15, max(xs) * 1.15, 70, 860, log=True)
    y = Axis(min(ys) - pad, max(ys) + pad, 345, 20)
    frame(f, x, y, names)
    at = [(x.at(r[2]), y.at(r[3]), r[0]) for r in rows]
    for row, (a, b, _) in zip(rows, at):
        f.dot(f"f{row[1]}", a, b, 5.5)
    name_points(f, at, (x.begin, y.end, x.end + 30, y.begin))
    return f.svg()


def bars(rows, names, label, marks=None):
    """`rows`: (name, [parts], text at the end, place of a mark or None). `names`: of the axis and
    of the parts; `marks` says what a mark is."""
    step, left, right, top = 29, 140, 640, 46
    f = Figure(900, top + step * len(rows) + 52, label)
    bottom = top + step * len(rows)
    x = Axis(0, max(max(sum(p), m or 0) for _, p, _, m in rows), left, right)
    at = left
    for i, name in enumerate(names[1:]):
        f.box(f"f{i * 6}", at, 12, 11, 11)
        f.text(at + 17, 22, name)
        at += 17 + CHAR * len(name) + 28
    if marks:
        f.line("mark", at + 4, 9, at + 4, 26)
        f.text(at + 13, 22, marks)
    for t in x.ticks():
        f.line("grid", x.at(t), top - 6, x.at(t), bottom)
        f.text(x.at(t), bottom + 17, f"{t:.10g}", "middle", "soft")
    for i, (name, parts, text, mark) in enumerate(rows):
        y, begin = top + step * i, 0
        f.text(left - 10, y + 14, name, "end")
        for j, part in enumerate(parts):
            f.box(f"f{j * 6}", x.at(begin), y, x.at(begin + part) - x.at(begin), 20)
            begin += part
        if mark:
            f.line("mark", x.at(mark), y - 3, x.at(mark), y + 23)
        f.text(x.at(max(begin, mark or 0)) + 9, y + 14, text)
    f.line("axis", left, top - 6, left, bottom)
    f.text((left + right) / 2, bottom + 40, names[0], "middle", "soft")
    return f.svg()
