"""Requests that are wrong, slow, cut or huge: each gets its status, and the next one is right."""
import socket
import time

from serve import Checks, Server, events, parse, read_all, wait_for

check = Checks()
server = Server("-np", "2", "--queue", "4", "--timeout", "1", "--allowed-host", "name.example",
                "--cors-origin", "https://page.example")
CHAT, COMPLETION = "/v1/chat/completions", "/v1/completions"
ASK = {"prompt": "Once upon a time", "max_tokens": 12, "temperature": 0}
RIGHT = server.json(COMPLETION, ASK)[1]["choices"][0]["text"]


def still_right(after):
    status, answer = server.json(COMPLETION, ASK)
    check(f"the next answer is right after {after}",
          status == 200 and answer["choices"][0]["text"] == RIGHT, status, answer)


def refused(what, status, body, path=COMPLETION, headers=(), method="POST"):
    got, _, data = server.ask(method, path, body, headers)
    check(f"{what}: {status}", got == status, got, data[:300])
    return data


def bodies():
    deep = b'{"a":' * 100 + b"1" + b"}" * 100
    for what, body in {
            "no body": b"", "no JSON": b"{", "an array": b"[]", "text behind": b'{"a":1} x',
            "deep JSON": deep, "deeper JSON": b"[" * 200000, "invalid UTF-8": b'{"prompt":"\xff"}',
            "NUL": b'{"prompt":"a\\u0000"}', "a bare NUL": b'{"prompt":"\0"}',
            "a lone surrogate": b'{"prompt":"\\ud800"}', "a key twice": b'{"n":1,"n":2}',
            "a huge number": b'{"n":1e999}',
            "a huge integer": b'{"n":' + b"9" * 400 + b"}"}.items():
        data = refused(what, 400, body)
        check(f"{what}: an error object", b'"message"' in data and b'"type"' in data, data)
    still_right("bad bodies")


def parameters():
    """Each is refused by its name."""
    bad = {"temperature": [-1, 3, "1", True, [], 1e300], "top_p": [-0.1, 1.1, {}],
           "top_k": [0.5, -2, 1e12], "min_p": [2, "x"], "n": [0, -1, 17, 1.5, 1e30, "2"],
           "max_tokens": [0, -2, 1.5, 10**12, "5"], "stop": [1, [1], ["a"] * 17, "x" * 600, {}],
           "seed": ["x", 1.5, []], "presence_penalty": [3, -2.1], "frequency_penalty": ["1", 99],
           "logit_bias": [[], {"x": 1}, {"-1": 1}, {"1": 101}, {"1": "x"}],
           "stream": [1, "true"], "stream_options": [1, []], "model": [1, [], "x" * 600],
           "prompt": [None, 1, {}, [], [{}], [[0.5]], [-1], [10**9], ["a"] * 17],
           "logprobs": [-1, 21, "x"], "best_of": [3], "suffix": ["x"], "echo": [1]}
    for name, values in bad.items():
        for value in values:
            status, answer = server.json(COMPLETION, {**ASK, name: value})
            check(f"{name}={str(value)[:40]} is refused", status == 400 and
                  name.split("_")[0] in answer["error"]["message"], status, answer)
    refused("a bias of no token", 400, {**ASK, "logit_bias": {"99999999": 1}})
    chat = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3}
    bad = {"messages": [None, [], {}, "x", [1], [{}], [{"role": "user", "content": 5}],
                        [{"role": 1, "content": "x"}]],
           "tools": [1, [1], [{}], [{"type": "x"}], [{"type": "function", "function": {}}]],
           "tool_choice": ["x", {"type": "function", "function": {"name": "none"}}, "required"],
           "response_format": [{"type": "x"}, {}, {"type": "json_schema"}],
           "logprobs": [1], "top_logprobs": [3, 21], "chat_template_kwargs": [1],
           "functions": [[{}]], "grammar": ["x"], "audio": [{}]}
    for name, values in bad.items():
        for value in values:
            status, answer = server.json(CHAT, {**chat, name: value})
            check(f"{name}={value} is refused", status == 400 and "message" in answer["error"],
                  status, answer)
    check("extras are ignored", server.json(COMPLETION, {**ASK, "user": "u", "x": None})[0] == 200)
    still_right("bad parameters")


def methods():
    for method, path, status in [("GET", CHAT, 405), ("PUT", CHAT, 405), ("DELETE", "/health", 405),
                                 ("BREW", CHAT, 405), ("GET", "/x", 404), ("POST", "/v1", 404),
                                 ("GET", "/v1/models/none", 404), ("GET", "/../etc/passwd", 404),
                                 ("HEAD", "/", 200), ("HEAD", "/health", 200),
                                 ("OPTIONS", CHAT, 204), ("GET", "/v1/models/", 404)]:
        got, headers, body = server.ask(method, path)
        check(f"{method} {path}: {status}", got == status, got, body)
        check(f"{method} {path}: Allow", got != 405 or "allow" in headers, headers)
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; x"]:
        refused(f"{kind}, which a form can send", 415, ASK, headers=[f"Content-Type: {kind}"])
    for host, status in [("evil.example", 403), ("name.example", 200), ("localhost:80", 200),
                         ("127.0.0.1", 200), ("[::1]:9", 200), ("a..b", 403), ("[x", 403)]:
        got = server.raw(f"GET /v1/models HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
                         .encode())
        check(f"Host {host}: {status}", parse(got)[0] == status, got[:200])
    refused("a page of elsewhere", 403, ASK, headers=["Origin: https://evil.example"])
    refused("our own page", 200, ASK, headers=["Origin: http://localhost"])
    status, headers, _ = server.ask("OPTIONS", CHAT, headers=[
        "Origin: https://page.example", "Access-Control-Request-Headers: authorization"])
    check("a page that may ask", status == 204 and
          headers.get("access-control-allow-origin") == "https://page.example" and
          headers.get("access-control-allow-headers") == "authorization", headers)


