"""tritmill for Python: ternary (1.58-bit) and 1-bit language models on CPUs.

    import tritmill

    with tritmill.Model("model.gguf") as model:
        print(model.generate("Once upon a time,", max_tokens=40, temperature=0))
        for piece in model.generate("Once upon a time,", stream=True):
            print(piece, end="", flush=True)
        print(model.chat("What is the capital of France?")["content"])

One file over ctypes, for the C library of tritmill.h; it needs nothing else. The library is looked
for in $TRITMILL_LIBRARY, beside this file, where it is installed, and where the system looks.
A model may be used by several threads at once; Ctrl-C works between tokens and between the pieces
of a prompt.
"""

import ctypes as C
import json
import os
import sysconfig
import threading

__version__ = "0.1.0"
__all__ = ["Model", "Error", "Stopped", "version"]

CHUNK = 256  # tokens of a prompt that are read between two looks at signals


class Error(RuntimeError):
    """What the library refused; .code is one of tritmill.h's numbers."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Stopped(Error):
    """The caller asked for it: progress returned False."""


# --- the library ---


class _Error(C.Structure):
    _fields_ = [("code", C.c_int), ("text", C.c_char * 1024)]


_Progress = C.CFUNCTYPE(C.c_bool, C.c_void_p, C.c_uint64, C.c_uint64)
_Tell = C.CFUNCTYPE(None, C.c_void_p, C.c_char_p)


_Take = C.CFUNCTYPE(None, C.c_void_p, C.c_int, C.c_size_t, C.c_void_p, C.c_size_t)
_TYPES = {"int": C.c_int, "i32": C.c_int32, "u64": C.c_uint64, "size": C.c_size_t,
          "float": C.c_float, "double": C.c_double, "bool": C.c_bool, "text": C.c_char_p,
          "at": C.c_void_p, "ids": C.POINTER(C.c_int32), "progress": _Progress, "tell": _Tell,
          "take": _Take}


class _Struct(C.Structure):
    def __init__(self, **fields):
        sized = {"size": C.sizeof(self)} if self._fields_[0][0] == "size" else {}
        super().__init__(**sized, **fields)


def _struct(name, fields):
    """A struct of tritmill.h: "name type, ...", which is a type itself from then on."""
    pairs = [field.split() for field in fields.split(",")]
    made = type("_" + name, (_Struct,), {"_fields_": [(n, _TYPES[t]) for n, t in pairs]})
    _TYPES[name], _TYPES["*" + name] = made, C.POINTER(made)
    return made


_Options = _struct("Options", "size size, threads int, kv int, sparse int, block bool, "
                   "profile text, cache text, contexts size, context size, chunk size, "
                   "progress progress, tell tell, arg at")
_Facts = _struct("Facts", "size size, path text, name text, family text, cache text, vocab size, "
                 "trained size, context size, layers size, hidden size, params u64, "
                 "file_bytes u64, memory_bytes u64, load_seconds double, threads int, block bool, "
                 "rewinds bool, bos i32")
_Tokens = _struct("Tokens", "ids ids, n size")
_Bias = _struct("Bias", "token i32, add float")
_Sampling = _struct("Sampling", "size size, temperature float, top_k int, top_p float, "
                    "min_p float, repeat_penalty float, repeat_last_n int, "
                    "presence_penalty float, frequency_penalty float, bias *Bias, nbias size, "
                    "seed u64")
_Writing = _struct("Writing", "size size, sampling *Sampling, grammar at, most size, "
                   "draft_most size, draft int, endless bool")
_Piece = _struct("Piece", "size size, text at, bytes size, token i32, end int")
_ChatFacts = _struct("ChatFacts", "size size, name text, why text, source text, think text, "
                     "thought text, system bool, tools bool, quiet bool")
_Ask = _struct("Ask", "size size, messages at, nmessages size, json text, tools text, "
               "variables text, think int, closed bool")
_Prompt = _struct("Prompt", "size size, text at, bytes size, tokens Tokens, turn size, "
                  "thinking bool")
_Taking = _struct("Taking", "size size, thinking bool, tools text, take take, arg at")
_Calls = _struct("Calls", "size size, tools text, only text, until text, parallel bool, must bool")
_HANDLE, _TOKENS, _SIZE = C.c_void_p, C.POINTER(C.c_int32), C.c_size_t
# Arguments of what returns a code, but for the error that ends them.
_CODES = {
    "open": [C.POINTER(_HANDLE), C.c_char_p, C.POINTER(_Options)],
    "tokenize": [_HANDLE, C.c_char_p, _SIZE, C.c_uint, C.POINTER(_Tokens)],
    "context_create": [C.POINTER(_HANDLE), _HANDLE, _SIZE],
    "context_mark": [_HANDLE],
    "chat_open": [C.POINTER(_HANDLE), _HANDLE, C.c_char_p],
    "chat_prompt": [_HANDLE, C.POINTER(_Ask), C.POINTER(_Prompt)],
    "answer_create": [C.POINTER(_HANDLE), _HANDLE, C.POINTER(_Taking)],
    "answer_feed": [_HANDLE, C.c_char_p, _SIZE],
    "answer_end": [_HANDLE],
    "grammar_schema": [C.POINTER(_HANDLE), _HANDLE, C.c_char_p, C.c_char_p],
    "grammar_calls": [C.POINTER(_HANDLE), _HANDLE, C.POINTER(_Calls)],
    "eval": [_HANDLE, _TOKENS, _SIZE, C.c_int, C.POINTER(C.POINTER(C.c_float))],
    "writer_create": [C.POINTER(_HANDLE), _HANDLE, C.POINTER(_Writing)],
    "writer_feed": [_HANDLE, _TOKENS, _SIZE],
    "writer_next": [_HANDLE, C.POINTER(_Piece)],
}
_PLAIN = {
    **dict.fromkeys(["close", "free", "context_free", "writer_free", "chat_close", "answer_free",
                     "grammar_free"], (None, [_HANDLE])),
    "version_text": (C.c_char_p, []),
    "facts": (None, [_HANDLE, C.POINTER(_Facts)]),
    "token_text": (C.c_void_p, [_HANDLE, C.c_int32, C.c_bool, C.POINTER(_SIZE)]),
    "context_match": (_SIZE, [_HANDLE, _TOKENS, _SIZE]),
    "chat_facts": (None, [_HANDLE, C.POINTER(_ChatFacts)]),
    "prompt_free": (None, [C.POINTER(_Prompt)]),
    "sampling_default": (None, [C.POINTER(_Sampling), _SIZE]),
}


def _places():
    here, name = os.path.dirname(os.path.abspath(__file__)), "libtritmill.so.0"
    if os.environ.get("TRITMILL_LIBRARY"):
        return [os.environ["TRITMILL_LIBRARY"]]
    prefix = os.path.join(here, "..", "..", "..")  # of PREFIX/share/tritmill/python
    folders = ["lib", "lib64", os.path.join("lib", sysconfig.get_config_var("MULTIARCH") or "")]
    beside = [os.path.join(here, name)] + [os.path.join(prefix, d, name) for d in folders]
    return [p for p in beside if os.path.exists(p)] + [name, "/usr/local/lib/" + name]


def _load():
    why = []
    for place in _places():
        try:
            library = C.CDLL(place)
            break
        except OSError as error:
            why.append(str(error))
    else:
        raise ImportError("libtritmill.so.0 is not there; TRITMILL_LIBRARY names it: "
                          + "; ".join(why))
    codes = {n: (C.c_int, a + [C.POINTER(_Error)]) for n, a in _CODES.items()}
    for name, (result, arguments) in {**codes, **_PLAIN}.items():
        function = getattr(library, "trit_lm_" + name)
        function.restype, function.argtypes = result, arguments
    return library


_library = _load()


def _call(name, *arguments):
    error = _Error()
    code = getattr(_library, "trit_lm_" + name)(*arguments, C.byref(error))
    if code:
        raise (Stopped if code == 6 else Error)(code, error.text.decode("utf-8", "replace"))


def _plain(name, *arguments):
    return getattr(_library, "trit_lm_" + name)(*arguments)


def version():
    """The version of the library that runs."""
    return _plain("version_text").decode()


def _array(tokens):
    return (C.c_int32 * len(tokens))(*tokens)


def _choice(name, value, choices):
    if value not in choices:
        raise ValueError(f"{name}={value!r} is none of {', '.join(choices)}")
    return choices.index(value)


# --- models ---


class Model:
    """An open model. Facts of the file are attributes: name, family, vocab, context, params, ..."""

    def __init__(self, path, *, threads=0, context=0, kv="f16", block=False, profile=None,
                 cache=None, progress=None):
        """context 0: what the free memory has room for, at most the model's own. progress(done,
        total) may return False to stop loading."""
        caught = []

        def step(_, done, total):
            try:
                return progress is None or progress(done, total) is not False
            except BaseException as error:  # KeyboardInterrupt, too, is raised below
                caught.append(error)
                return False

        self._lm, self._lock, self._idle, self._users = C.c_void_p(), threading.Lock(), [], 0
        self._closed, self._chats = False, {}
        options = _Options(threads=threads, context=context, block=block,
                           kv=_choice("kv", kv, ["f16", "i8"]), progress=_Progress(step),
                           profile=os.fsencode(profile) if profile else None,
                           cache=os.fsencode(cache) if cache else None)
        try:
            _call("open", C.byref(self._lm), os.fsencode(path), C.byref(options))
        except Stopped:
            if caught:
                raise caught[0] from None
            raise
        facts = _Facts()
        _plain("facts", self._lm, C.byref(facts))
        for name, _ in _Facts._fields_[1:]:
            value = getattr(facts, name)
            setattr(self, name, value.decode("utf-8", "replace")
                    if isinstance(value, bytes) else value)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if getattr(self, "_lm", None):
            self.close()

    def close(self):
        """Answers that are being written end first."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            last = self._users == 0
        for context in idle:
            _plain("context_free", context)
        if last and self._lm:
            for chat in self._chats.values():
                _plain("chat_close", chat)
            self._chats = {}
            _plain("close", self._lm)
            self._lm = C.c_void_p()

    # A context for an answer: one that is idle, or a new one.
    def _take(self):
        with self._lock:
            self._open()
            self._users += 1
            if self._idle:
                return self._idle.pop()
        context = C.c_void_p()
        try:
            _call("context_create", C.byref(context), self._lm, 0)
        except BaseException:
            self._give(None)
            raise
        return context

    def _give(self, context):
        with self._lock:
            self._users -= 1
            if context:
                self._idle.append(context)
            closed = self._closed
        if closed:
            self.close()

    def _open(self):
        if self._closed:
            raise ValueError("the model is closed")

    def tokenize(self, text, *, bos=True, control=False):
        """The ids of a text (str or bytes); control: control tokens in it become their ids."""
        self._open()
        text = text.encode() if isinstance(text, str) else text
        tokens = _Tokens()
        _call("tokenize", self._lm, text, len(text), bos + 2 * control, C.byref(tokens))
        ids = tokens.ids[:tokens.n]
        _plain("free", tokens.ids)
        return ids

    def detokenize(self, tokens, *, control=False):
        """The text of some ids; bytes that are not UTF-8 become U+FFFD."""
        self._open()
        n, out = C.c_size_t(), []
        for token in tokens:
            at = _plain("token_text", self._lm, token, control, C.byref(n))
            out.append(C.string_at(at, n.value))
        return b"".join(out).decode("utf-8", "replace")

    def logits(self, tokens):
        """A row of logits behind each of the tokens, read from the beginning: a list of lists."""
        context, rows = self._take(), C.POINTER(C.c_float)()
        try:
            _plain("context_match", context, _array(tokens), 0)
            _call("eval", context, _array(tokens), len(tokens), 1, C.byref(rows))
            return [rows[i * self.vocab:(i + 1) * self.vocab] for i in range(len(tokens))]
        finally:
            self._give(context)

    def generate(self, prompt, *, stream=False, **how):
        """The text that goes on behind a prompt (str, bytes or a list of ids).

        how: max_tokens, temperature, top_k, top_p, min_p, repeat_penalty, repeat_last_n,
        presence_penalty, frequency_penalty, seed, bias={id: add}, stop=[texts], draft ("auto",
        "mtp", "lookup", "none"), endless, control (of the prompt), schema (a JSON Schema that the
        text is held to; True: any JSON object). stream: an iterator of pieces.
        """
        control = how.pop("control", True)
        ids = prompt if isinstance(prompt, list) else self.tokenize(prompt, control=control)
        schema = how.pop("schema", None)
        pieces = self._write(ids, _How(**how), lambda: self._grammar(schema))
        return pieces if stream else "".join(pieces)

    def _grammar(self, schema, until=None):
        grammar = C.c_void_p()
        if schema is not None and schema is not False:
            text = None if schema is True else json.dumps(schema).encode()
            _call("grammar_schema", C.byref(grammar), self._lm, text, until)
        return grammar

    def _write(self, ids, how, grammar, turn=0):
        """An answer to these ids, piece by piece; turn: where a mark pays."""
        context, writer, held = self._take(), C.c_void_p(), C.c_void_p()
        try:
            held = how.writing.grammar = grammar()
            _call("writer_create", C.byref(writer), context, C.byref(how.writing))
            at = _plain("context_match", context, _array(ids), len(ids))
            self._read(writer, ids[at:turn])
            if at < turn and not self.rewinds:
                _call("context_mark", context)
            self._read(writer, ids[max(at, turn):], whole=True)
            yield from how.held_back(self._pieces(writer))
        finally:
            _plain("writer_free", writer)
            _plain("grammar_free", held)
            self._give(context)

    def _read(self, writer, ids, whole=False):
        for i in range(0, len(ids) or whole, CHUNK):  # none at all are refused
            some = ids[i:i + CHUNK]
            _call("writer_feed", writer, _array(some), len(some))

    def _pieces(self, writer):
        piece = _Piece()
        while not piece.end:
            _call("writer_next", writer, C.byref(piece))
            if piece.bytes:
                yield C.string_at(piece.text, piece.bytes).decode("utf-8", "replace")


    # --- chats ---

    def _chat(self, template):
        with self._lock:
            self._open()
            if template not in self._chats:
                chat = C.c_void_p()
                _call("chat_open", C.byref(chat), self._lm, template and template.encode())
                self._chats[template] = chat
            return self._chats[template]

    def prompt(self, messages, *, tools=None, think=None, template=None, variables=None):
        """What the model reads of a chat: (text, ids)."""
        return self._prompt(self._chat(template), messages, tools, think, variables)[:2]

    def _prompt(self, chat, messages, tools, think, variables):
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        ask, prompt = _Ask(json=json.dumps(messages).encode(), tools=_json(tools),
                           variables=_json(variables),
                           think=[None, True, False].index(think)), _Prompt()
        _call("chat_prompt", chat, C.byref(ask), C.byref(prompt))
        text = C.string_at(prompt.text, prompt.bytes).decode("utf-8", "replace")
        got = (text, prompt.tokens.ids[:prompt.tokens.n], prompt.turn, prompt.thinking)
        _plain("prompt_free", C.byref(prompt))
        return got

    def chat(self, messages, *, tools=None, think=None, template=None, variables=None,
             schema=None, tool_choice="auto", stream=False, **how):
        """An answer to messages as OpenAI's API has them (or to one text of a user): a message with
        role, content, and, where there are such, reasoning_content and tool_calls.

        think: True or False, where the model can do both. template: one that is built in, by name,
        or a text of your own. schema: what the content is held to (JSON Schema; True: any object).
        tool_choice: "auto", "none", "required" or a tool's name. how: as for generate. stream: an
        iterator of parts of the message.
        """
        parts = self._parts(self._chat(template), messages, tools, think, variables, schema,
                            tool_choice, _How(**how))
        return parts if stream else _whole(parts)

    def _parts(self, chat, messages, tools, think, variables, schema, tool_choice, how):
        tools = None if tool_choice == "none" else tools
        _, ids, turn, thinking = self._prompt(chat, messages, tools, think, variables)
        facts, pieces, answer = _ChatFacts(), [], C.c_void_p()
        _plain("chat_facts", chat, C.byref(facts))
        until = facts.thought if thinking else None

        def grammar():
            if tool_choice in ("auto", "none") or not tools:
                return self._grammar(schema, until)
            only = None if tool_choice == "required" else tool_choice.encode()
            calls, made = _Calls(tools=_json(tools), only=only, until=until, must=True,
                                 parallel=only is None), C.c_void_p()
            _call("grammar_calls", C.byref(made), chat, C.byref(calls))
            return made

        def take(_, part, call, text, n):
            pieces.append((part, call, C.string_at(text, n).decode("utf-8", "replace")))

        taking = _Taking(thinking=thinking, tools=_json(tools), take=_Take(take))
        _call("answer_create", C.byref(answer), chat, C.byref(taking))
        try:
            for piece in self._write(ids, how, grammar, turn):
                piece = piece.encode()
                _call("answer_feed", answer, piece, len(piece))
                while pieces:
                    yield _part(*pieces.pop(0))
            _call("answer_end", answer)
            while pieces:
                yield _part(*pieces.pop(0))
        finally:
            _plain("answer_free", answer)


