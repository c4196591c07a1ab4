"""By hand: serve_mutations.py [COUNT [SEED]]: mutated requests, 16 at a time: the server lives,
answers with a status that fits, and the next valid request is right."""
import collections
import random
import socket
import sys
import threading
import time

from serve import Checks, Server, parse, read_all

count = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
print("seed", seed)
draw = random.Random(seed)
check = Checks()
server = Server("-np", "4", "--timeout", "0.3", "--chat-template", "qwen3")
BODIES = [
    b'{"prompt":"Once upon a time","max_tokens":4,"temperature":0.5,"stop":["a","b"],"n":2}',
    b'{"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":'
    b'"u"}]}],"max_completion_tokens":3,"stream":true,"stream_options":{"include_usage":true},'
    b'"logprobs":true,"top_logprobs":2,"logit_bias":{"5":-100},"chat_template_kwargs":'
    b'{"enable_thinking":false}}',
    b'{"messages":[{"role":"user","content":"u"}],"max_tokens":9,"tools":[{"type":"function",'
    b'"function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"string",'
    b'"enum":["x","y"]}},"required":["a"]}}}],"tool_choice":"required"}',
    b'{"messages":[{"role":"user","content":"u"}],"max_tokens":9,"response_format":{"type":'
    b'"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{"a":{"type":'
    b'"integer","minimum":3},"b":{"type":"array","items":{"type":"string","pattern":"^a+$"}}},'
    b'"required":["a"]}}}}',
    b'{"prompt":[[1,2,3],"x"],"max_tokens":2,"logprobs":1,"seed":5,"keep_alive":"5m"}',
    b'{"model":"stories","prompt":"Hi","options":{"num_predict":3,"temperature":0},"raw":true}',
    b'{"model":"stories","messages":[{"role":"user","content":"Hi"}],"options":{"num_predict":3},'
    b'"format":"json","think":false}',
]
PATHS = [b"/v1/completions", b"/v1/chat/completions", b"/v1/chat/completions",
         b"/v1/chat/completions", b"/v1/completions", b"/api/generate", b"/api/chat"]
WORDS = [b"null", b"-1", b"1e999", b"{}", b"[]", b'""', b"true", b"99999999999999999999", b"0.5",
         b"[[[[[[[[", b'"\\ud800"', b'"\\u0000"', b"\xff\xfe", b"\0", b"{\"a\":{}}", b"\r\n\r\n"]


def mutate(data):
    data = bytearray(data)
    for _ in range(draw.choice([1, 1, 1, 2, 4, 16])):
        kind, at = draw.randrange(7), draw.randrange(len(data) + 1)
        if kind == 0 and data:
            data[at % len(data)] = draw.randrange(256)
        elif kind == 1:
            del data[at:at + draw.randrange(1, 20)]
        elif kind == 2:
            data[at:at] = draw.choice(WORDS)
        elif kind == 3:
            data[at:at] = data[at:at + draw.randrange(1, 60)]
        elif kind == 4:
            data[at:] = b""
        elif kind == 5: # a value in the place of another
            colon = data.find(b":", at)
            if colon >= 0:
                data[colon + 1:colon + 1 + draw.randrange(1, 6)] = draw.choice(WORDS)
        else:
            other = draw.choice(BODIES)
            data[at:at] = other[draw.randrange(len(other)):][:draw.randrange(1, 80)]
    return bytes(data)


def request(i):
    body = BODIES[i]
    head = (b"POST " + PATHS[i] + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\n")
    if draw.random() < 0.8: # of the body, or of all
        body = mutate(body)
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    return mutate(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)


RIGHT = {"prompt": "Once upon a time", "max_tokens": 12, "temperature": 0}
right = server.json("/v1/completions", RIGHT)[1]["choices"][0]["text"]
seen, begin, slowest = collections.Counter(), time.time(), [0]
FITS = (0, 200, 204, 400, 403, 404, 405, 408, 411, 413, 414, 415, 417, 431, 501, 503, 505)


def one(data, half):
    """The status, 0 where the connection was closed."""
    with server.connect(4) as s: # kept open where the mutation hit Connection: close
        try:
            s.sendall(data)
            if half:
                s.shutdown(socket.SHUT_WR)
            before = time.time()
            status = parse(read_all(s))[0]
            slowest[0] = max(slowest[0], time.time() - before)
            return status
        except OSError:
            return 0


def work(part):
    for data, half in part:
        status = one(data, half)
        seen[status] += 1
        check("a status that fits", status in FITS, status, data)


WORKERS = 16
for n in range(0, count, 400):
    batch = [(request(draw.randrange(len(BODIES))), draw.random() < 0.05)
             for _ in range(min(400, count - n))]
    threads = [threading.Thread(target=work, args=(batch[i::WORKERS],)) for i in range(WORKERS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    status, answer = server.json("/v1/completions", RIGHT)
    if not check("the next is right", status == 200 and answer["choices"][0]["text"] == right, n,
                 status, answer, server.said()[-300:]):
        break
    print(n + len(batch), f"{time.time() - begin:.0f} s", dict(sorted(seen.items())), flush=True)
print(f"slowest {slowest[0]:.1f} s")
check("SIGTERM", server.stop() == 143)
check.end()
