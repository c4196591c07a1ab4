// npm's ollama against a server: ollama.mjs URL. It has the models `stories` and `words` of
// tests/serve_ollama.py.
import assert from "node:assert/strict";
import { Ollama } from "ollama";

const ollama = new Ollama({ host: process.argv[2] });
const user = (content) => [{ role: "user", content }];
const options = { temperature: 0, num_predict: 40 };
const tools = [{
    type: "function",
    function: {
        name: "weather", description: "of a city",
        parameters: {
            type: "object", properties: { city: { type: "string" } }, required: ["city"],
        },
    },
}];
const gather = async (stream) => {
    const all = [];
    for await (const part of stream) all.push(part);
    return all;
};
const fails = async (promise, status, words) => {
    const error = await promise.then(() => assert.fail("no error"), (e) => e);
    assert.equal(error.name, "ResponseError", String(error));
    assert.equal(error.status_code, status, error.message);
    assert.match(error.message, words);
};

// what there is
assert.match((await ollama.version()).version, /^\d+\.\d+\.\d+$/);
const listed = (await ollama.list()).models.find((m) => m.name === "stories:latest");
assert.equal(listed.details.format, "gguf");
assert.match(listed.digest, /^[0-9a-f]{64}$/);
const shown = await ollama.show({ model: "words" });
assert.deepEqual(shown.capabilities, ["completion", "tools", "thinking"]);
assert.equal(shown.model_info["general.architecture"], "bitnet-b1.58");

// generate, whole and as a stream
const whole = await ollama.generate({ model: "stories", prompt: "Once", options });
const parts = await gather(await ollama.generate({
    model: "stories", prompt: "Once", options, stream: true,
}));
assert.equal(parts.map((p) => p.response).join(""), whole.response);
assert.ok(whole.done && whole.prompt_eval_count > 4 && whole.eval_count > 0 &&
    whole.context.length);
const more = await ollama.generate({
    model: "stories", prompt: "More", context: whole.context, options,
});
assert.ok(more.prompt_eval_count > whole.context.length);

// chat: thinking apart, tools there and back
const think = await ollama.chat({ model: "words", messages: user("Hi"), think: true, options });
assert.equal(think.message.thinking, "Let me see.");
const called = await ollama.chat({ model: "words", messages: user("Hi"), tools, options });
assert.deepEqual(called.message.tool_calls[0].function.arguments, { city: "Oslo" });
const messages = [
    ...user("Hi"), called.message, { role: "tool", tool_name: "weather", content: "rain" },
];
const streamed = await gather(await ollama.chat({
    model: "words", messages, tools, options, stream: true,
}));
assert.equal(streamed.flatMap((p) => p.message.tool_calls ?? []).length, 1);
assert.equal(streamed.map((p) => p.message.thinking ?? "").join(""), "Let me see.");
assert.equal(streamed.at(-1).done_reason, "stop");

// format
const format = {
    type: "object", properties: { age: { type: "integer" }, kind: { enum: ["cat", "dog"] } },
    required: ["age", "kind"], additionalProperties: false,
};
const formed = await ollama.chat({
    model: "stories", messages: user("A pet"), think: false, format,
    options: { ...options, num_predict: 200 },
});
const pet = JSON.parse(formed.message.content);
assert.ok(Number.isInteger(pet.age) && ["cat", "dog"].includes(pet.kind), formed.message.content);

// made, used, copied, gone
const states = await gather(await ollama.create({
    model: "pirate", from: "stories", system: "You are a pirate.",
    parameters: { temperature: 0, stop: ["x", "y"] }, stream: true,
}));
assert.equal(states.at(-1).status, "success");
assert.equal((await ollama.show({ model: "pirate" })).system, "You are a pirate.");
await ollama.copy({ source: "pirate", destination: "sailor" });
assert.ok((await ollama.ps()).models.some((m) => m.name === "stories:latest" && m.size_vram === 0));
await ollama.delete({ model: "pirate" });
await ollama.delete({ model: "sailor" });

// cut in the midst
const cut = await ollama.generate({
    model: "words", prompt: "0", raw: true, stream: true,
    options: { temperature: 0, num_predict: -1 },
});
const error = await (async () => {
    for await (const part of cut) if (part) ollama.abort();
})().catch((e) => e);
assert.equal(error?.name, "AbortError");

// refused
await fails(ollama.chat({ model: "nobody", messages: user("Hi") }), 404, /nobody.*not found/);
await fails(ollama.pull({ model: "llama3" }), 501, /tritmill pull llama3/);
await fails(ollama.embed({ model: "words", input: "a" }), 400, /embeddings/);
await fails(ollama.generate({ model: "words", prompt: "a", options: { top_p: 2 } }), 400, /top_p/);
