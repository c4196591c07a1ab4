"""Ollama's endpoints: shapes of answers and streams, models made, kept and dropped, and what is
refused. With the word `client`, npm's client as well."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import serve_words
from serve import SOURCE, STORIES, Checks, Server, wait_for

check = Checks()
folder = tempfile.TemporaryDirectory()
shutil.copy(STORIES, os.path.join(folder.name, "model.gguf"))
serve_words.write(os.path.join(folder.name, "words.gguf"), [
    "<think>", "\nLet me", " see.\n", "</think>", "\n\n", "I call. ", "<tool_call>",
    "\n{\"name\": \"", "weather", "\", \"arguments\": ", "{\"city\": \"Oslo\"}", "}\n",
    "</tool_call>"])
server = None
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")
TOOLS = [{"type": "function", "function": {
    "name": "weather", "parameters": {"type": "object",
                                      "properties": {"city": {"type": "string"}}}}}]
COLD = {"temperature": 0, "num_predict": 24}


def post(path, status, body, **more):
    """The answer's JSON, which has that status; of a stream the last."""
    seen, _, data = server.ask(more.pop("method", "POST"), "/api/" + path, body, **more)
    check(f"{path}: {status} for {str(body)[:120]}", seen == status, seen, data[:300])
    return json.loads(data.splitlines()[-1]) if data else {}


def stream(path, body):
    """The objects of a stream, of which the last is done; and what they make together."""
    status, headers, data = server.ask("POST", "/api/" + path, body)
    lines = [json.loads(line) for line in data.decode().splitlines()]
    check("a stream's type", status == 200 and
          headers["content-type"] == "application/x-ndjson", headers)
    check("only the last is done", lines[-1]["done"] and not any(p["done"] for p in lines[:-1]))
    check("model and time in each", all(p["model"] == body["model"] and
                                        TIME.fullmatch(p["created_at"]) for p in lines), lines[:1])
    whole = {}
    for p in lines:
        for key, value in p.get("message", p).items():
            if key in ("response", "content", "thinking", "tool_calls"):
                whole[key] = whole[key] + value if key in whole else value
    return lines, whole


def same(path, body):
    """The whole answer, which is the same as in pieces."""
    _, pieces = stream(path, body)
    answer = post(path, 200, {**body, "stream": False})
    found = answer.get("message", answer)
    for key in ("response", "content", "thinking"):
        check(f"{path}: {key} whole and in pieces", found.get(key) == pieces.get(key), found,
              pieces)
    figures = ["total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration",
               "eval_count", "eval_duration"]
    check("figures", all(type(answer[f]) is int and answer[f] >= 0 for f in figures) and
          answer["total_duration"] >= answer["eval_duration"], answer)
    return answer


def door():
    check("its greeting", server.ask("GET", "/")[2] == b"Ollama is running")
    check("HEAD", server.ask("HEAD", "/")[0] == 200)
    status, headers, _ = server.ask("GET", "/", headers=["Accept: text/html,*/*;q=0.8"])
    check("a page for browsers", status == 200 and "text/html" in headers["content-type"], headers)
    json_type = ["Content-Type: application/json"]
    for path in ("tags", "ps", "version"):
        status, _, data = server.ask("GET", "/api/" + path, headers=json_type)
        check(f"{path}: with a type and no body", status == 200 and json.loads(data), data)


