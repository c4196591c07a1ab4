// npm's openai and ai against a server: openai.mjs URL. Every kind of answer, whole and streamed,
// tools with a round trip, errors, an answer that is cut by its reader.
import OpenAI from "openai";
import { generateText, streamText, tool, stepCountIs } from "ai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { z } from "zod";

const baseURL = process.argv[2] + "v1";
const client = new OpenAI({ baseURL, apiKey: "any", maxRetries: 0 });
let failed = 0;
const check = (what, fine, ...seen) => {
    if (fine) return;
    failed++;
    console.error("FAILED:", what, ...seen.map((x) => JSON.stringify(x)));
};
const messages = [{ role: "user", content: "Once upon a time" }];
const common = { model: "m", messages, max_tokens: 16, temperature: 0 };
const weather = {
    type: "function",
    function: { name: "weather", description: "of a city", parameters: {
        type: "object", properties: { city: { type: "string", enum: ["Rome", "Oslo"] } },
        required: ["city"], additionalProperties: false } },
};

const models = await client.models.list();
check("models", models.data[0]?.id === "m", models.data);
check("one model", (await client.models.retrieve("m")).id === "m");

const answer = await client.chat.completions.create(common);
const text = answer.choices[0].message.content;
check("chat", text.length > 0 && answer.usage.completion_tokens <= 16, answer);
const stream = await client.chat.completions.create(
    { ...common, stream: true, stream_options: { include_usage: true } });
let told = "", usage;
for await (const chunk of stream) {
    told += chunk.choices[0]?.delta?.content ?? "";
    usage = chunk.usage ?? usage;
}
check("stream", told === text && usage.completion_tokens === answer.usage.completion_tokens,
    told, text, usage);
const completion = await client.completions.create(
    { model: "m", prompt: "Once upon a time", max_tokens: 8, temperature: 0, logprobs: 1 });
check("completion", completion.choices[0].logprobs.tokens.length === 8, completion);

const ask = { ...common, tools: [weather], tool_choice: "required", max_tokens: 200,
    parallel_tool_calls: false };
const called = (await client.chat.completions.create(ask)).choices[0];
const call = called.message.tool_calls?.[0];
check("a tool is called", called.finish_reason === "tool_calls" && call.function.name === "weather"
    && ["Rome", "Oslo"].includes(JSON.parse(call.function.arguments).city), called);
const named = await client.chat.completions.create(
    { ...ask, tool_choice: { type: "function", function: { name: "weather" } } });
check("a named tool", named.choices[0].message.tool_calls?.length >= 1, named);
const runner = client.chat.completions.stream(ask);
const final = await runner.finalChatCompletion();
check("streamed calls are the same", JSON.stringify(final.choices[0].message.tool_calls.map(
    (c) => [c.function.name, c.function.arguments])) === JSON.stringify(
    called.message.tool_calls.map((c) => [c.function.name, c.function.arguments])),
    final.choices[0].message, called.message);
const back = await client.chat.completions.create({ ...common, tools: [weather],
    tool_choice: "none", messages: [...messages, called.message,
        ...called.message.tool_calls.map((c) => ({ role: "tool", tool_call_id: c.id,
            content: "sunny" }))] });
check("the result comes back", typeof back.choices[0].message.content === "string", back);

const schema = { type: "object", properties: { a: { type: "integer" } }, required: ["a"],
    additionalProperties: false };
const formed = await client.chat.completions.create({ ...common, max_tokens: 200,
    response_format: { type: "json_schema", json_schema: { name: "x", schema, strict: true } } });
check("a schema", Number.isInteger(JSON.parse(formed.choices[0].message.content).a), formed);

for (const [what, kind, change] of [
    ["an unknown model", OpenAI.NotFoundError, { model: "gpt-4" }],
    ["a bad temperature", OpenAI.BadRequestError, { temperature: 9 }],
    ["no messages", OpenAI.BadRequestError, { messages: [] }]]) {
    const error = await client.chat.completions.create({ ...common, ...change }).catch((e) => e);
    check(what, error instanceof kind && error.message.length > 10 && error.type, error);
}
const embedding = await client.embeddings.create({ model: "m", input: "x" }).catch((e) => e);
check("embeddings", embedding instanceof OpenAI.BadRequestError, embedding);

const cut = await client.chat.completions.create({ ...common, max_tokens: 400, stream: true });
for await (const chunk of cut) if (chunk.choices[0]?.delta?.content) break;
cut.controller.abort();
check("after an abort", (await client.chat.completions.create(common)).choices[0].message.content
    === text);

const provider = createOpenAICompatible({ name: "tritmill", baseURL, includeUsage: true });
const model = provider("m");
const prompt = "Once upon a time";
const one = await generateText({ model, prompt, maxOutputTokens: 16, temperature: 0 });
check("ai: text", one.text === text && one.usage.outputTokens > 0, one.text, text);
const parts = streamText({ model, prompt, maxOutputTokens: 16, temperature: 0 });
let joined = "";
for await (const part of parts.textStream) joined += part;
check("ai: stream", joined === text && (await parts.usage).inputTokens > 0, joined);
let ran = 0;
const loop = await generateText({ model, prompt, maxOutputTokens: 200, temperature: 0,
    toolChoice: "required", providerOptions: { tritmill: { parallel_tool_calls: false } },
    stopWhen: stepCountIs(10),
    tools: { weather: tool({ description: "of a city",
        inputSchema: z.object({ city: z.enum(["Rome", "Oslo"]) }),
        execute: async ({ city }) => { ran++; return `sunny in ${city}`; } }) } });
check("ai: a loop of ten steps with tools", loop.steps.length === 10 && ran >= 10,
    loop.steps.length, ran);
process.exit(failed ? 1 : 0);
