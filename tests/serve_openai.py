"""OpenAI's endpoints, whole and as streams, and what an answer must not depend on."""
import json
import threading
import time

from serve import Checks, Server, events, wait_for

check = Checks()
server = Server("-np", "4", "--alias", "m")
CHAT, COMPLETION = "/v1/chat/completions", "/v1/completions"
ASK = {"model": "m", "prompt": "Once upon a time", "max_tokens": 24, "temperature": 0}
TALK = {"model": "m:latest", "messages": [{"role": "user", "content": "Once upon a time"}],
        "max_tokens": 24, "temperature": 0}


def stream(path, body):
    status, headers, data = server.ask("POST", path, {**body, "stream": True})
    check("a stream: 200, its type", status == 200 and
          headers.get("content-type") == "text/event-stream", status, data[:300])
    seen = events(data)
    check("a stream ends with [DONE]", seen and seen[-1] == "[DONE]", seen[-1:])
    return seen[:-1]


def whole(path, body):
    status, answer = server.json(path, body)
    check("an answer", status == 200, answer)
    return answer


def completions():
    answer = whole(COMPLETION, ASK)
    choice, usage = answer["choices"][0], answer["usage"]
    check("a completion's shape", answer["object"] == "text_completion" and
          choice["finish_reason"] == "length" and usage["completion_tokens"] == 24 and
          usage["total_tokens"] == usage["prompt_tokens"] + 24 and answer["model"] == "m", answer)
    pieces = stream(COMPLETION, {**ASK, "stream_options": {"include_usage": True}})
    text = "".join(c["text"] for p in pieces for c in p["choices"])
    check("the stream is the same text", text == choice["text"], text)
    check("usage comes last", pieces[-1]["choices"] == [] and
          pieces[-1]["usage"]["completion_tokens"] == 24, pieces[-1])
    check("the prefix was reused", pieces[-1]["usage"]["prompt_tokens_details"]["cached_tokens"] ==
          usage["prompt_tokens"] - 1, pieces[-1])
    answer = whole(COMPLETION, {**ASK, "echo": True, "n": 2, "seed": 3, "temperature": 1})
    texts = [c["text"] for c in answer["choices"]]
    check("echo, n and seeds", len(set(texts)) == 2 and
          all(t.startswith("Once upon a time") for t in texts), texts)
    again = whole(COMPLETION, {**ASK, "echo": True, "n": 2, "seed": 3, "temperature": 1})
    check("a seed's text is the same", texts == [c["text"] for c in again["choices"]])
    answer = whole(COMPLETION, {**ASK, "prompt": ["Once upon a time", "The dog"], "max_tokens": 4})
    check("several prompts", [c["index"] for c in answer["choices"]] == [0, 1] and
          choice["text"].startswith(answer["choices"][0]["text"]), answer)
    answer = whole(COMPLETION, {**ASK, "logprobs": 2, "max_tokens": 3})["choices"][0]["logprobs"]
    check("log-probabilities", len(answer["tokens"]) == 3 == len(answer["top_logprobs"]) and
          all(v <= 0 for v in answer["token_logprobs"]) and answer["text_offset"][0] == 0, answer)
    for path, body in [(COMPLETION, ASK), (CHAT, TALK)]:
        c = whole(path, body)["choices"][0]
        full = c.get("text") or c["message"]["content"]
        word = full.split()[-2] # in the midst of tokens, mostly
        for stop in [word, ["zzz", word[1:] + " "]]:
            c = whole(path, {**body, "stop": stop})["choices"][0]
            text = c["text"] if path == COMPLETION else c["message"]["content"]
            seen = "".join(x.get("text") or x.get("delta", {}).get("content") or ""
                           for p in stream(path, {**body, "stop": stop}) for x in p["choices"])
            cut = full[:full.index(stop if isinstance(stop, str) else stop[1])]
            check("a stop string ends and is cut", c["finish_reason"] == "stop" and
                  seen == text == cut, stop, text, seen, full)
    bias = whole(COMPLETION, {**ASK, "max_tokens": 2, "logit_bias": {"77": 100}})
    check("a biased token is chosen", bias["choices"][0]["text"] != choice["text"][:2], bias)


