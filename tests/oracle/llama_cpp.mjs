// What llama.cpp (npm's node-llama-cpp, on the CPU) says of a GGUF:
// node llama_cpp.mjs MODEL IDS OUT [F16|F32]
// IDS is a file of decimal ids, one sequence; OUT gets the raw float32 logits, a row of the
// vocabulary per id. The last word is the type of its KV cache (F16). Exit code 77 and a reason
// where llama.cpp cannot be had, 1 where it fails. It runs in a child process: a failed assertion
// of ggml aborts that one.
import { spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { fileURLToPath } from "node:url";

const missing = 77;

function leave(code, reason) {
    console.error(`llama_cpp.mjs: ${String(reason).split("\n")[0]}`);
    process.exit(code);
}

async function load() {
    try {
        const { getLlama, LlamaLogLevel } = await import("node-llama-cpp");
        const local = { build: "never", gpu: false, skipDownload: true, progressLogs: false };
        return await getLlama({ ...local, logLevel: LlamaLogLevel.error });
    } catch (error) {
        return leave(missing, `no llama.cpp: ${error.message}`);
    }
}

// Flash attention is left out: it would round queries and probabilities.
async function open(llama, path, tokens, type) {
    const model = await llama.loadModel({ modelPath: path, gpuLayers: 0, useMmap: false });
    const context = await model.createContext({
        contextSize: tokens + 8,
        batchSize: tokens + 8,
        threads: 2,
        flashAttention: false,
        experimentalKvCacheKeyType: type,
        experimentalKvCacheValueType: type,
    });
    return context.getSequence();
}

function row(logits) {
    const values = new Float32Array(logits.size);
    for (const [token, value] of logits) values[token] = value;
    return values;
}

async function evaluate(path, ids, out, type) {
    const llama = await load();
    const sequence = await open(llama, path, ids.length, type);
    const file = openSync(out, "w");
    let rows = 0;
    await sequence.controlledEvaluate(
        ids.map((id) => [id, { generateNext: { logits: true } }]),
        {
            onTokenResult(index, { next }) {
                if (index !== rows++) leave(1, `row ${index} came out of order`);
                writeSync(file, row(next.logits));
            },
        },
    );
    closeSync(file);
    if (rows !== ids.length) leave(1, `${rows} rows for ${ids.length} ids`);
}

const [path, list, out, type = "F16", child] = process.argv.slice(2);
if (!out) leave(2, "usage: llama_cpp.mjs MODEL IDS OUT [F16|F32]");
if (child) {
    const ids = readFileSync(list, "ascii").split(/\s+/).filter(Boolean).map(Number);
    await evaluate(path, ids, out, type).catch((error) => leave(1, error.message));
    process.exit(0);
}
const self = fileURLToPath(import.meta.url);
const words = [self, path, list, out, type, "child"];
const { status, signal, error } = spawnSync(process.execPath, words, {
    stdio: ["ignore", "ignore", "inherit"],
    timeout: 300000,
});
if (status === null) leave(1, `llama.cpp ended by ${signal ?? error}`);
process.exit(status);
