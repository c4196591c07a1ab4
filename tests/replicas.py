#!/usr/bin/env python3
"""Conversations over several servers behind one address.

replicas.py URL PID...: holds CONVERSATIONS of TURNS turns; after the second turn the first process
is killed. Prints a line a turn: conversation, turn, tokens of the prompt that were known, all of
its tokens, and the answer as JSON.
"""
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request

CONVERSATIONS, TURNS, TRIES = 7, 4, 20
# Longer than what a server gives up without regret.
STORY = "It has a cat, a dog and a big red ball, and it ends well. " * 5


def ask(url, messages):
    body = {"model": "stories", "messages": messages, "temperature": 0, "max_tokens": 8}
    request = urllib.request.Request(url + "/v1/chat/completions", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    for _ in range(TRIES):  # as a client does whose running answer was lost
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            last = error
            time.sleep(0.3)
    sys.exit(f"no answer in {TRIES} tries: {last}")


def main():
    url, servers = sys.argv[1], [int(pid) for pid in sys.argv[2:]]
    talks = [[{"role": "user", "content": f"{i} is the number of the story that I want. " + STORY}]
             for i in range(CONVERSATIONS)]
    for messages in talks[::2]:
        messages.insert(0, {"role": "system", "content": "You tell stories."})
    for turn in range(TURNS):
        if turn == 2 and servers:
            os.kill(servers[0], signal.SIGKILL)
        for i, messages in enumerate(talks):
            answer = ask(url, messages)
            text = answer["choices"][0]["message"]["content"]
            usage = answer["usage"]
            print(i, turn, usage["prompt_tokens_details"]["cached_tokens"], usage["prompt_tokens"],
                  json.dumps(text))
            messages += [{"role": "assistant", "content": text},
                         {"role": "user", "content": f"And then, in part {turn}?"}]


main()
