#!/usr/bin/env python3
"""Holds the tree to runtime/LAYERS.

layers.py SOURCE            by the includes
layers.py SOURCE BUILD      by the undefined symbols of the objects in BUILD, with debug information

Prints "FILE:LINE: what is wrong" for each fault; exit code 1 where there is one.
"""
import os
import re
import subprocess
import sys

INCLUDE = re.compile(r'\s*#\s*include\s+"([^"]+)"')
# Headers that stand above their folder, since users' templates include them by these names.
MOVED = {"runtime/kernel.h": "runtime/kernel", "runtime/library.h": "runtime/kernel"}


class Layers:
    """The table: folders in order, and for each all that it may use."""

    def __init__(self, path):
        self.allowed = {}
        for line in open(path, encoding="utf-8"):
            if line.startswith("#") or not line.strip():
                continue
            folder, _, uses = (cell.strip() for cell in line.split("|"))
            reach = set()
            for use in uses.split():
                if use not in self.allowed:
                    sys.exit(f"{path}: {folder} may use {use}, which does not stand above it")
                reach |= {use} | self.allowed[use]
            self.allowed[folder] = reach

    def folder_of(self, path):
        """The row that a source belongs to: its folder, or the nearest one above it; or None."""
        if path in MOVED:
            return MOVED[path]
        folder = os.path.dirname(path)
        while folder and folder not in self.allowed:
            folder = os.path.dirname(folder)
        return folder or None

    def fault(self, user, used):
        """Why a file of folder `user` may not use one of `used`; None where it may."""
        if user == used or used in self.allowed[user]:
            return None
        return f"{user} may not use {used} (runtime/LAYERS)"


def sources(root):
    for top in ("runtime", "autotune", "generator"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if name.endswith((".c", ".h", ".cc")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def check_includes(layers, root):
    faults = []
    for path in sources(root):
        user = layers.folder_of(path)
        if user is None:
            faults.append(f"{path}:1: its folder has no row in runtime/LAYERS")
            continue
        for number, line in enumerate(open(os.path.join(root, path), encoding="utf-8"), 1):
            match = INCLUDE.match(line)
            used = layers.folder_of(match[1]) if match else None
            if used is None:
                continue
            fault = layers.fault(user, used)
            if not fault and user != used and match[1].endswith("/internal.h"):
                fault = f"{match[1]} is private to {used}"
            if fault:
                faults.append(f"{path}:{number}: {fault}: includes {match[1]}")
    return faults


def check_circles(root):
    """Headers that include themselves by way of others."""
    includes, faults = {}, []
    for path in sources(root):
        if path.endswith(".h"):
            text = open(os.path.join(root, path), encoding="utf-8").read()
            includes[path] = [name for name in re.findall(INCLUDE.pattern, text, re.M)]

    def visit(path, way):
        if path in way:
            circle = way[way.index(path):] + [path]
            faults.append(f"{path}:1: includes itself: {' -> '.join(circle)}")
        elif path in includes:
            for name in includes.pop(path):
                visit(name, way + [path])

    for path in list(includes):
        visit(path, [])
    return faults


def objects(build, layers):
    """(object, source path relative to the tree) of all sources of the folders in the table."""
    for folder, _, names in os.walk(build):
        for name in names:
            path = os.path.join(folder, name)
            match = re.search(r"\.dir/(.*)\.o$", os.path.relpath(path, build))
            if match and layers.folder_of(match[1]):
                yield path, match[1]


def nm(objects, *options):
    """What nm says of the objects: lines by object."""
    run = subprocess.run(["nm", "--print-file-name", *options, *objects], capture_output=True,
                         text=True, check=True)
    lines = {obj: [] for obj in objects}
    for line in run.stdout.splitlines():
        obj, _, rest = line.partition(".o:")
        lines[obj + ".o"].append(rest)
    return lines


def check_symbols(layers, root, build):
    found = sorted(objects(build, layers))
    if not found:
        sys.exit(f"{build}: no objects")
    home, faults = {}, []
    defined = nm([obj for obj, _ in found], "--defined-only", "--extern-only", "--format=posix")
    missing = nm([obj for obj, _ in found], "--undefined-only", "--format=posix")
    for obj, path in found:
        home.update((line.split()[0], path) for line in defined[obj])
    for obj, path in found:
        wrong = {}
        for symbol in (line.split()[0] for line in missing[obj]):
            user, used = layers.folder_of(path), layers.folder_of(home.get(symbol, path))
            wrong[symbol] = layers.fault(user, used)
        if any(wrong.values()):
            faults += name_places(root, obj, path, wrong)
    return faults


def name_places(root, obj, path, wrong):
    """Where the symbols are called: nm takes a second to tell lines, so only where it matters."""
    for line in nm([obj], "--undefined-only", "--line-numbers")[obj]:
        symbol, _, place = line.split(None, 1)[1].partition("\t")
        fault = wrong[symbol.strip()]
        if fault:
            where = os.path.relpath(place, root) if place else f"{path}:?"
            yield f"{where}: {fault}: calls {symbol.strip()}"


def main():
    root = os.path.abspath(sys.argv[1])
    layers = Layers(os.path.join(root, "runtime/LAYERS"))
    if len(sys.argv) > 2:
        faults = check_symbols(layers, root, os.path.abspath(sys.argv[2]))
    else:
        faults = check_includes(layers, root) + check_circles(root)
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
