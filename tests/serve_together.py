"""Mixed requests alone, then at once: the same bytes, whoever comes and goes meanwhile.

serve_together.py [MODEL REQUESTS SEED [options of serve for those at once]]; without: what is
short.
"""
import json
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from serve import PROGRAM, STORIES, Checks, Server, wait_for
from serve_mix import CHAT, COMPLETION, KINDS, TALK, follow, post, same

check = Checks()
BOTH = ["-a", "m", "-c", "2048", "--chat-template", "qwen3"]
ALONE = ["-np", "1", "--cache-mb", "0", "--draft", "none", "-t", "1"]
CACHE_MB = 16
TOGETHER = ["-np", "5", "--queue", "6", "--cache-mb", str(CACHE_MB), "--chunk", "48",
            "--draft-n", "3"]


def said(seen):
    return seen[1][0][1][0]["content"] if isinstance(seen, list) else ""


def alone(server, draw, n):
    """Conversations of one request or several, each a list of (path, body, what was seen)."""
    talks = []
    while sum(map(len, talks)) < n:
        path, body = draw.choice(KINDS)(draw)
        turns = draw.choice([1, 1, 2, 4]) if path in (CHAT, TALK) else 1
        talks.append([])
        for _ in range(turns):
            status, _, data = post(server, path, body, False)
            check("an answer alone", status == 200, path, body, data)
            talks[-1].append((path, body, same(path, data, False)))
            if "messages" in body:
                body = follow(draw, body, said(talks[-1][-1][2]))
    return talks


class Crowd:
    """All talks at once, in `width` threads, and clients that go away."""

    def __init__(self, server, talks, seed):
        self.server, self.talks, self.seed = server, talks, seed
        self.wrong, self.busy, self.next, self.lock = [], 0, 0, threading.Lock()

    def answer(self, draw, path, body):
        """Asked again as long as the queue is full."""
        stream, pause = draw.random() < 0.6, draw.choice([0] * 5 + [0.003])
        while True:
            status, headers, data = post(self.server, path, body, stream, pause)
            if status != 503:
                return data if status != 200 else same(path, data, stream), stream
            self.busy += 1
            check("503 says when to come again", headers.get("retry-after", "").isdigit(), headers)
            time.sleep(draw.random() * 0.04)

    def go_away(self, draw, path, body):
        """In mid-stream, at the head, or before; orderly, or as a process that is killed."""
        with self.server.connect() as s:
            data = json.dumps({"model": "m", **body, "stream": draw.random() < 0.7}).encode()
            s.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n"
                      f"Content-Length: {len(data)}\r\n\r\n".encode() + data)
            s.settimeout(draw.choice([0.001, 0.02, 0.3]))
            try:
                s.recv(draw.choice([1, 400, 3000]))
            except OSError:
                pass
            if draw.random() < 0.5:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def work(self):
        while True:
            with self.lock:
                i = self.next
                self.next += 1
            if i >= len(self.talks):
                return
            draw = random.Random(self.seed * 1000003 + i)
            if draw.random() < 0.3:
                self.go_away(draw, *draw.choice(self.talks)[0][:2])
            for path, body, want in self.talks[i]:
                got, stream = self.answer(draw, path, body)
                if got != want:
                    self.wrong.append((path, body, stream, want, got))

    def run(self, width):
        self.next = 0
        threads = [threading.Thread(target=self.work) for _ in range(width)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()


def compare(model, n, seed, *options):
    begin, draw = time.time(), random.Random(seed)
    server = Server(*BOTH, *ALONE, model=model)
    talks = alone(server, draw, n)
    server.stop()
    middle = time.time()
    server = Server(*BOTH, *(options or TOGETHER), model=model)
    crowd = Crowd(server, talks, seed)
    crowd.run(64)
    crowd.run(2)  # what goes alone has drafts; all prompts are known
    for path, body, stream, want, got in crowd.wrong[:3]:
        check("an answer is the same in company", False, f"seed {seed}", path, body,
              "stream" if stream else "whole", "\nalone:   ", want, "\ntogether:", got)
    check("all are the same", not crowd.wrong, len(crowd.wrong))
    check("slots are free at the end", wait_for(lambda: server.metric("tritmill_running") == 0 ==
                                                server.metric("tritmill_waiting")))
    counts = {name: int(server.metric(f"tritmill_{name}_total")) for name in
              ["jobs", "refused", "cancelled", "failed", "reused_tokens", "drafted_tokens",
               "right_tokens"]}
    counts["kept_bytes"] = int(server.metric("tritmill_kept_bytes"))
    check("nothing failed", counts["failed"] == 0, counts)
    check("prompts shared their beginnings", counts["reused_tokens"] > 0, counts)
    check("the server ends", server.stop() == 143, server.said())
    print(f"{os.path.basename(model)} seed {seed}: {sum(map(len, talks))} requests, "
          f"{middle - begin:.1f} s alone, {time.time() - middle:.1f} s together, "
          f"{crowd.busy} times full, {counts}", flush=True)
    return counts, crowd.busy


def short():
    with tempfile.TemporaryDirectory() as folder:
        hybrid = os.path.join(folder, "hybrid.gguf")
        subprocess.run([PROGRAM, "synth", "-o", hybrid, "--arch", "qwen35", "--shape",
                        "128x128x2x2x1", "--vocab", "600", "--context", "2048", "--mtp-accept",
                        "0.7"], check=True, stderr=subprocess.DEVNULL)
        for model, draft in [(STORIES, "lookup"), (hybrid, "mtp")]:
            counts, busy = compare(model, 64, 1, *TOGETHER, "--draft", draft)
            check("there were drafts", counts["drafted_tokens"] > 0, counts)
            check("the queue was full", busy > 0)
            check("what is kept has its limit", counts["kept_bytes"] <= CACHE_MB << 20, counts)


if sys.argv[1:]:
    compare(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
else:
    short()
check.end()
