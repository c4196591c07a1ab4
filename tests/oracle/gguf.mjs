// Compares what `tritmill inspect -o json --all` says of a file with what @huggingface/gguf reads
// in it: node gguf.mjs FILE OURS.json. Exit code 1 and the differences where there are any.
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { gguf } from "@huggingface/gguf";

const types = ["u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64",
    "i64", "f64"];
const own = new Set(["version", "tensor_count", "kv_count"]); // the reader's own entries

// What JSON has no number for is text, as in ours.
function number(v) {
    if (typeof v === "bigint") return Number(v);
    if (typeof v !== "number" || Number.isFinite(v)) return v;
    return Number.isNaN(v) ? "nan" : v > 0 ? "inf" : "-inf";
}

function entry({ type, subType, value }) {
    if (types[type] !== "array") return { type: types[type], value: number(value) };
    return { type: "array", items: types[subType], count: value.length, value: value.map(number) };
}

const [file, json] = process.argv.slice(2);
const ours = JSON.parse(readFileSync(json, "utf8"));
const theirs = await gguf(file, { allowLocalFile: true, typedMetadata: true });
let faults = 0;

function compare(what, a, b) {
    if (isDeepStrictEqual(a, b)) return;
    faults++;
    const [ours, theirs] = [a, b].map(value => JSON.stringify(value)?.slice(0, 200));
    console.log(`${what}: ours ${ours}, theirs ${theirs}`);
}

const { version } = theirs.typedMetadata;
const keys = Object.entries(theirs.typedMetadata).filter(([key]) => !own.has(key));
compare("version", ours.version, version.value);
compare("keys", Object.keys(ours.metadata), keys.map(([key]) => key));
for (const [key, value] of keys) compare(key, ours.metadata[key], entry(value));
compare("tensors", ours.tensors.length, theirs.tensorInfos.length);
theirs.tensorInfos.forEach((t, i) => {
    const { name, type_id, shape, data_offset } = ours.tensors[i] ?? {};
    const their = {
        name: t.name,
        type_id: t.dtype,
        shape: t.shape.map(Number),
        data_offset: Number(t.offset),
    };
    compare(`tensor ${i}`, { name, type_id, shape, data_offset }, their);
});
console.log(`${keys.length} keys, ${theirs.tensorInfos.length} tensors, ${faults} differences`);
process.exit(faults ? 1 : 0);
