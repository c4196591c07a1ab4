"""What a daemon has to bear: its model's file cut while it is served, keys, signals, clients that
do not read."""
import json
import os
import shutil
import signal
import socket
import tempfile
import threading
import time

from serve import STORIES, Checks, Server, parse, read_all, wait_for

check = Checks()
folder = tempfile.TemporaryDirectory()
ASK = {"prompt": "Once upon a time", "max_tokens": 12, "temperature": 0}
LONG = {"prompt": "Once", "max_tokens": 100000, "ignore_eos": True}
COMPLETION = "/v1/completions"


def place(name):
    return os.path.join(folder.name, name)


def cut_file():
    """Its requests get an error; put back, the next are right; the server never ends."""
    path = place("cut.gguf")
    shutil.copy(STORIES, path)
    server = Server("-np", "2", model=path)
    right = server.json(COMPLETION, ASK)[1]["choices"][0]["text"]
    os.truncate(path, 100000)
    status, answer = server.json(COMPLETION, {**ASK, "prompt": "The other day, the dogs"})
    check("a file that was cut: an error", status == 500 and "shorter" in
          answer["error"]["message"], status, answer)
    status, answer = server.json(COMPLETION, ASK)
    check("loading it anew: an error that names it", status == 500 and
          "cut.gguf" in answer["error"]["message"], status, answer)
    check("the server lives", server.alive())
    shutil.copy(STORIES, place("new.gguf"))
    os.rename(place("new.gguf"), path)
    status, answer = server.json(COMPLETION, ASK)
    check("the file is back: right again", status == 200 and
          answer["choices"][0]["text"] == right, status, answer)
    os.unlink(path)
    check("a file that vanished serves on", server.json(COMPLETION, ASK)[0] == 200)
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "looked at again" in server.said())
    status, answer = server.json(COMPLETION, ASK)
    check("after SIGHUP it is gone", status == 500 and "cut.gguf" in answer["error"]["message"],
          status, answer)
    check("SIGTERM", server.stop() == 143)


def keys():
    path = place("keys")
    open(path, "w").write("# ours\none\n  two \n")
    server = Server("--api-key-file", path)
    for key, status in [(None, 401), ("one", 200), ("two", 200), ("on", 401),
                        ("# ours", 401), ("", 401), ("x" * 3000, 401)]:
        headers = [] if key is None else [f"Authorization: Bearer {key}"]
        got = server.ask("GET", "/v1/models", headers=headers)[0]
        check(f"key {str(key)[:9]}: {status}", got == status, got)
    check("x-api-key serves", server.ask("GET", "/v1/models", headers=["x-api-key: two"])[0] == 200)
    check("health needs none", server.ask("GET", "/health")[0] == 200)
    check("metrics do", server.ask("GET", "/metrics")[0] == 401)
    open(path, "w").write("three\n")
    server.process.send_signal(signal.SIGHUP)
    check("SIGHUP reads them again", wait_for(lambda: server.ask(
        "GET", "/v1/models", headers=["x-api-key: three"])[0] == 200))
    check("the old ones are gone",
          server.ask("GET", "/v1/models", headers=["x-api-key: one"])[0] == 401)
    os.unlink(path)
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "the old keys hold" in server.said())
    check("without the file the old ones hold",
          server.ask("GET", "/v1/models", headers=["x-api-key: three"])[0] == 200)
    check("SIGTERM", server.stop() == 143)


