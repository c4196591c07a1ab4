// What another GGUF reader makes of a file, in the form of `tritmill inspect -o json --all`:
// node gguf.mjs FILE. Tensor offsets count from the start of the tensor data, as in the file.
import { gguf } from "@huggingface/gguf";

const types = ["u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"];
const own = new Set(["version", "tensor_count", "kv_count"]); // the reader's own entries

function number(v) {
    if (typeof v === "bigint") return v <= 0x7fffffffffffffffn ? Number(v) : String(v);
    if (typeof v !== "number" || Number.isFinite(v)) return v;
    return Number.isNaN(v) ? "nan" : v > 0 ? "inf" : "-inf";
}

function entry({ type, subType, value }) {
    if (types[type] !== "array") return { type: types[type], value: number(value) };
    return { type: "array", items: types[subType], count: value.length, value: value.map(number) };
}

const { typedMetadata, tensorInfos } = await gguf(process.argv[2], { allowLocalFile: true, typedMetadata: true });
const metadata = {};
for (const [key, value] of Object.entries(typedMetadata))
    if (!own.has(key)) metadata[key] = entry(value);
const tensors = tensorInfos.map((t) => ({
    name: t.name,
    type_id: t.dtype,
    shape: t.shape.map(Number),
    data_offset: Number(t.offset),
}));
console.log(JSON.stringify({ version: Number(typedMetadata.version.value), metadata, tensors }));
