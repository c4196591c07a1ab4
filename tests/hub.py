#!/usr/bin/env python3
"""A hub on loopback for test_pull.sh, with the faults that it asks for.

hub.py FILE PORTFILE LOG: serves FILE as owner/repo on one port, its bytes by a redirect to another
port, as a hub and its storage are. Writes both ports to PORTFILE, and to LOG a line for each
request: "hub|cdn METHOD PATH token|- range|-".

The revision says what goes wrong: a word, or word-number; of those that number requests do it.
"""
import contextlib
import hashlib
import json
import os
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DATA = open(sys.argv[1], "rb").read()
SHA = hashlib.sha256(DATA).hexdigest()
LOG = open(sys.argv[3], "a", buffering=1)
seen = {}  # requests for the bytes of a revision
lock = threading.Lock()


def entry(path, sha=SHA, size=len(DATA)):
    return {"type": "file", "oid": "0" * 40, "size": size, "path": path,
            "lfs": {"oid": sha, "size": size, "pointerSize": 135}}


LISTS = {
    "names": [entry("../up.gguf"), entry("/etc/x.gguf"), entry("a/../../b.gguf"),
              entry("x\x1b[2J.gguf"), entry("-rf.gguf"), entry("mmproj-f16.gguf"),
              entry("\u202e.gguf"), entry("..gguf"), entry("sub/good-Q2_0.gguf")],
    "huge": [entry("m-I2_S.gguf", size=1 << 50)],
    "split": [entry("big-00001-of-00002.gguf"), entry("big-00002-of-00002.gguf")],
    "empty": [{"type": "file", "path": "README.md", "size": 1, "oid": "0" * 40}],
    "wrong": [entry("m-I2_S.gguf", sha="1" * 64)],
    "short": [entry("m-I2_S.gguf", size=len(DATA) - 5)],
    "long": [entry("m-I2_S.gguf", size=len(DATA) + 5)],
    "absurd": [entry("m-I2_S.gguf", size=-1), entry("n.gguf", size=1e300),
               entry("o.gguf", size="9"), entry("p.gguf", sha="xyz"), {"type": "file"}, None,
               7, [], {"path": 1, "lfs": 2}],
    "several": [entry("m-I2_S.gguf"), entry("m-PTQ1_0.gguf"), entry("other-I2_S.gguf"),
                entry("none-Q4_K.gguf", sha="2" * 64, size=100)],
}
CHANGED = hashlib.sha256(DATA[::-1]).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def cut(self):
        self.wfile.flush()
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(2)

    def do_GET(self):
        token = (self.headers.get("Authorization") or "-").replace(" ", "_")
        print(self.server.role, self.command, self.path, token, self.headers.get("Range") or "-",
              self.headers.get("If-Range") or "-", file=LOG)
        path = self.path.split("?")[0]
        match = re.match(r"/(?:api/models/)?owner/repo/(tree|resolve)/([a-z0-9]+)(?:-(\d+))?", path)
        if not match:
            self.reply(404, X_Error_Code="RepoNotFound")
            return
        what, word, number = match[1], match[2], int(match[3] or 0)
        try:
            if what == "tree":
                self.tree(word, number)
            elif self.server.role == "hub":
                self.resolve(word, number)
            else:
                self.bytes(word, number)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def tree(self, word, number):
        url = f"http://127.0.0.1:{PORTS['hub']}"
        statuses = {"s401": 401, "s403": 403, "s404": 404}
        if word in statuses:
            self.reply(statuses[word], X_Error_Code="GatedRepo\x1b[31m")
        elif word in ("s429", "s503") and self.count("tree" + word) <= number:
            self.reply(int(word[1:]), Retry_After="0")
        elif word == "bad":
            self.reply(200, b'[{"path": "m.gguf", ')
        elif word == "nul":
            self.reply(200, b'[{"path": "x\\u0000y.gguf"}]')
        elif word == "object":
            self.reply(200, b'{"error": "x"}')
        elif word == "deep":
            self.reply(200, b"[" * 100000)
        elif word == "hugejson":
            self.reply(200, b"[" + b" " * (9 << 20) + b"]")
        elif word == "silent":
            time.sleep(4)
        elif word == "paged":
            page = int((re.search(r"page=(\d)", self.path) or "00")[1])
            files = [entry("a-F16.gguf"), entry("b-Q2_0.gguf"), entry("c-I2_S.gguf")]
            after = f"{url}{self.path.split('?')[0]}?page={page + 1}"
            link = {} if page == 2 else {"Link": f'<{after}>; rel="next"'}
            self.reply(200, json.dumps([files[page]]).encode(), **link)
        elif word == "elsewhere":
            self.reply(200, b"[]", Link=f'<http://127.0.0.1:{PORTS["cdn"]}/x>; rel="next"')
        elif word == "endless":
            self.reply(200, b"[]", Link=f'<{url}{self.path}>; rel="next"')
        else:
            changed = word == "changes" and os.path.exists(sys.argv[2] + ".changed")
            files = [entry("m-I2_S.gguf", sha=CHANGED)] if changed else LISTS.get(word)
            self.reply(200, json.dumps(files or [entry("m-I2_S.gguf")]).encode())

    def resolve(self, word, number):
        url = f"http://127.0.0.1:{PORTS['cdn']}{self.path}?signature=secret"
        if word == "loop":
            url = f"http://127.0.0.1:{PORTS['hub']}{self.path}"
        elif word == "plain":
            url = "http://example.invalid/x"
        elif word == "ftp":
            url = "file:///etc/passwd"
        elif word == "b403":
            self.reply(403)
            return
        self.reply(302, Location=url, X_Repo_Commit="c0ffee")

    def count(self, key):
        with lock:
            seen[key] = seen.get(key, 0) + 1
            return seen[key]

    def bytes(self, word, number):
        data, etag = DATA, '"etag-1"'
        count = self.count(f"{word}-{number}")
        if word == "changes" and os.path.exists(sys.argv[2] + ".changed"):
            data, etag = DATA[::-1], '"etag-2"'
        if word == "swaps" and count > 2:
            etag = '"etag-2"'
        if word in ("b429", "b500") and count <= number:
            self.reply(int(word[1:]), Retry_After="0")
            return
        if word == "silentbytes" and count > 1:
            time.sleep(4)
            return
        span = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        fresh = self.headers.get("If-Range") in (None, etag) or word == "swaps"
        if not span or not fresh or word == "whole":
            begin, end, status, more = 0, len(data), 200, {}
        else:
            begin, end = int(span[1]), min(int(span[2] or len(data)) + 1, len(data))
            status = 206
            more = {"Content_Range": f"bytes {begin}-{end - 1}/{len(data)}"}
            if begin >= len(data):
                self.reply(416)
                return
        self.send_response(status)
        for name, value in {**more, "ETag": etag, "Content_Length": str(end - begin)}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if (word in ("cut", "whole", "changes", "dies", "swaps") and not (span and span[2]) and
                count > 1):
            tenth = len(data) // 10 + 1
            if number and count > number + 1:
                tenth = end
            self.wfile.write(data[begin:min(end, begin + tenth)])
            if begin + tenth < end:
                if word == "dies":
                    self.wfile.flush()
                    time.sleep(1.2)
                self.cut()
            return
        if word == "slow" and count > 1:
            for i in range(begin, end):
                self.wfile.write(data[i:i + 1])
                time.sleep(0.05)
        self.wfile.write(data[begin:end])


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args):
        """Clients that vanish are no news."""


PORTS = {}
for role in ("hub", "cdn"):
    server = Server(("127.0.0.1", 0), Handler)
    server.role = role
    PORTS[role] = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
with open(sys.argv[2] + ".tmp", "w", encoding="ascii") as out:
    print(PORTS["hub"], PORTS["cdn"], SHA, file=out)
os.rename(sys.argv[2] + ".tmp", sys.argv[2])
while os.getppid() != 1:
    time.sleep(0.5)