def framing():
    head = b"POST " + COMPLETION.encode() + b" HTTP/1.1\r\nHost: localhost\r\n"
    body = b'{"prompt":"Once upon a time","max_tokens":12,"temperature":0}'
    chunked = head + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    pieces = b"".join(b"1\r\n%c\r\n" % c for c in body)
    check("chunks of a byte", RIGHT.encode() in server.raw(chunked + pieces + b"0\r\n\r\n"))
    for what, data in {
            "a bad chunk size": chunked + b"zz\r\n",
            "a huge chunk size": chunked + b"f" * 40 + b"\r\n",
            "a chunk too long": chunked + b"2\r\nabc\r\n0\r\n\r\n",
            "no version": b"GET /\r\n\r\n", "binary": bytes(range(256)) * 4,
            "a huge header": head + b"X: " + b"a" * 200000 + b"\r\n\r\n",
            "many headers": head + b"X: 1\r\n" * 20000 + b"\r\n",
            "a huge path": b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "a negative length": head + b"Content-Length: -1\r\n\r\n",
            "an absurd length": head + b"Content-Length: 99999999999999999999\r\n\r\n",
            "too long a length": head + b"Content-Length: 9999999999\r\n\r\n",
            "a length of words": head + b"Content-Length: x\r\n\r\n"}.items():
        status = parse(server.raw(data))[0]
        check(f"{what} is refused", status == 0 or 400 <= status < 500, status)
    one = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    last = one.replace(b"Host", b"Connection: close\r\nHost")
    got = server.raw(one * 4 + last)
    check("five requests in one go", got.count(b"HTTP/1.1 200") == 5 and
          got.count(b'"text":') == 5, got[-300:])
    check("a huge body", parse(server.raw(
        head + b"Content-Length: 60000000\r\n\r\n" + b" " * (1 << 20)))[0] in (0, 413))
    still_right("bad framing")


def slow():
    """Those who send a byte now and then are closed in time, and others are served meanwhile."""
    begin, lines = time.time(), [b"GET / HTTP/1.1\r\nX: ", b"POST /v1/completions HTTP/1.1\r\n"
                                 b"Host: localhost\r\nContent-Length: 1000\r\n\r\n"]
    slow_ones = [server.connect() for _ in range(200)]
    for i, s in enumerate(slow_ones):
        s.sendall(lines[i % 2])
    times = []
    open_ones = set(slow_ones)
    while open_ones and time.time() < begin + 15:
        for s in list(open_ones):
            try:
                s.sendall(b" ")
                s.setblocking(False)
                if s.recv(1000) == b"":
                    raise OSError
            except BlockingIOError:
                pass
            except OSError:
                open_ones.discard(s)
        before = time.time()
        check("health beside slow ones", server.ask("GET", "/health")[0] == 200)
        times.append(time.time() - before)
        time.sleep(0.1)
    check("slow ones are closed", not open_ones, len(open_ones))
    check("others are not kept waiting", max(times) < 2, max(times))
    for s in slow_ones:
        s.close()
    still_right("slow ones")


def gone():
    """Clients that go give their slots back."""
    long = b'{"prompt":"Once","max_tokens":100000,"stream":%s,"ignore_eos":true}'
    for stream in [b"true", b"false"]:
        body = long % stream
        for _ in range(6):
            s = server.connect()
            s.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"
                      b"Content-Length: %d\r\n\r\n" % len(body) + body)
            if stream == b"true":
                s.recv(10)
            s.close()
        check("gone clients give back their slots",
              wait_for(lambda: server.metric("tritmill_running") == 0 and
                       server.metric("tritmill_waiting") == 0), stream)
    half = server.connect()
    half.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{")
    half.close()
    still_right("clients that went")


def full():
    """What the queue has no room for gets 503, and the others their answers."""
    body = b'{"prompt":"Once","max_tokens":150,"ignore_eos":true}'
    data = (b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body)
    many = [server.connect() for _ in range(24)]
    for s in many:
        s.sendall(data)
    answers = [parse(read_all(s)) for s in many]
    seen = {status for status, _, _ in answers}
    check("busy: 503 or an answer", seen <= {200, 503} and 200 in seen, seen)
    check("503 says when to come again",
          all("retry-after" in h for status, h, _ in answers if status == 503))
    for s in many:
        s.close()
    still_right("a full queue")


def end():
    """SIGTERM lets an answer end, refuses others, and the program ends."""
    s = server.connect()
    body = b'{"prompt":"Once","max_tokens":400,"ignore_eos":true,"stream":true}'
    s.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
              % len(body) + body)
    s.recv(1)
    server.process.terminate()
    rest = read_all(s)
    code = server.process.wait(30)
    check("an answer under way ends", b"[DONE]" in rest, rest[-100:])
    check("SIGTERM: exit code 143", code == 143, code)
    said = server.said()
    check("nothing of requests is said", "Once" not in said and "evil" not in said, said)


for part in [bodies, parameters, methods, framing, slow, gone, full]:
    begin = time.time()
    part()
    print(f"{part.__name__} {time.time() - begin:.1f} s")
    if not check("the server lives", server.alive(), server.said()):
        break
else:
    end()
check.end()
