"""Requests of every kind that a server answers, drawn at random, and what of an answer must not
depend on who else is served: all but times, names and what was reused."""
import json
import time

from serve import events, parse

CHAT, COMPLETION = "/v1/chat/completions", "/v1/completions"
GENERATE, TALK = "/api/generate", "/api/chat"
WORDS = ("the a cat dog sun red big went saw and to in house tree happy day little boy girl was "
         "with his her friend mom played said ball park").split()
SYSTEMS = ["You tell short stories.", "You are a cat that talks with children about the sun and "
           "the trees and the little house in the park, and you never say that you are a cat."]
SCHEMA = {"type": "object", "properties": {
    "name": {"enum": ["Lily", "Tom", "Lilian"]}, "age": {"type": "integer"},
    "likes": {"type": "array", "items": {"type": "string", "maxLength": 12}, "maxItems": 3}},
    "required": ["name", "age", "likes"], "additionalProperties": False}
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {
    "type": "object", "properties": {argument: kind}, "required": [argument],
    "additionalProperties": False}}} for name, argument, kind in [
        ("weather", "city", {"enum": ["Rome", "Oslo", "Paris"]}),
        ("roll", "sides", {"type": "integer", "minimum": 2, "maximum": 20})]]


def some(draw, least, most):
    return " ".join(draw.choice(WORDS) for _ in range(draw.randint(least, most)))


def asked(draw):
    """What a user says: often what another one says, too, but for a letter near the end."""
    if draw.random() < 0.4:
        return f"Once upon a time there was a {draw.choice(['cat', 'cut', 'sun', 'son'])}"
    return some(draw, 2, 10) if draw.random() < 0.8 else some(draw, 40, 90)


def sampling(draw, ollama=False):
    chosen = draw.choice([
        {"temperature": 0}, {"temperature": 0, "frequency_penalty": 0.4},
        {"temperature": 0.8}, {"temperature": 1.2, "top_k": 0, "top_p": 0.9},
        {"temperature": 0.9, "min_p": 0.05, "presence_penalty": 0.7},
        {"temperature": 0.7, "top_k": 20, "repeat_penalty": 1.3}])
    length = draw.choice([1, 6, 12, 20, 20, 30, 30, 90])
    chosen = {**chosen, "seed": draw.randrange(1 << 40),
              "num_predict" if ollama else "max_tokens": length}
    if draw.random() < 0.25:
        chosen["stop"] = draw.choice(["he", [" the", "zzz"], ".", ["day", "sun", "."]])
    return chosen


def messages(draw):
    talk = [{"role": "system", "content": draw.choice(SYSTEMS)}] * (draw.random() < 0.6)
    return talk + [{"role": "user", "content": asked(draw)}]


def completion(draw):
    body = {"prompt": asked(draw), **sampling(draw)}
    body.update(draw.choice([{}, {"logprobs": 3}, {"n": 2, "temperature": 1}, {"echo": True},
                             {"logit_bias": {str(draw.randrange(300)): 3}},
                             {"prompt": [asked(draw), asked(draw)]}]))
    return COMPLETION, body


def chat(draw):
    body = {"messages": messages(draw), **sampling(draw)}
    body.update(draw.choice([{}, {}, {"logprobs": True, "top_logprobs": 3},
                             {"n": 2, "temperature": 1}, {"reasoning_effort": "none"}]))
    return CHAT, body


def schema(draw):
    form = draw.choice([{"type": "json_object"}] + [
        {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}] * 2)
    return CHAT, {"messages": messages(draw), **sampling(draw), "max_tokens": 60,
                  "response_format": form, "logprobs": draw.random() < 0.5}


def tools(draw):
    choice = draw.choice(["auto", "required", "required",
                          {"type": "function", "function": {"name": "roll"}}])
    return CHAT, {"messages": messages(draw), **sampling(draw), "tools": TOOLS,
                  "tool_choice": choice, "max_tokens": 50}


def generate(draw):
    body = {"prompt": asked(draw), "options": sampling(draw, True)}
    body.update(draw.choice([{}, {"raw": True}, {"system": SYSTEMS[0]}, {"format": SCHEMA},
                             {"format": "json"}, {"logprobs": True}]))
    return GENERATE, body


def talk(draw):
    body = {"messages": messages(draw), "options": sampling(draw, True)}
    body.update(draw.choice([{}, {}, {"format": SCHEMA}, {"tools": TOOLS}]))
    return TALK, body


KINDS = [completion, completion, chat, chat, schema, tools, generate, talk]


def follow(draw, body, said):
    """The conversation's next turn; sometimes its beginning with another end."""
    turns = body["messages"]
    if draw.random() < 0.3:
        turns = turns[:-1]
    else:
        turns = turns + [{"role": "assistant", "content": said}]
    turns = turns + [{"role": "user", "content": some(draw, 2, 6)}]
    limit = {**body.get("options", body), "max_tokens": 12, "num_predict": 12}
    return {**body, "messages": turns, **({"options": limit} if "options" in body else
                                          {"max_tokens": 12})}


def post(server, path, body, stream, pause=0):
    """(status, headers, body); pause: seconds between reads of a few bytes."""
    data = json.dumps({"model": "m", **body, "stream": stream}).encode()
    with server.connect(600) as s:
        s.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                  f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode()
                  + data)
        out = b""
        while got := s.recv(300 if pause else 65536):
            out += got
            time.sleep(pause)
    return parse(out)


class Choice:
    """An answer, or what of it has come."""

    def __init__(self):
        self.texts = {"content": "", "reasoning": ""}
        self.calls, self.logprobs, self.end = {}, [], None

    def add(self, piece, message):
        self.texts["content"] += (message.get("content") or message.get("text") or
                                  message.get("response") or "")
        self.texts["reasoning"] += (message.get("reasoning_content") or
                                    message.get("thinking") or "")
        for i, call in enumerate(message.get("tool_calls") or []):
            at = self.calls.setdefault(call.get("index", i), ["", ""])
            at[0] += call["function"].get("name", "")
            arguments = call["function"].get("arguments", "")
            at[1] += arguments if isinstance(arguments, str) else json.dumps(arguments)
        logprobs = piece.get("logprobs") or []
        if isinstance(logprobs, dict) and "tokens" in logprobs:
            logprobs = list(zip(*(logprobs[k] for k in ["tokens", "token_logprobs",
                                                        "top_logprobs", "text_offset"])))
        self.logprobs += logprobs["content"] if isinstance(logprobs, dict) else logprobs
        self.end = piece.get("finish_reason") or piece.get("done_reason") or self.end

    def seen(self):
        return [self.texts, self.calls, self.logprobs, self.end]


def same(path, data, stream):
    """What must be the same, whether it came as a stream or not, by choice."""
    if path in (CHAT, COMPLETION):
        pieces = events(data) if stream else [json.loads(data)]
        if stream and pieces[-1:] != ["[DONE]"]:
            return f"cut: {data[-200:]}"
        pieces = [c for p in pieces if p != "[DONE]" for c in p["choices"]]
    else:
        pieces = [json.loads(line) for line in data.splitlines()]
        if not (pieces and pieces[-1].get("done")):
            return f"cut: {data[-200:]}"
    choices = {}
    for piece in pieces:
        message = piece.get("delta") or piece.get("message") or piece
        choices.setdefault(piece.get("index", 0), Choice()).add(piece, message)
    counts = {k: pieces[-1].get(k) for k in ["context", "prompt_eval_count", "eval_count"]}
    return json.loads(json.dumps([counts, sorted((i, c.seen()) for i, c in choices.items())]))
