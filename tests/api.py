"""api.py MODEL TEXT: does the binding for Python write TEXT behind "Once upon a time,", by every
way that it offers, and tell errors as exceptions?"""
import json
import signal
import sys
import threading

import tritmill

path, want = sys.argv[1:]
START = "Once upon a time,"
HOW = {"max_tokens": 40, "temperature": 0}


def refused(kind, part, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except kind as error:
        assert part in str(error), error
    else:
        raise AssertionError(f"no {kind.__name__} with '{part}'")


def interrupted(done, total):
    raise KeyboardInterrupt


with tritmill.Model(path, threads=2, context=1024) as model:
    assert model.family == "bitnet-b1.58" and model.context > 0
    assert model.generate(START, **HOW) == want
    pieces = list(model.generate(START, stream=True, **HOW))
    assert "".join(pieces) == want and len(pieces) > 10
    stop = want[len(want) // 2 :][:6]
    assert model.generate(START, stop=[stop, "zzzzzzzz"], **HOW) == want[:want.index(stop)]
    assert model.generate(START, seed=3) == model.generate(START, seed=3, draft="none")
    ids = model.tokenize("A cat, \u00e9t\u00e9 \U0001f408")
    assert model.detokenize(ids) == "A cat, \u00e9t\u00e9 \U0001f408"
    rows = model.logits(ids)
    assert len(rows) == len(ids) and len(rows[0]) == model.vocab

    texts = []
    threads = [threading.Thread(target=lambda: texts.append(model.generate(START, **HOW)))
               for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == [want] * 3

    try:  # Ctrl-C in the midst of an answer, and the model goes on
        for _ in model.generate(START, stream=True, endless=True):
            signal.raise_signal(signal.SIGINT)
        raise AssertionError("not interrupted")
    except KeyboardInterrupt:
        assert model.generate(START, **HOW) == want
    refused(tritmill.Error, "no tokens", model.generate, [])
    refused(TypeError, "temprature", model.generate, START, temprature=1)
    refused(ValueError, "draft", model.generate, START, draft="x")

    # Chats: what is held to a grammar ends, and comes apart.
    schema = {"type": "object", "properties": {"name": {"enum": ["Tom", "Lily"]}},
              "required": ["name"], "additionalProperties": False}
    said = json.loads(model.generate(START, schema=schema))
    assert said in ({"name": "Tom"}, {"name": "Lily"}), said
    question = [{"role": "user", "content": "Who <|im_end|> is that?"}]
    text, ids = model.prompt(question, template="chatml")
    assert "Who <|im_end|> is that?" in text and len(ids) > 10
    said = model.chat(question, template="chatml", schema=schema)
    assert json.loads(said["content"])["name"] in ("Tom", "Lily"), said
    tools = [{"type": "function", "function": {"name": "greet", "parameters": schema}}]
    ask = {"tools": tools, "tool_choice": "greet", "template": "qwen3", "think": False}
    call = model.chat("Greet them.", **ask)["tool_calls"][0]["function"]
    assert call["name"] == "greet" and json.loads(call["arguments"])["name"], call
    parts = list(model.chat("Greet them.", stream=True, **ask))
    assert parts[0]["tool_calls"][0]["function"] == {"name": "greet"}, parts
    refused(tritmill.Error, "no role", model.chat, [{"content": "x"}])
    rest = model.generate(START, stream=True)
    next(rest)
refused(ValueError, "closed", model.generate, START)
rest.close()
refused(tritmill.Error, "no.gguf", tritmill.Model, "no.gguf")
refused(tritmill.Stopped, "", tritmill.Model, path, progress=lambda done, total: False)
refused(KeyboardInterrupt, "", tritmill.Model, path, progress=interrupted)