def made():
    """Of what follows, the models."""
    text = "FROM ./model.gguf\nPARAMETER temperature 0\nPARAMETER num_predict 24\n" \
           "PARAMETER stop zzz\nSYSTEM You are Mario.\n" \
           "MESSAGE user Hello\nMESSAGE assistant \"\"\"It's me\"\"\"\n"
    status, headers, data = server.ask("POST", "/api/create", {"model": "mario", "modelfile": text})
    lines = [json.loads(line) for line in data.decode().splitlines()]
    check("created", status == 200 and headers["content-type"] == "application/x-ndjson" and
          lines[-1] == {"status": "success"}, data)
    post("create", 200, {"model": "stories", "from": "model", "stream": False})
    shown = post("show", 200, {"model": "mario"})
    check("show", shown["system"] == "You are Mario." and "FROM" in shown["modelfile"] and
          "num_predict                    24" in shown["parameters"] and
          shown["messages"][1] == {"role": "assistant", "content": "It's me"} and
          shown["model_info"]["tokenizer.ggml.tokens"] is None and
          shown["details"]["format"] == "gguf" and TIME.fullmatch(shown["modified_at"]), shown)
    tokens = post("show", 200, {"name": "mario", "verbose": True})
    check("show, verbose", len(tokens["model_info"]["tokenizer.ggml.tokens"]) == 2048 and
          tokens["tensors"][0]["shape"])
    answer = post("chat", 200, {"model": "mario", "stream": False,
                                "messages": [{"role": "user", "content": "Once"}]})
    plain = post("chat", 200, {"model": "stories", "stream": False, "options": COLD,
                               "messages": [{"role": "user", "content": "Once"}]})
    check("its parameters and texts are those of its requests", answer["eval_count"] == 24 and
          answer["prompt_eval_count"] > plain["prompt_eval_count"] + 20, answer, plain)
    status, openai = server.json("/v1/chat/completions", {
        "model": "mario", "messages": [{"role": "user", "content": "Once"}]})
    check("in OpenAI's interface, too", status == 200 and
          openai["choices"][0]["message"]["content"] == answer["message"]["content"], openai)
    post("create", 200, {"model": "mario", "from": "mario", "parameters": {"num_predict": 2}})
    answer = post("generate", 200, {"model": "mario", "prompt": "Hi", "stream": False})
    check("made anew, it is another", answer["eval_count"] == 2 and
          answer["done_reason"] == "length", answer)
    post("copy", 200, {"source": "mario", "destination": "luigi:one"})
    names = {m["name"] for m in json.loads(server.ask("GET", "/api/tags")[2])["models"]}
    check("names", names == {"mario:latest", "luigi:one", "stories:latest", "model:latest",
                             "words:latest"}, names)
    for name in ("luigi:one", "mario"):
        post("delete", 200, {"model": name}, method="DELETE")
        post("delete", 404, {"model": name}, method="DELETE")
        post("chat", 404, {"model": name, "messages": [{"role": "user", "content": "Hi"}]})


def generated():
    ask = {"model": "stories", "prompt": "Once upon a time", "options": COLD}
    answer = same("generate", ask)
    check("generate", answer["done_reason"] == "length" and answer["eval_count"] == 24, answer)
    first = len(answer["context"])
    check("context", first == answer["prompt_eval_count"] + 24, first)
    again = same("generate", {**ask, "prompt": "And", "context": answer["context"]})
    check("it goes on", again["context"][:first] == answer["context"] and
          again["prompt_eval_count"] > first, again)
    raw = same("generate", {**ask, "raw": True})
    check("raw", "context" not in raw and
          raw["prompt_eval_count"] < answer["prompt_eval_count"], raw)
    check("system", same("generate", {**ask, "system": "Be kind"})["prompt_eval_count"] >
          answer["prompt_eval_count"])
    words = raw["response"].split()
    cut = same("generate", {**ask, "raw": True, "options": {**COLD, "stop": [words[3]]}})
    check("stop", cut["done_reason"] == "stop" and
          cut["response"] == raw["response"].partition(words[3])[0], cut)
    warm = {**ask, "options": {"seed": 7, "num_predict": 12.0, "num_ctx": 64, "num_thread": 3,
                               "use_mmap": True, "mirostat": 0, "unheard_of": []}}
    check("a seed's text is the same", same("generate", warm)["eval_count"] == 12)
    told = same("generate", {**ask, "logprobs": True, "top_logprobs": 2, "raw": True})["logprobs"]
    check("log-probabilities", len(told) == 24 and len(told[0]["top_logprobs"]) == 2 and
          set(told[0]) == {"token", "logprob", "bytes", "top_logprobs"}, told[:1])
    template = "{% for m in messages %}<{{ m.content }}>{% endfor %}"
    mine = same("generate", {**ask, "template": template})
    check("a template of its own", mine["prompt_eval_count"] <= raw["prompt_eval_count"] + 2, mine)
    status, _, data = server.ask("POST", "/api/generate", {**ask, "stream": False}, headers=[
        "Content-Type: application/x-www-form-urlencoded"])
    check("as curl -d sends it", status == 200 and
          json.loads(data)["response"] == answer["response"], data)
    status, _, _ = server.ask("POST", "/api/generate", ask, headers=[
        "Content-Type: application/x-www-form-urlencoded", "Sec-Fetch-Site: cross-site"])
    check("but not as a page's form does", status == 415, status)


