// train_tokenizer.mjs TOOL MODEL.gguf TOKENIZER.json [SEED]: encodes the same strings with a
// vocabulary that was learnt, as GGUF with TOOL and as tokenizer.json with Hugging Face's
// tokenizers (npm), and compares the ids. Code points that TOOL's Unicode does not know yet are
// left out.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { assigned, encode } from "./tool.mjs";
import { generator, spaces } from "./strings.mjs";

const [tool, model, path, seed = "1"] = process.argv.slice(2);
const { Tokenizer } = createRequire(import.meta.url)("tokenizers");
const text = readFileSync(path, "utf8");
const tokenizer = Tokenizer.fromString(text);
const names = ["<|endoftext|>", "<|user|>", "<|assistant|>", "<|user|>\n", "<|USER|>", "<|", "|>"];
const { kinds, repeat } = generator(Number(seed), names, assigned(tool));
const strings = ["", ...spaces, ...names,
    ...Object.values(kinds).flatMap(make => repeat(60, make))];

const ours = encode(tool, [model], strings);
const theirs = await tokenizer.encodeBatch(strings, { addSpecialTokens: false });
let wrong = 0;
theirs.forEach((encoding, i) => {
    const ids = encoding.getIds().join(" ");
    if (ids !== ours[i] && ++wrong <= 3)
        console.log(`${JSON.stringify(strings[i])}\n  expected ${ids}\n  got      ${ours[i]}`);
});
const [first] = (await tokenizer.encode("a", null, { addSpecialTokens: true })).getIds();
const end = JSON.parse(text).added_tokens[0];
if (end.content !== "<|endoftext|>" || first !== end.id) {
    console.log(`a text begins with ${first}, not ${end.content}`);
    wrong++;
}
console.log(`${strings.length} strings, ${wrong} different`);
process.exit(wrong ? 1 : 0);
