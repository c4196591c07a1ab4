// A server with the shapes of tritmill's OpenAI interface and answers by request:
// node mock.mjs PAGE [PORT]. What the last message says decides what comes: `say TEXT`, `think`,
// `markdown`, `long`, `slow`, `busy` (503, the second time an answer), `fault` (an error in
// mid-stream), `cut` (the connection breaks in mid-stream), `end` (it ends there), `refuse` (400),
// `echo` (the request).
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

export const MARKDOWN = `# Ternary weights

A weight of **-1, 0 or +1** needs *1.58 bits*, since \`log2(3)\` is about 1.585. See
[the paper](https://arxiv.org/abs/2402.17764), or https://example.org/a_b_c.

1. Pack five weights into a byte: 3^5 = 243.
2. Add and subtract, without multiplying:
   - \`+1\` adds the input,
   - \`-1\` subtracts it.
3. Scale the sum once.

| Format | Bits | Speed |
|:-------|-----:|:-----:|
| F16    | 16   | 1.0   |
| I2_S   | 2    | 7.1   |

> Memory is the limit, so fewer bytes are more tokens.

\`\`\`c
int sum(const signed char *w, const int *x, int n)
{
    int s = 0;
    for (int i = 0; i < n; i++) {
        s += w[i] > 0 ? x[i] : w[i] < 0 ? -x[i] : 0;
    }
    return s;
}
\`\`\`

Unfinished **marks, _and_ 2 * 3 stay.`;
const WHY = `Each weight is **-1, 0 or +1**: a product is an addition, a subtraction, or nothing. \
What limits a CPU is then how fast it *reads* the weights, and these are small:

| Weights of 2.4 billion | Bits each | Bytes per token |
|:-----------------------|----------:|----------------:|
| \`F16\`                | 16        | 4.8 GB          |
| \`I2_S\`               | 2         | 0.6 GB          |

A row of a matrix needs no multiplication until its sum is scaled once at the end:

\`\`\`c
for (int i = 0; i < n; i++)
    sum += w[i] > 0 ? x[i] : w[i] < 0 ? -x[i] : 0;
\`\`\``;
export const ATTACK = `<img src=x onerror="window.broken=1"><script>window.broken=1</script>
[a](javascript:window.broken=1) [b](data:text/html,x) ![c](https://example.org/"onerror="x)
\`<b>\` **<i>x</i>** <svg onload=window.broken=1>

\`\`\`"><script>window.broken=1</script>
</code></pre><script>window.broken=1</script>
\`\`\`

| <u>a</u> | b |
|---|---|
| <iframe src=javascript:window.broken=1> | c |`;

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const pieces = (text) => text.match(/[^]{1,4}/gu) ?? [];
const word = (i) => (i % 60 === 59 ? "end.\n\n" : `word${i} `);

// What an answer is made of: content, reasoning, a pause before each piece.
const ANSWERS = {
    say: (rest) => ({ content: pieces(rest) }),
    echo: (rest, body) => ({ content: [JSON.stringify(body)] }),
    think: () => ({
        reasoning: pieces("The user greets me.\n\nI should greet back, and be brief."),
        content: pieces("Good day! What shall we look at?"),
    }),
    markdown: () => ({
        reasoning: pieces("A heading, a list, a table and code."),
        content: pieces(MARKDOWN),
    }),
    Why: () => ({ reasoning: pieces("Weights of three values."), content: pieces(WHY) }),
    attack: () => ({ content: pieces(ATTACK), reasoning: pieces(ATTACK) }),
    long: () => ({ content: Array.from({ length: 10000 }, (_, i) => word(i)) }),
    slow: () => ({ content: Array.from({ length: 200 }, (_, i) => word(i)), pause: 40 }),
};

function fail(response, status, type, message, headers = {}) {
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(JSON.stringify({ error: { code: status, message, type } }));
}

function begin(response, model) {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    const write = (data) => response.write(`data: ${JSON.stringify(data)}\n\n`);
    return (delta, finish = null, more = {}) => write({
        id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model,
        choices: delta ? [{ index: 0, delta, finish_reason: finish }] : [], ...more,
    });
}