def cut():
    """stories has a context of 256."""
    talk = [{"role": "system", "content": "Be kind"}]
    for i in range(40):
        talk += [{"role": "user", "content": f"Number {i}"}, {"role": "assistant", "content": "Hm"}]
    ask = {"model": "stories", "messages": [*talk, {"role": "user", "content": "The last"}],
           "options": {"temperature": 0, "num_predict": 4}}
    answer = same("chat", ask)
    check("a long chat loses its oldest turns", 128 < answer["prompt_eval_count"] <= 192, answer)
    post("chat", 400, {**ask, "truncate": False})
    post("chat", 400, {**ask, "messages": [{"role": "user", "content": "a " * 300}]})


def formed():
    ask = {"model": "stories", "messages": [{"role": "user", "content": "A pet"}], "think": False,
           "options": {**COLD, "num_predict": 150}}
    schema = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 9},
                                               "age": {"type": "integer", "maximum": 99}},
              "required": ["name", "age"], "additionalProperties": False}
    pet = json.loads(same("chat", {**ask, "format": schema})["message"]["content"])
    check("a schema", set(pet) == {"name", "age"} and type(pet["age"]) is int, pet)
    seen = same("chat", {**ask, "format": "json"})
    check("JSON", seen["done_reason"] == "length" or
          type(json.loads(seen["message"]["content"])) is dict, seen)
    check("no format", same("chat", {**ask, "format": ""})["message"]["role"] == "assistant")


def thought_and_called():
    talk = [{"role": "user", "content": "Hi"}]
    ask = {"model": "words", "messages": talk, "options": {"temperature": 0}}
    for think in (None, True, "high"):
        answer = same("chat", {**ask, "think": think})["message"]
        check("thinking apart", answer["thinking"] == "Let me see." and
              answer["content"].startswith("I call."), answer)
    answer = same("generate", {"model": "words", "prompt": "Hi", "options": {"temperature": 0}})
    check("in generate, too", answer["thinking"] == "Let me see.", answer)
    call = same("chat", {**ask, "tools": TOOLS})["message"]
    function = {"index": 0, "name": "weather", "arguments": {"city": "Oslo"}}
    check("a call", [c["function"] for c in call["tool_calls"]] == [function] and
          call["content"] == "I call.", call)
    lines, whole = stream("chat", {**ask, "tools": TOOLS})
    check("a call in a stream", [c["function"] for c in whole["tool_calls"]] == [function] and
          lines[-1]["done_reason"] == "stop", lines)
    for result in ({"tool_name": "weather"}, {"tool_call_id": call["tool_calls"][0]["id"]}, {}):
        back = [*talk, call, {"role": "tool", "content": "rain", **result}]
        check("its result", same("chat", {**ask, "messages": back, "tools": TOOLS})["message"]
              ["tool_calls"])


def kept():
    def loaded():
        models = json.loads(server.ask("GET", "/api/ps")[2])["models"]
        return {m["name"]: m for m in models}

    for path, more in (("generate", {}), ("chat", {"messages": []}), ("generate", {"prompt": ""})):
        body = {"model": "words", "keep_alive": 0, **more}
        check("unloaded", post(path, 200, body)["done_reason"] == "unload")
        check("it goes", wait_for(lambda: "words:latest" not in loaded()))
        body["keep_alive"] = "1h"
        answer = post(path, 200, body)
        check("loaded", answer["done_reason"] == "load" and answer["done"], answer)
        found = loaded()["words:latest"]
        check("it is there", found["context_length"] == 4096 and found["size_vram"] == 0 and
              TIME.fullmatch(found["expires_at"]) and len(found["digest"]) == 64, found)
    post("generate", 200, {"model": "words", "keep_alive": -1})
    check("for ever", loaded()["words:latest"]["expires_at"][:4] > "2100", loaded())
    post("generate", 200, {"model": "words", "prompt": "a", "keep_alive": "0s"})
    check("used once", wait_for(lambda: "words:latest" not in loaded()))


