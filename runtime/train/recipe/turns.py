#!/usr/bin/env python3
"""Makes chats of plain texts, for a model that is to be trained:

  turns.py stories FILE -o OUT [--share PERCENT]   a part of the stories, each asked for
  turns.py dialogues FILE -o OUT                   lines "A: ..." (user) and "B: ..." (assistant)

Documents end with a line <|endoftext|>, in both. A chat is turns "<|user|>\\nTEXT\\n" and
"<|assistant|>\\nTEXT<|endoftext|>\\n", as the template of tritmill's chats writes them; the last
<|endoftext|> has its line and ends the document. What a user asks for is taken from the story: its
names, and things that it comes back to. The same file gives the same bytes: what is chosen hangs on
each story's text.
"""
import argparse
import collections
import os
import random
import re
import sys
import zlib

import said
from about import About, Nouns
from documents import END, documents

SENTENCE = re.compile(r"(?<=[.!?]) (?=[A-Z])|(?<=[.!?]\") (?=[A-Z])|\n")


def spoken(text, pick):
    """As some people type."""
    r = pick.random()
    if r < 0.12:
        text = text[0].lower() + text[1:] if not text.startswith("I ") else text
    return text.rstrip(".?") if r < 0.08 else text


def request(about, pick):
    kinds = [k for k in said.REQUESTS if ("{x}" not in k or about.subject)
             and sum("{" + c + "}" in k for c in "yzvw") <= len(about.things)
             and ("{p}" not in k or about.places)]
    groups = collections.defaultdict(list)  # by what is asked for, so that short lists count
    for k in kinds:
        groups["".join(c for c in "xyzvwp" if "{" + c + "}" in k)].append(k)
    some = [g for g in groups if g]
    chosen = pick.choice(some) if some and pick.random() > 0.06 else ""
    y, z = (about.things + ["", ""])[:2]
    v, w = ((t.split() or [""])[-1] for t in (y, z))
    return pick.choice(groups[chosen]).format(x=about.subject, y=y, z=z, v=v, w=w, p=about.place())


def cuts(text, least, most):
    """Places between sentences, outside of speech, in that part of the text."""
    return [m for m in SENTENCE.finditer(text) if least < m.start() / len(text) < most
            and text[: m.start()].count('"') % 2 == 0]


def halves(text, pick):
    """None where there is no good place."""
    places = cuts(text, 0.3, 0.7)
    if not places:
        return None
    cut = pick.choice(places)
    return text[: cut.start()], text[cut.end() :]


def chat_of(text, nouns, pick):
    about, turns = About(text, nouns, pick), []
    r, parts, ask = pick.random(), None, request(about, pick)
    if r < 0.12:
        hello = pick.choice(said.GREETINGS)
        turns += [(spoken(hello[0], pick), hello[1])]
        if "ould you like" in hello[1] and "a story?" in hello[1]:
            ask = pick.choice([ask, "Yes, please! " + ask, "Yes, please."])
    elif r < 0.34:
        parts = halves(text, pick)
    if parts:
        turns += [(spoken(ask, pick), parts[0]), (spoken(pick.choice(said.NEXT), pick), parts[1])]
    elif 0.34 <= r < 0.44 and (first := cuts(text, 0, 0.3)):
        begun = text[: first[0].start()]
        turns += [(pick.choice(said.GO_ON).format(begun), text[first[0].end() :])]
    else:
        turns += [(spoken(ask, pick), text)]
    r = pick.random()
    if r < 0.08 and about.names:
        who, form = " and ".join(about.names), pick.choice(said.WHO)
        turns += [(spoken(form[0], pick), form[1].format(who))]
    elif r < 0.15:
        turns += [pick.choice(said.THANKS)]
    return turns


def rendered(turns):
    chat = ["<|user|>\n" + u + "\n<|assistant|>\n" + a for u, a in turns]
    return (END + "\n").join(chat)


def stories(args):
    texts = documents(args.file)
    nouns = Nouns(texts)
    for text in texts:
        pick = random.Random(zlib.crc32(text.encode()))
        chosen = pick.random() * 100 < args.share
        yield rendered(chat_of(text, nouns, pick)) if chosen else text


def dialogues(args):
    for text in documents(args.file):
        turns = []
        for line in text.split("\n"):
            who, _, what = line.partition(": ")
            if turns and turns[-1][0] == who:
                turns[-1][1] += " " + what
            elif turns or who == "A":
                turns.append([who, what])
        turns = [what for _, what in turns]
        if len(turns) > 1:
            yield rendered(list(zip(turns[::2], turns[1::2])))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["stories", "dialogues"])
    parser.add_argument("file")
    parser.add_argument("-o", required=True, metavar="OUT")
    parser.add_argument("--share", type=float, default=40, help="of stories, in percent")
    args = parser.parse_args()
    with open(args.o + ".tmp", "w", encoding="utf-8") as out:
        for text in (stories if args.kind == "stories" else dialogues)(args):
            out.write(text + "\n" + END + "\n")
    os.replace(args.o + ".tmp", args.o)
    return 0


if __name__ == "__main__":
    sys.exit(main())