def request(body):
    data = str(body).replace("'", '"').replace("True", "true").encode()
    return (b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n" % len(data) + data)


def signals():
    """--drain ends what does not end by itself; a second signal ends the program at once."""
    server = Server("--drain", "0.3", "--queue", "1000")
    asks, waits = [server.connect() for _ in range(8)], server.connect()
    for ask in asks:
        ask.sendall(request({**LONG, "stream": True, "n": 16}))
    check("they run", wait_for(lambda: server.metric("tritmill_running") > 0))
    waits.sendall(request({**LONG, "n": 16}))
    time.sleep(0.1)
    server.process.terminate()
    check("draining: health says so", wait_for(lambda: server.ask("GET", "/health")[0] == 503))
    check("draining: others are refused", server.json(COMPLETION, ASK)[0] == 503)
    begin = time.time()
    check("draining ends", server.process.wait(30) == 143 and time.time() - begin < 10)
    ends = [read_all(ask)[-300:] for ask in asks]
    check("what was cut says so", any(b'shutting down' in end for end in ends) and
          all(b'shutting down' in end or b"[DONE]" in end for end in ends), ends)
    check("what waited says so", parse(read_all(waits))[0] == 503)
    server = Server("--drain", "1000")
    ask = server.connect()
    ask.sendall(request({**LONG, "stream": True, "n": 16}))
    ask.recv(1)
    server.process.terminate()
    wait_for(lambda: "have 1000 seconds" in server.said())
    begin = time.time()
    check("a second SIGTERM", server.stop() == 143 and time.time() - begin < 5)
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    said = os.popen(f"{os.environ['TRITMILL']} serve -m {STORIES} --port {port} 2>&1").read()
    check("a port that is taken: one line", said.count("\n") == 1 and str(port) in said, said)


def deaf():
    """One who does not read keeps nobody waiting, and its answer ends."""
    server = Server("-np", "1")
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.0.1", server.port))
    s.sendall(request({**LONG, "stream": True}))
    s.recv(1)
    check("the next is served beside it", server.json(COMPLETION, ASK)[0] == 200)
    check("its text ends by itself", wait_for(lambda: server.metric("tritmill_running") == 0))
    s.close()
    check("SIGTERM", server.stop() == 143)


def unload():
    server = Server("--keep-alive", "0")
    check("an answer", server.json(COMPLETION, ASK)[0] == 200)
    check("unused, it is unloaded",
          wait_for(lambda: server.metric("tritmill_models_loaded") == 0))
    check("and loaded again", server.json(COMPLETION, ASK)[0] == 200)
    check("SIGTERM", server.stop() == 143)


def folder_of_models():
    """By name, one in memory at a time, asked for at once by several."""
    models = place("models")
    os.mkdir(models)
    for name in ["one", "two"]:
        shutil.copy(STORIES, os.path.join(models, name + ".gguf"))
    os.symlink(STORIES, os.path.join(models, "out.gguf"))
    server = Server("--models", models, "--max-loaded", "1", model=None)
    names = [m["id"] for m in json.loads(server.ask("GET", "/v1/models")[2])["data"]]
    check("models are listed", sorted(names) == ["one", "two"], names)
    seen = []

    def ask(name, i):
        seen.append(server.json(COMPLETION, {**ASK, "model": name, "max_tokens": 40 + i}))

    threads = [threading.Thread(target=ask, args=(["one", "two"][i % 2], i)) for i in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check("both answer", all(status == 200 for status, _ in seen), seen)
    check("alike", len({a["choices"][0]["text"][:30] for _, a in seen}) == 1, seen)
    check("one is in memory", server.metric("tritmill_models_loaded") == 1)
    for name in ["", "out", "../stories", "/etc/passwd", STORIES, "one/../two", "x" * 400]:
        status, answer = server.json(COMPLETION, {**ASK, "model": name})
        check(f"model {name[:20]!r} is refused", status in (400, 404), status, answer)
    check("SIGTERM", server.stop() == 143)


def memory():
    """A model that does not fit what models may take is refused, with the figures."""
    server = Server("--memory-mb", "1", model=STORIES)
    status, answer = server.json(COMPLETION, ASK)
    check("more than models may take", status == 503 and "may take 1" in
          answer["error"]["message"], status, answer)
    check("the server lives", server.alive())
    server.stop()
    os.environ["XDG_DATA_HOME"] = place("nothing")
    server = Server(model=None)
    status, _ = server.json(COMPLETION, ASK)
    check("an empty folder: the bundled model", status == 200, status)
    server.stop()


for part in [cut_file, keys, signals, deaf, unload, folder_of_models, memory]:
    begin = time.time()
    part()
    print(f"{part.__name__} {time.time() - begin:.1f} s")
check.end()