def uploaded():
    with open(STORIES, "rb") as f:
        data = f.read()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    blob = "/api/blobs/" + digest
    check("not yet", server.ask("HEAD", blob)[0] == 404)
    check("another file", server.ask("POST", blob, data[:-1])[0] == 400)
    check("no digest", server.ask("POST", "/api/blobs/sha256:12", b"a")[0] == 400)
    blobs = os.path.join(folder.name, "blobs")
    with server.connect() as s:
        s.sendall(f"POST {blob} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
                  .encode() + data[:-1])
        check("it comes", wait_for(lambda: os.listdir(blobs)))
    check("its client went: nothing is left", wait_for(lambda: not os.listdir(blobs)))
    check("uploaded", server.ask("POST", blob, data)[0] == 201)
    check("it is there", server.ask("HEAD", blob)[0] == 200)
    check("again", server.ask("POST", blob, data)[0] == 200)
    post("create", 200, {"model": "up", "files": {"a.gguf": digest}, "stream": False})
    check("it serves", post("generate", 200, {"model": "up", "prompt": "Hi", "stream": False,
                                              "options": COLD})["response"])
    post("delete", 200, {"model": "up"}, method="DELETE")
    check("it went with its last name", server.ask("HEAD", blob)[0] == 404)


MANY = [None] * 17
REFUSED = [
    (400, "generate", {}), (400, "generate", {"model": 3}), (400, "generate", {"model": ""}),
    (400, "generate", {"model": "x" * 600}), (404, "generate", {"model": "nobody", "prompt": "a"}),
    (404, "generate", {"model": "nobody"}), (404, "generate", {"model": "../model", "prompt": "a"}),
    (404, "show", {"model": "nobody"}), (400, "show", {}), (404, "embed", {"model": "nobody"}),
    (400, "embed", {"model": "words", "input": "a"}), (501, "pull", {"name": "llama3"}),
    (400, "embeddings", {"model": "words", "prompt": "a"}), (501, "push", {"model": "words"}),
    (400, "copy", {"source": "words"}), (404, "copy", {"source": "nobody", "destination": "b"}),
    (400, "copy", {"source": "words", "destination": "../b"}), (400, "create", {"model": "a"}),
    (404, "create", {"model": "a", "from": "nobody"}), (400, "create", {"model": "a", "from": 1}),
    (400, "create", {"model": "../a", "from": "words"}),
    (400, "create", {"model": "a", "from": "words", "quantize": "q4_K_M"}),
    (400, "create", {"model": "a", "modelfile": "FROM /etc/passwd"}),
    (400, "create", {"model": "a", "modelfile": "FROM ../model.gguf"}),
    (400, "create", {"model": "a", "modelfile": "FRUM words"}),
    (400, "create", {"model": "a", "from": "words", "parameters": {"top_p": 3}}),
    (400, "create", {"model": "a", "from": "words", "messages": [{"role": "king"}]}),
    (400, "create", {"model": "a", "files": {"a": "sha256:1", "b": "sha256:2"}}),
    (404, "create", {"model": "a", "files": {"a": "sha256:" + 64 * "0"}}),
]
WRONG = {  # of both, each alone makes a good request a bad one
    "stream": [1, "yes"], "keep_alive": ["5", "soon", [], True], "think": ["a lot", 3],
    "format": ["xml", 4, [], {"type": 5}], "options": [[], "cold"], "images": [["aGk="], "aGk="],
    "logprobs": [1], "top_logprobs": [21, -1],
}
OPTIONS = {
    "temperature": ["hot", -1, []], "top_p": [1.5, "1"], "top_k": [0.5], "min_p": [-0.1, 2],
    "seed": ["a", 0.5], "num_predict": ["all", 1.5], "num_ctx": [0, "big"], "stop": [5, MANY],
    "repeat_penalty": [0], "repeat_last_n": [-2], "presence_penalty": [1e9],
}
GENERATE = {"prompt": [1, []], "suffix": ["end"], "system": [1],
            "template": [1, "{% for %}", "{{ .Prompt }}"],
            "context": ["a", [-1], [1.5], [99999999]], "raw": ["yes"]}
