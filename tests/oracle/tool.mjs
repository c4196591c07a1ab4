// Asks a tokenizing tool (tests/tool_tokenize.c, tests/oracle/tokenizer.py) for ids.
import { spawnSync } from "node:child_process";

function run(tool, args, input) {
    const result = spawnSync(tool, args, { input, maxBuffer: 1 << 30 });
    if (result.status !== 0)
        throw new Error(`${tool} ${args.join(" ")}: ${result.error ?? result.stderr}`);
    return result.stdout.toString();
}

// Which code points its Unicode knows: point => boolean. Surrogates are none.
export function assigned(tool) {
    const unassigned = new Uint8Array(0x110000);
    for (const line of run(tool, ["--unassigned"]).trim().split("\n")) {
        const [first, last] = line.split(" ").map(Number);
        unassigned.fill(1, first, last + 1);
    }
    return point => !unassigned[point] && (point < 0xd800 || point > 0xdfff);
}

function pack(strings) { // u32 length, bytes
    return Buffer.concat(strings.flatMap(s => {
        const bytes = Buffer.from(s), length = Buffer.alloc(4);
        length.writeUInt32LE(bytes.length);
        return [length, bytes];
    }));
}

// A line of ids for each string.
export const encode = (tool, args, strings) =>
    run(tool, args, pack(strings)).split("\n").slice(0, strings.length);