def _json(value):
    return json.dumps(value).encode() if value else None


def _part(part, call, text):
    if part < 2:
        return {["content", "reasoning_content"][part]: text}
    function = {["name", "arguments"][part - 2]: text}
    return {"tool_calls": [{"index": call, "function": function}]}


def _whole(parts):
    message = {"role": "assistant", "content": ""}
    for part in parts:
        for name, value in part.items():
            if name != "tool_calls":
                message[name] = message.get(name, "") + value
                continue
            calls = message.setdefault("tool_calls", [])
            for call in value:
                if call["index"] == len(calls):
                    calls.append({"id": f"call_{len(calls)}", "type": "function",
                                  "function": {"name": "", "arguments": ""}})
                for key, text in call["function"].items():
                    calls[call["index"]]["function"][key] += text
    return message


class _How:
    """How an answer is written: structs for the library, with what they point to."""

    def __init__(self, max_tokens=0, stop=(), draft="auto", draft_most=0, endless=False, bias=None,
                 **sampling):
        known = {name for name, _ in _Sampling._fields_} - {"size", "bias", "nbias"}
        if set(sampling) - known:
            raise TypeError(f"unknown: {', '.join(sorted(set(sampling) - known))}")
        self.stop = [stop] if isinstance(stop, str) else list(stop)
        self.sampling = _Sampling()
        _plain("sampling_default", C.byref(self.sampling), C.sizeof(_Sampling))
        if sampling.get("seed") is None:
            sampling["seed"] = int.from_bytes(os.urandom(8), "little")
        for name, value in sampling.items():
            setattr(self.sampling, name, value)
        if bias:
            self.bias = (_Bias * len(bias))(*[_Bias(token=int(i), add=x) for i, x in bias.items()])
            self.sampling.bias, self.sampling.nbias = self.bias, len(bias)
        self.writing = _Writing(
            sampling=C.pointer(self.sampling), most=max_tokens,
            draft_most=draft_most, endless=endless,
            draft=_choice("draft", draft, ["auto", "mtp", "lookup", "none"]))

    def held_back(self, pieces):
        """The pieces up to the first text that stops."""
        if not self.stop:
            yield from pieces
            return
        held, longest = "", max(map(len, self.stop))
        for piece in pieces:
            held += piece
            found = [i for i in (held.find(text) for text in self.stop) if i >= 0]
            if found:
                held = held[:min(found)]
                break
            out = len(held) - longest + 1
            if out > 0:
                yield held[:out]
                held = held[out:]
        if held:
            yield held