def chats():
    answer = whole(CHAT, {**TALK, "logprobs": True, "top_logprobs": 3})
    choice = answer["choices"][0]
    check("a chat's shape", answer["object"] == "chat.completion" and
          answer["id"].startswith("chatcmpl-") and choice["message"]["role"] == "assistant" and
          "timings" in answer, answer)
    logprobs = choice["logprobs"]["content"]
    check("log-probabilities of a chat", len(logprobs) == 24 and
          all(len(x["top_logprobs"]) == 3 for x in logprobs) and
          b"".join(bytes(x["bytes"]) for x in logprobs).decode() == choice["message"]["content"],
          logprobs[:2])
    pieces = stream(CHAT, {**TALK, "logprobs": True})
    deltas = [p["choices"][0] for p in pieces]
    check("the first delta has the role", deltas[0]["delta"].get("role") == "assistant", deltas[0])
    check("the last has the reason alone", deltas[-1]["delta"] == {} and
          deltas[-1]["finish_reason"] == "length", deltas[-1])
    check("the stream is the same text", "".join(d["delta"].get("content", "") for d in deltas) ==
          choice["message"]["content"])
    check("the stream has every token's log-probability",
          sum(len(d["logprobs"]["content"]) for d in deltas if d.get("logprobs")) == 24)
    schema = {"type": "object", "properties": {"name": {"enum": ["Lily", "Tom"]},
                                               "age": {"type": "integer"}},
              "required": ["name", "age"], "additionalProperties": False}
    for form in [{"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}]:
        for seed in range(3):
            text = whole(CHAT, {**TALK, "max_tokens": 200, "temperature": 1, "seed": seed,
                                "response_format": form})["choices"][0]
            data = json.loads(text["message"]["content"])
            check("an answer of the schema", set(data) == {"name", "age"} and
                  data["name"] in ("Lily", "Tom") and isinstance(data["age"], int), text)
    unsupported = server.json(CHAT, {**TALK, "response_format": {
        "type": "json_schema", "json_schema": {"name": "x", "schema": {"not": {}}}}})
    check("a schema that is not supported is told", unsupported[0] == 400 and
          "not" in unsupported[1]["error"]["message"], unsupported)


def models():
    status, _, body = server.ask("GET", "/v1/models")
    listed = json.loads(body)
    check("models are listed", status == 200 and listed["data"][0]["id"] == "m", listed)
    check("one is found", server.ask("GET", "/v1/models/m")[0] == 200)
    status, answer = server.json(CHAT, {**TALK, "model": "gpt-4"})
    check("another is not", status == 404 and answer["error"]["code"], answer)
    status, answer = server.json("/v1/embeddings", {"model": "m", "input": "x"})
    check("embeddings are refused in words", status == 400 and
          "embeddings" in answer["error"]["message"], answer)


def together():
    """64 mixed requests alone, then at once, with some that go away: the same bytes."""
    asks = []
    for i in range(64):
        words = ["Once upon a time", "The dog", "Lily and Tom went", "A big red ball"][i % 4]
        asks.append({"prompt": words + " and" * (i % 5), "max_tokens": 8 + i % 17, "seed": i,
                     "temperature": [0, 0.7, 1.2][i % 3], "top_k": [40, 0][i % 2],
                     "logprobs": [None, 2][i % 2]})
    alone = [whole(COMPLETION, ask)["choices"] for ask in asks]
    got = [None] * len(asks)

    def ask(i):
        if i % 8 == 3:
            with server.connect() as s:
                s.sendall(b'POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n'
                          b'Content-Length: 53\r\n\r\n'
                          b'{"prompt":"Once","stream":true,"max_tokens":100000   }')
                s.recv(1)
        while (answer := server.json(COMPLETION, asks[i]))[0] == 503:
            time.sleep(0.05)
        got[i] = answer[1]["choices"]

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(asks))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    wrong = [i for i in range(len(asks)) if got[i] != alone[i]]
    check("answers do not depend on who else is served", not wrong, wrong,
          [(alone[i], got[i]) for i in wrong[:1]])
    check("all slots are free again", wait_for(lambda: server.metric("tritmill_running") == 0))


def tools():
    """Calls of tools are parsed as they come, and held to what may be called."""
    global server
    before, server = server, Server("-a", "m", "--chat-template", "qwen3", "-c", "4096")
    functions = [{"type": "function", "function": {"name": name, "parameters": {
        "type": "object", "properties": {"city": {"enum": ["Rome", "Oslo"]}}, "required": ["city"],
        "additionalProperties": False}}} for name in ["weather", "time"]]
    ask = {**TALK, "tools": functions, "tool_choice": "required", "parallel_tool_calls": False,
           "max_tokens": 200, "temperature": 1}
    for seed in range(3):
        choice = whole(CHAT, {**ask, "seed": seed})["choices"][0]
        calls = choice["message"]["tool_calls"]
        check("one call, with its arguments", choice["finish_reason"] == "tool_calls" and
              len(calls) == 1 and calls[0]["function"]["name"] in ("weather", "time") and
              json.loads(calls[0]["function"]["arguments"])["city"] in ("Rome", "Oslo"), choice)
        name, arguments, ids = "", "", set()
        for piece in stream(CHAT, {**ask, "seed": seed}):
            for call in piece["choices"][0]["delta"].get("tool_calls", []):
                name += call["function"].get("name", "")
                arguments += call["function"]["arguments"]
                ids |= {call["id"]} if "id" in call else set()
        check("the stream is the same call", (name, arguments) == tuple(
            calls[0]["function"].values()) and len(ids) == 1, name, arguments, calls)
    named = {"type": "function", "function": {"name": "time"}}
    choice = whole(CHAT, {**ask, "tool_choice": named})["choices"][0]
    check("a named one", choice["message"]["tool_calls"][0]["function"]["name"] == "time", choice)
    back = [*TALK["messages"], choice["message"], {"role": "tool", "content": "12", "tool_call_id":
                                                   choice["message"]["tool_calls"][0]["id"]}]
    answer = whole(CHAT, {**ask, "messages": back, "tool_choice": "none", "max_tokens": 5})
    check("no tools where none may be called", "tool_calls" not in answer["choices"][0]["message"])
    answer = whole(CHAT, {**ask, "tool_choice": "auto", "max_tokens": 5})
    check("auto: text it is", answer["choices"][0]["message"]["content"], answer)
    check("SIGTERM", server.stop() == 143)
    server = before
    status, answer = server.json(CHAT, ask)
    check("a template without tools says so", status == 400 and "tools" in
          answer["error"]["message"], status, answer)


def thinking():
    """Thinking is told apart from content, and can be turned off."""
    global server
    before, server = server, Server("-a", "m", "--chat-template", "qwen35", "-c", "4096")
    on = {**TALK, "chat_template_kwargs": {"enable_thinking": True}}
    message = whole(CHAT, on)["choices"][0]["message"]
    check("thinking", message["reasoning_content"] and not message["content"], message)
    told = "".join(p["choices"][0]["delta"].get("reasoning_content", "") for p in stream(CHAT, on))
    check("thinking as a stream", told == message["reasoning_content"], told, message)
    for off in [{"chat_template_kwargs": {"enable_thinking": False}}, {"reasoning_effort": "none"}]:
        message = whole(CHAT, {**TALK, **off})["choices"][0]["message"]
        check("no thinking", "reasoning_content" not in message and message["content"], message)
    check("SIGTERM", server.stop() == 143)
    server = before


for part in [completions, chats, models, tools, thinking, together]:
    begin = time.time()
    part()
    print(f"{part.__name__} {time.time() - begin:.1f} s")
check("SIGINT: exit code 130", server.stop(2) == 130)
check.end()
