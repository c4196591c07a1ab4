"""By hand: serve_load.py MODEL STREAMS SECONDS [serve's options]: so many streams at once for so
long. Prints tokens/s of the slowest, the median and all; resident memory on the way; how long
/health takes meanwhile."""
import json
import os
import random
import statistics
import sys
import threading
import time

from serve import Checks, Server

model, streams, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
check = Checks()
server = Server("-np", str(streams), *sys.argv[4:], model=model)
WORDS = "the a cat dog sun red big went saw and to in house tree happy day little boy girl".split()
tokens, errors, health, resident = [0] * streams, [], [], []
first = server.json("/v1/completions", {"prompt": "Once", "max_tokens": 2}, timeout=600)
check("the model loads", first[0] == 200, first)
end = time.time() + seconds


def stream(i):
    draw = random.Random(i)
    while time.time() < end:
        body = json.dumps({"prompt": " ".join(draw.choices(WORDS, k=draw.randrange(5, 120))),
                           "max_tokens": draw.randrange(32, 256), "stream": True, "seed": i,
                           "ignore_eos": True}).encode()
        with server.connect(600) as s:
            s.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                      b"Content-Length: %d\r\n\r\n" % len(body) + body)
            last = b""
            while data := s.recv(65536):
                if time.time() < end:
                    tokens[i] += data.count(b'"finish_reason":null')
                last = (last + data)[-200:]
            if b"[DONE]" not in last:
                errors.append(last)


def look():
    while time.time() < end:
        begin = time.time()
        status = server.ask("GET", "/health")[0]
        health.append(time.time() - begin)
        check("health", status == 200, status)
        pages = int(open(f"/proc/{server.process.pid}/statm").read().split()[1])
        resident.append(pages * os.sysconf("SC_PAGESIZE"))
        time.sleep(0.1)


begin = time.time()
threads = [threading.Thread(target=stream, args=(i,)) for i in range(streams)]
threads.append(threading.Thread(target=look))
for t in threads:
    t.start()
for t in threads:
    t.join()
rates = sorted(n / seconds for n in tokens)
health.sort()
print(f"{streams} streams, {seconds:.0f} s: {sum(rates):.2f} tokens/s in all, slowest "
      f"{rates[0]:.3f}, median {statistics.median(rates):.3f}")
quarter = resident[len(resident) // 4:]
print(f"resident: first {resident[0] / 1e6:.1f}, from a quarter on {min(quarter) / 1e6:.1f} to "
      f"{max(quarter) / 1e6:.1f} MB")
print(f"/health: median {health[len(health) // 2] * 1e3:.1f} ms, p99 "
      f"{health[int(len(health) * 0.99)] * 1e3:.1f} ms, most {health[-1] * 1e3:.1f} ms")
print("passes", server.metric("tritmill_passes_total"), "tokens in them",
      server.metric("tritmill_pass_tokens_total"))
check("no errors", not errors, errors[:3])
check("the slowest has half of the median", rates[0] >= 0.5 * statistics.median(rates))
check("SIGTERM", server.stop() == 143)
check.end()