async function stream(response, body, answer) {
    const chunk = begin(response, body.model);
    chunk({ role: "assistant", content: null });
    let tokens = 0;
    const reasoning = answer.reasoning ?? [];
    for (const piece of [...reasoning, ...answer.content]) {
        if (response.destroyed) return;
        chunk({ [tokens < reasoning.length ? "reasoning_content" : "content"]: piece });
        tokens++;
        if (answer.pause) await later(answer.pause);
        else if (tokens % 20 === 0) await later(1);
    }
    const prompt = Math.ceil(JSON.stringify(body.messages).length / 4);
    const cached = body.messages.length > 2 ? prompt - 12 : 0;
    chunk({}, "stop");
    chunk(null, null, {
        usage: { prompt_tokens: prompt, completion_tokens: tokens, total_tokens: prompt + tokens,
            prompt_tokens_details: { cached_tokens: cached } },
        timings: { cache_n: cached, prompt_n: prompt - cached, prompt_ms: 312.5,
            predicted_n: tokens, predicted_ms: tokens * 21.1, predicted_per_second: 47.4 },
    });
    response.end("data: [DONE]\n\n");
}

// Ways to end in mid-stream.
const BREAKS = {
    cut: (response) => response.destroy(),
    end: (response) => response.end(),
    fault: (response) => response.end(
        'data: {"error":{"code":500,"message":"the model file is gone"}}\n\n'),
};

async function breakOff(response, model, kind) {
    const chunk = begin(response, model);
    for (const piece of pieces("Half of an answ")) chunk({ content: piece });
    await later(60);
    BREAKS[kind](response);
}

// The strictest header that the page works under: no inline script or style but its own.
function policy(page) {
    const hash = (tag) => createHash("sha256")
        .update(page.split(`<${tag}>`)[1].split(`</${tag}>`)[0]).digest("base64");
    return `default-src 'none'; script-src 'sha256-${hash("script")}'; ` +
        `style-src 'sha256-${hash("style")}'; connect-src 'self'; img-src data:; ` +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

async function complete(state, request, response) {
    let text = "";
    for await (const part of request) text += part;
    const body = JSON.parse(text);
    state.requests.push(body);
    const [, kind, rest] = /^(\w+)\s*([^]*)$/.exec(body.messages.at(-1).content) ?? [];
    if (kind === "refuse") return fail(response, 400, "invalid_request_error", "no such thing");
    if (kind === "busy" && !state.wasBusy) {
        state.wasBusy = true;
        return fail(response, 503, "unavailable_error", "all 4 slots are taken",
            { "Retry-After": "2" });
    }
    if (BREAKS[kind]) return breakOff(response, body.model, kind);
    const answer = ANSWERS[kind] ?? (() => ANSWERS.say(`Nothing is known of ${kind}.`));
    return stream(response, body, answer(rest, body));
}

const MODELS = [
    { id: "bonsai-4b:q1_0", meta: { n_ctx: 8192, n_params: 4.02e9, size: 572e6 } },
    { id: "bitnet-2b4t", meta: { n_ctx: 4096, n_params: 2.41e9, size: 1.18e9 } },
].map((model) => ({ object: "model", created: 1, owned_by: "tritmill", ...model }));

/** Starts one: its url, the requests that came, `key` (asked for where it is set), close(). */
export async function startMock(pagePath, port = 0) {
    const page = readFileSync(pagePath, "utf8");
    const state = { requests: [], key: "", wasBusy: false };
    const server = createServer((request, response) => {
        if (request.url === "/") {
            response.writeHead(200, { "Content-Type": "text/html; charset=utf-8",
                "Content-Security-Policy": policy(page) });
            return response.end(page);
        }
        if (state.key && request.headers.authorization !== `Bearer ${state.key}`) {
            return fail(response, 401, "authentication_error", "Invalid API Key");
        }
        if (request.url === "/v1/models") {
            response.writeHead(200, { "Content-Type": "application/json" });
            return response.end(JSON.stringify({ object: "list", data: MODELS }));
        }
        if (request.url === "/v1/chat/completions") return complete(state, request, response);
        return fail(response, 404, "not_found_error", "File Not Found");
    });
    await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
    return Object.assign(state, { url: `http://127.0.0.1:${server.address().port}/`,
        close: () => { server.closeAllConnections(); server.close(); } });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
    const mock = await startMock(process.argv[2], Number(process.argv[3] ?? 8080));
    console.log(mock.url);
}