CHAT = {"truncate": [1],
        "messages": ["a", {}, [1], [{}], [{"role": 1}], [{"role": "user", "content": 5}],
                     [{"role": "user", "content": "a", "images": ["aGk="]}],
                     [{"role": "assistant", "tool_calls": 1}],
                     [{"role": "assistant",
                       "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}]],
        "tools": ["a", [1], [{"type": "function", "function": {}}]]}


def refused():
    for status, path, body in REFUSED:
        answer = post(path, status, body)
        check("an error's shape", type(answer.get("error")) is str and len(answer) == 1, answer)
    check("pull says what to do", "tritmill pull llama3" in
          post("pull", 501, {"name": "llama3"})["error"])
    good = {"generate": {"prompt": "a"}, "chat": {"messages": [{"role": "user", "content": "a"}]}}
    for path, own in (("generate", GENERATE), ("chat", CHAT)):
        base = {"model": "stories", **good[path], "options": {"num_predict": 1}, "stream": False}
        for name, values in {**WRONG, **own}.items():
            for value in values:
                post(path, 400, {**base, name: value})
        for name, values in OPTIONS.items():
            for value in values:
                post(path, 400, {**base, "options": {name: value}})
        for name in {**WRONG, **own}:
            post(path, 200, {**base, name: None})
    post("generate", 400, {"model": "stories", "prompt": "a", "raw": True, "system": "b"})
    post("generate", 400, {"model": "stories", "prompt": "a " * 400})
    for body in (b"", b"{", b"[]", b"\"a\"", b"{\"model\": \"\xff\"}", b"[" * 100000):
        post("chat", 400, body)
    for method, path in (("GET", "chat"), ("POST", "tags"), ("POST", "delete"), ("PUT", "create")):
        check("a wrong method", server.ask(method, "/api/" + path, {})[0] == 405)


def others():
    """Templates of Modelfiles, models that neither think nor call, a server of one model."""
    global server
    server = Server("--models", folder.name, model=None)
    talk = {"model": "said", "messages": [{"role": "user", "content": "Hi"}], "stream": False,
            "options": COLD}
    post("create", 200, {"model": "said", "from": "model", "template":
                         "{% for m in messages %}{{ m.content }}{% endfor %}"})
    check("its template", post("chat", 200, talk)["prompt_eval_count"] <= 3)
    check("is shown", "m.content" in post("show", 200, {"model": "said"})["template"])
    check("what it cannot", post("show", 200, {"model": "said"})["capabilities"] == ["completion"])
    check("thinking", "thinking" in post("chat", 400, {**talk, "think": True})["error"])
    check("tools", "tools" in post("chat", 400, {**talk, "tools": TOOLS})["error"])
    post("create", 200, {"model": "small", "from": "model", "parameters": {"num_ctx": 32}})
    post("chat", 200, {**talk, "model": "small"})
    check("its context", [m["context_length"] for m in post("ps", 200, None, method="GET")["models"]
                          if m["name"] == "small:latest"] == [32])
    post("create", 200, {"model": "gone", "from": "model", "template": "{{ .Prompt }}"})
    check("Ollama's template is kept, the model's used", post("show", 200, {"model": "gone"})
          ["template"] == "{{ .Prompt }}" and post("chat", 200, {**talk, "model": "gone"}))
    check("it ends", server.stop() == 143, server.said())
    server = Server("--models", folder.name, model=None,
                    prefix=["prlimit", "--fsize=67109864"]) # 1,000 bytes more than stay free
    blob = "/api/blobs/sha256:" + 64 * "0"
    check("no room", server.ask("POST", blob, bytes(2000))[0] == 507)
    chunks = f"POST {blob} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n" \
             "Connection: close\r\n\r\n3E8\r\n" + 1000 * "a"
    check("no room for the rest", b" 507 " in server.raw((chunks + "\r\n1\r\nb\r\n0\r\n\r\n")
                                                         .encode()))
    check("room", b" 400 " in server.raw((chunks + "\r\n0\r\n\r\n").encode()))
    check("nothing is left of them", os.listdir(os.path.join(folder.name, "blobs")) == [])
    check("it ends", server.stop() == 143, server.said())
    server = Server("--alias", "one")
    post("create", 400, {"model": "two", "from": "one"})
    post("chat", 200, {**talk, "model": "one"})
    check("shown", "FROM /" in post("show", 200, {"model": "one:latest"})["modelfile"])
    check("it ends", server.stop() == 143, server.said())


def client():
    """npm's, against the same server."""
    script = os.path.join(os.environ["TRIT_BUILD"], "clients", "ollama.mjs")
    node = subprocess.run(["node", script, f"http://127.0.0.1:{server.port}"],
                          capture_output=True, text=True, timeout=120)
    check("npm's client", node.returncode == 0, node.stderr)


server = Server("--models", folder.name, "--chat-template", "qwen3", model=None)
for part in (door, made, generated, cut, formed, thought_and_called, kept, uploaded, refused):
    part()
if sys.argv[1:] == ["client"]:
    client()
check("it lives", server.alive() and wait_for(lambda: server.metric("tritmill_running") == 0))
check("it ends", server.stop() == 143, server.said())
others()
check.end()
