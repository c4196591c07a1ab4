#!/bin/bash
# Are chats made of stories turns as the template writes them, with each story's words, and asked
# for by what the story has; are other stories as they were; are the bytes the same each time?
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import sys' 2>/dev/null || skip "no python3"
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
turns() { "$TRIT_PYTHON" -B "$TRIT_SOURCE/runtime/train/recipe/turns.py" "$@" || exit 1; }
"$TRIT_PYTHON" - "$dir" <<'P'
import sys
names, things = "Lily Tom Sue Max Anna Ben".split(), "ball kite drum box cake boat".split()
with open(sys.argv[1] + "/stories", "w") as out:
    for i in range(180):
        n, t = names[i % 6], things[i // 6 % 6]
        out.write(f"One day, a girl named {n} saw a red {t}. The {t} was big. {n} was glad ({i}).\n"
                  f'"Look, {n}, at the {t}," said Mom. {n} took the {t} home. Then {n} slept.\n'
                  "<|endoftext|>\n")
P
printf '%s\n' 'B: Hi.' 'A: A tea.' 'A: And milk.' 'B: Here.' 'A: Thanks.' '<|endoftext|>' 'A: No.' \
    '<|endoftext|>' >"$dir/talk"
turns stories "$dir/stories" -o "$dir/a" --share 60
turns stories "$dir/stories" -o "$dir/b" --share 60
turns dialogues "$dir/talk" -o "$dir/c"
cmp "$dir/a" "$dir/b" || exit 1
printf '%s\n' '<|user|>' 'A tea. And milk.' '<|assistant|>' Here. '<|endoftext|>' |
    cmp - "$dir/c" || exit 1
"$TRIT_PYTHON" - "$dir" <<'P'
import re
import sys
end = "\n<|endoftext|>\n"
read = lambda name: open(sys.argv[1] + "/" + name).read().split(end)
was, now = read("stories"), read("a")
assert len(was) == len(now) and was[-1] == now[-1] == ""
chats = asked = 0
turn = re.compile(r"<\|user\|>\n([^\n<]+)\n<\|assistant\|>\n([^<]+)")
for story, text in zip(was[:-1], now[:-1]):
    if text == story:
        continue
    turns = text.split("<|endoftext|>\n")
    assert all(turn.fullmatch(t) and not t.endswith("\n") for t in turns), text
    words = " ".join(w for t in turns for w in turn.fullmatch(t).groups()).split()
    at = iter(words)
    assert all(word in at for word in story.split()), text  # in their order
    chats += 1
    name, thing = re.search(r"named (\w+) saw a red (\w+)", story).groups()
    asks = " ".join(turn.fullmatch(t)[1] for t in turns)
    asked += name in asks or thing in asks or "girl" in asks
assert 80 < chats < 140 and asked > 0.75 * chats, (chats, asked)
P
