"""A server of tritmill for tests, and HTTP by hand: requests as bytes, since faults are what is
tested."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

PROGRAM = os.environ["TRITMILL"]
SOURCE = os.environ["TRIT_SOURCE"]
STORIES = os.path.join(SOURCE, "tests/models/stories.gguf")


class Server:
    """`tritmill serve` at a port of its own."""

    def __init__(self, *arguments, model=STORIES, prefix=()):
        self.errors = tempfile.TemporaryFile("w+")
        words = [PROGRAM, "serve", "--port", "0", *arguments]
        if model:
            words[2:2] = ["-m", model]
        self.process = subprocess.Popen([*prefix, *words], stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"http://[^ ]*:(\d+)/", line)
        if not found:
            self.process.kill()
            raise SystemExit(f"no server: {line!r} {self.said()!r}")
        self.port = int(found[1])

    def said(self):
        self.errors.seek(0)
        return self.errors.read()

    def connect(self, timeout=20):
        s = socket.create_connection(("127.0.0.1", self.port), timeout)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def raw(self, data, timeout=20):
        """What comes back for these bytes until the server closes, or has answered."""
        with self.connect(timeout) as s:
            with contextlib.suppress(OSError):
                s.sendall(data)
            return read_all(s)

    def ask(self, method, path, body=None, headers=(), timeout=60):
        """(status, headers, body) of a request; body: bytes, or what becomes JSON."""
        data = b""
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            lines.append(f"Content-Length: {len(data)}")
            if not any(h.lower().startswith("content-type") for h in headers):
                lines.append("Content-Type: application/json")
        answer = self.raw("\r\n".join([*lines, "", ""]).encode() + data, timeout)
        return parse(answer)

    def json(self, path, body, **more):
        status, _, data = self.ask("POST", path, body, **more)
        return status, json.loads(data) if data else None

    def alive(self):
        return self.process.poll() is None and self.ask("GET", "/health")[0] == 200

    def metric(self, name):
        text = self.ask("GET", "/metrics")[2].decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                   if re.match(name + r"[{ ]", line))

    def stop(self, number=signal.SIGTERM, seconds=60):
        """The exit code."""
        self.process.send_signal(number)
        return self.process.wait(seconds)


def read_all(s):
    out = b""
    with contextlib.suppress(OSError):
        while data := s.recv(65536):
            out += data
    return out


def parse(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    found = re.match(r"HTTP/1\.[01] (\d+)", lines[0])
    headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
    if headers.get("transfer-encoding") == "chunked":
        body = dechunk(body)
    return int(found[1]) if found else 0, headers, body


def dechunk(data):
    out = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        n = int(size.split(b";")[0] or b"0", 16)
        if n == 0:
            break
        out, data = out + data[:n], data[n + 2:]
    return out


def events(body):
    """The JSON of server-sent events; "[DONE]" as a text."""
    lines = [line[6:] for line in body.decode().split("\n") if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


class Checks:
    def __init__(self):
        self.failed = 0

    def __call__(self, what, fine, *seen):
        if not fine:
            self.failed += 1
            print("FAILED:", what, *seen, file=sys.stderr)
        return fine

    def end(self):
        sys.exit(1 if self.failed else 0)


def wait_for(what, seconds=20):
    """Whether it becomes true."""
    end = time.time() + seconds
    while time.time() < end:
        if what():
            return True
        time.sleep(0.02)
    return False
