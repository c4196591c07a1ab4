"""What a story is about: its names, what it calls them, and the things and places that it comes
back to. Nouns are not looked up: they are told from what stands around them in all the stories."""
import collections
import math
import re

import said

PHRASE = re.compile(r"\b(an?|the|his|her|their|my|your) ((?:[a-z]+ ){0,2})([a-z]+)"
                    r"(?= (?:" + "|".join(said.AFTER) + r")\b|[.,!?;:\"])")
NAMED = re.compile(r"\b(an? (?:[a-z]+ ){1,3})(?:named|called) ([A-Z][a-z]+)")
ARTICLE = re.compile(r"\b(?:an?|the|his|her|their|my|your) ([a-z]+)\b")
INNER = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+(?: [A-Z][a-z]+)?")


class Nouns:
    """Words that stand behind an article and before what follows nouns, mostly."""

    def __init__(self, stories):
        seen, last = collections.Counter(), collections.Counter()
        self.spread = collections.Counter()
        for text in stories:
            seen.update(ARTICLE.findall(text))
            ends = [m[3] for m in PHRASE.finditer(text) if not m[2]]
            last.update(ends)
            self.spread.update(set(ends))
        self.stories = len(stories)
        self.nouns = {w for w, n in seen.items() if n >= 8 and last[w] >= 0.55 * n} | said.NOUNS
        self.nouns -= said.NO_NOUNS
        self.adjectives = {w for w, n in seen.items() if n >= 8 and last[w] < 0.55 * n}
        self.adjectives -= said.NO_ADJECTIVES

    def things(self, text):
        """(how telling, "a red ball") of nouns that are brought in early and come back."""
        found = {}
        for m in PHRASE.finditer(text, 0, len(text) * 2 // 5):
            words, noun = m[2].split(), m[3]
            if noun not in self.nouns or not all(w in self.adjectives for w in words):
                continue
            count = len(re.findall(rf"\b{noun}\b", text))
            known = m[1] in ("a", "an") or noun in said.PLACES
            if count < 2 or not known or noun in found:
                continue
            phrase = m[0] if m[1] in ("a", "an") else "the " + noun
            weight = min(count, 6) * math.log(self.stories / (1 + self.spread[noun]))
            found[noun] = (weight, phrase)
        return sorted(found.values(), reverse=True)


def names(text):
    """Those of whom there is most, at most two, in the order in which they come."""
    counts = {}
    for name in INNER.findall(text):
        if name not in counts and not said.NO_NAMES & set(name.split()):
            counts[name] = len(re.findall(rf"\b{name}\b", text))
    most = max(counts.values(), default=0)
    some = [n for n in counts if counts[n] >= max(3, most / 2)]
    some = [n for n in some if not any(n in other and n != other for other in some)]
    some.sort(key=lambda n: -counts[n])
    return sorted(some[:2], key=text.index)


class About:
    def __init__(self, text, nouns, pick):
        self.names = names(text)
        things = [phrase for _, phrase in nouns.things(text)]
        self.places = [p for p in things if p.split()[-1] in said.PLACES]
        self.things = [p for p in things if p.split()[-1] not in said.PLACES]
        m = NAMED.search(text, 0, len(text) // 2)
        described = None
        if m and m[2] in self.names and m[1].split()[-1] in nouns.nouns | said.PEOPLE \
                and not set(m[1].split()[1:-1]) - nouns.adjectives:
            described = m[1] + "named " + m[2]
            self.things = [t for t in self.things if t.split()[-1] != m[1].split()[-1]]
        self.subject = pick.choice([described] * 2 + [m[1].strip()]) if described else None
        if self.names and (not described or pick.random() < 0.4):
            self.subject = " and ".join(self.names)
        elif not self.subject and self.things:
            self.subject = self.things.pop(0)

    def place(self):
        noun = self.places[0].split()[-1] if self.places else ""
        return ("at" if noun in said.AT else "on" if noun in said.ON else "in") + " the " + noun
