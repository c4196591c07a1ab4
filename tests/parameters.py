#!/usr/bin/env python3
"""Holds functions to six parameters.

parameters.py SOURCE

Prints "FILE:LINE: NAME has N parameters, at most 6" for each definition that has more, "..." being
one; exit code 1 where there is one. Kernels' references, in runtime/kernel/ref.c, have those of the
kernels, and a callback of libmicrohttpd, in runtime/serve/access.c, has its own.
"""
import os
import re
import sys

from layers import sources

MOST = 6
EXEMPT = {"runtime/kernel/ref.c", "runtime/serve/access.c"}
NO_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
# What may end in ") {": a definition, and these.
STATEMENTS = {"if", "for", "while", "switch", "catch"}


def blank(text):
    """The text without comments and literals, its lines where they were."""
    return NO_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def opening(text, close):
    """(Place of the parenthesis that the one at `close` ends, commas between the two)."""
    depth, commas = 0, 0
    for at in range(close, -1, -1):
        if text[at] == ")":
            depth += 1
        elif text[at] == "(":
            depth -= 1
            if depth == 0:
                return at, commas
        elif text[at] == "," and depth == 1:
            commas += 1
    return None, 0


def definitions(text):
    """(line, name, parameters) of all functions that the text defines."""
    text = blank(text)
    for match in re.finditer(r"\)(?:\s*(?:const|noexcept|override))*\s*\{", text):
        at, commas = opening(text, match.start())
        name = re.search(r"(\w+)\s*$", text[:at]) if at is not None else None
        if name and name[1] not in STATEMENTS:
            yield text.count("\n", 0, name.start()) + 1, name[1], commas + 1


def main():
    root = os.path.abspath(sys.argv[1])
    faults, seen = [], 0
    for path in sources(root):
        text = open(os.path.join(root, path), encoding="utf-8").read()
        for line, name, count in definitions(text):
            seen += 1
            if count > MOST and path not in EXEMPT:
                faults.append(f"{path}:{line}: {name} has {count} parameters, at most {MOST}")
    if not seen:
        sys.exit(f"{root}: no functions")
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
