#!/usr/bin/env python3
"""The field's comparison from our own runs: `make report`, or

  report.py PROGRAM [-o FOLDER] [--size usual|quick|tiny] [--text FILE[:SHARE]]... [...]

trains models of one shape on the same text, exports them, measures size, memory, speed and
perplexity of each precision, times the products of larger models' shapes, and writes report.md,
report.html and figures as SVG to FOLDER (build/report). What it ran is kept there: stopped, it
goes on where it was; run again, it runs only what is new. A result is taken anew where its file in
FOLDER/results is removed. Each option can be given as a variable: REPORT_STEPS=2000.
"""
import argparse
import json
import os
import re
import shutil
import sys

import report_page
from documents import END, split
from report_round import round_to_4_bits
from report_runs import Desk, Failed, Stopped, Training, digest_of, line_of, rows_of, say, write

# Budgets. bytes: of text that is made where none is given; held: of text that is held out, about;
# tokens: that are decoded to time a model; seconds: of timing products.
SIZES = {
    "usual": {"shape": "--hidden 256 --ffn 768 --layers 4 --heads 4 --kv-heads 2 -c 256",
              "steps": 200, "batch": 8, "vocab-size": 2048, "seconds": 10.0, "bytes": 1_200_000,
              "held": 40_000, "tokens": 128,
              "shapes": "2b4t bonsai-8b bonsai2-27b", "whole": "2b4t:bf16:llama 2b4t:q8_0:llama "
              "2b4t:i2_s bonsai-8b:ptq1_0 bonsai-8b:q1_0"},
    "quick": {"shape": "--hidden 256 --ffn 256 --layers 1 --heads 4 --kv-heads 2 -c 64",
              "steps": 40, "batch": 8, "vocab-size": 512, "seconds": 0.2, "bytes": 60_000,
              "held": 10_000, "tokens": 32,
              "shapes": "large", "whole": ""},
    "tiny": {"shape": "--hidden 256 --ffn 256 --layers 1 --heads 4 --kv-heads 2 -c 32",
             "steps": 6, "batch": 2, "vocab-size": 320, "seconds": 0.02, "bytes": 20_000,
             "held": 1_500, "tokens": 4,
             "shapes": "256x256x1x4x2", "whole": "256x256x1x4x2:i2_s"},
}
# Runs: what is trained, and how.
RUNS = {
    "dense": ("dense, f32", ["--dense"]),
    "ternary": ("ternary, a scale for a matrix", []),
    "grouped": ("ternary, a scale for 128 columns", ["--groups", "all"]),
    "int4-inputs": ("ternary, 4-bit activations", ["--activation-bits", 4]),
    "int4-hadamard": ("ternary, 4-bit activations, Hadamard",
                      ["--activation-bits", 4, "--hadamard"]),
    "binary": ("1 bit, a scale for 128 columns", ["--binary", "--groups", "all"]),
}
F16 = ["--embedding-type", "f16"]
# Precisions: name; the run that trains it; how its model is stored (none: in no file of its own);
# formats of `compare`, of which the fastest counts.
PRECISIONS = [
    ("f32", "dense", ["--type", "f32", "--embedding-type", "f32"], ["f32"]),
    ("f16", "dense", ["--type", "f16", *F16], ["f16"]),
    ("int8", "dense", ["--type", "q8_0", *F16], ["int8"]),
    ("int4", "dense", None, ["int4"]),
    ("ternary, 2 bits", "ternary", ["--type", "i2_s", *F16], ["t2"]),
    ("ternary, 1.6 bits", "ternary", None, ["t5", "v5"]),
    ("grouped, 1.75 bits", "grouped", ["--type", "ptq1_0", *F16], ["t5g", "v5g"]),
    ("1 bit", "binary", ["--type", "q1_0", *F16], ["b1g"]),
]
ESTIMATED = {"ternary, 2 bits": "i2_s", "ternary, 1.6 bits": "tq1_0",
             "grouped, 1.75 bits": "ptq1_0", "1 bit": "q1_0"}
LESS_ISAS = ["avx512vnni", "avx2", "neon"]
DENSE_BITS = {"bf16": 16, "q8_0": 8.5}


def settings():
    size = os.environ.get("REPORT_SIZE", "usual")
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program")
    p.add_argument("-o", "--output", default="build/report")
    p.add_argument("--size", choices=SIZES, default=size, help="a budget; what follows changes it")
    p.add_argument("--text", action="append", help="to train on, documents ended by a line " + END)
    p.add_argument("--vocab", help="a vocabulary (default: learnt from the first text)")
    p.add_argument("--shape", help="of the models: options of `train`")
    p.add_argument("--train", default="", help="further options of `train`")
    p.add_argument("--shapes", help="larger models whose products are timed")
    p.add_argument("--whole", help="random models that are run as a whole: SHAPE:TYPE[:ARCH]")
    p.add_argument("--held", type=int, help="bytes of text to validate on, about")
    p.add_argument("--threads", type=int)
    p.add_argument("--steps", type=int)
    p.add_argument("--batch", type=int)
    p.add_argument("--seconds", type=float, help="of timing, for each shape")
    for action in p._actions:
        name = "REPORT_" + action.dest.upper()
        if name in os.environ and action.dest not in ("size", "help"):
            given = os.environ[name]
            action.default = given.split() if action.dest == "text" else \
                (action.type or str)(given)
    plan = p.parse_args()
    if plan.size not in SIZES:
        p.error(f"REPORT_SIZE={plan.size}: {', '.join(SIZES)}")
    for name, value in SIZES[plan.size].items():
        name = name.replace("-", "_")
        if getattr(plan, name, None) is None:
            setattr(plan, name, value)
    plan.shape, plan.shapes, plan.whole = (x.split() for x in (plan.shape, plan.shapes, plan.whole))
    plan.context = option(plan.shape, 512, "-c", "--ctx-size")
    return plan


def set_budget(plan, text):
    """Of each run, by the size of the text that is validated on."""
    hold_out = max(4, min(len(text) // plan.held, 1_000_000))
    plan.budget = ["--steps", plan.steps, "--batch", plan.batch, "--pass", min(8, plan.batch),
                   "--warmup", max(1, plan.steps // 10), "--valid-every", max(1, plan.steps // 20),
                   "--valid-sequences", 1 << 20, "--hold-out", hold_out, *plan.train.split()]
    plan.held_out = int(option(plan.budget, 50, "--hold-out"))
    plan.second_stage = float(option(plan.budget, 0.5, "--second-stage"))


def option(words, default, *names):
    """The last value of an option among words."""
    found = [words[i + 1] for i, w in enumerate(words[:-1]) if w in names]
    return found[-1] if found else default


def write_stories(desk, plan, path):
    """A text by the bundled model, where none was given; goes on with what there is of it."""
    openings = ["Once upon a time", "One day", "There was a", "Tom and Lily", "It was a"]
    ended = "\n" + END + "\n"
    with open(path, "a+", encoding="utf-8") as file:
        file.seek(0)
        text = file.read()
        text = text[:text.rfind(ended) + len(ended)] if ended in text else ""
        file.truncate(len(text.encode()))
        size, n = len(text.encode()), text.count(ended)
        while size < plan.bytes:
            if n % 100 == 0:
                say(f"text by the bundled model, {size / 1e6:.2f} of {plan.bytes / 1e6:.2f} MB")
            story, _ = desk.run(["run", "-p", openings[n % len(openings)], "-n", "250", "-s",
                                 str(n + 1), "--log-disable"])
            story = story.replace(END, "").strip() + ended
            file.write(story)
            size, n = size + len(story.encode()), n + 1


def prepare(desk, plan):
    """Texts, vocabulary, and held-out text for the runtime."""
    found = {"text_made": not plan.text}
    if not plan.text:
        plan.text = [os.path.join(plan.output, f"stories-{plan.bytes}.txt")]
        write_stories(desk, plan, plan.text[0])
    plan.texts = plan.text
    first = plan.text[0]
    first = first if os.path.exists(first) else first.rpartition(":")[0]
    plan.vocabulary = plan.vocab
    if not plan.vocab:
        plan.vocabulary = os.path.join(plan.output, f"vocabulary-{digest_of(plan.text)}.gguf")
        found["vocabulary"] = desk.ask(
            f"vocabulary-{digest_of(plan.text)}",
            ["train-tokenizer", first, "--size", plan.vocab_size, "-o", plan.vocabulary], [first],
            [plan.vocabulary])
    with open(first, encoding="utf-8") as file:
        text = file.read()
    set_budget(plan, text)
    documents = split(text)
    held = documents[plan.held_out - 1::plan.held_out]
    if not held:
        raise Failed(f"{first}: {len(documents)} documents, of which every {plan.held_out}th is "
                     f"held out: give a longer text, whose documents end with a line {END}")
    plan.held_text = os.path.join(plan.output, f"held-out-{digest_of(held)}.txt")
    write(plan.held_text, END.join(held))
    found["held_bytes"] = sum(len(d.encode()) for d in held)
    return found


def train(desk, plan):
    runs, training = {}, Training(desk, plan.output, plan)
    for name, (title, options) in RUNS.items():
        record = training.run(name, options)
        zeros = re.search(r"zeros among .*: *(.*)", record["out"])
        size = re.search(r"([0-9.]+ [MB]) parameters", record["out"])
        runs[name] = {"title": title, "record": record, "zeros": zeros and zeros[1],
                      "parameters": size and size[1], "log": rows_of(training.place(name, ".csv"))}
    return training, runs


def slug(name):
    return re.sub(r"\W+", "-", name)


def model_of(training, precision):
    """(path of its model, None), or (None, why there is none). Of a precision without files: a
    model of the same run with its numbers; those of int4 are rounded for it."""
    name, run, types, _ = precision
    types = types or next(t for _, r, t, _ in PRECISIONS if r == run)
    try:
        path = training.export(run, RUNS[run][1], types[1], types)
        if name != "int4":
            return path, None
        rounded = training.place("dense-int4", ".gguf")
        round_to_4_bits(path, rounded)
        return rounded, None
    except Failed as error:
        return None, str(error)


def perplexity(desk, plan, training, model):
    """The runtime's: its JSON and the record, or (None, why not)."""
    name = os.path.basename(model).removesuffix(".gguf")
    return desk.tell(f"perplexity-{name}-{training.key}",
                     ["perplexity", "-m", model, "-f", plan.held_text, "--parse-special", "-c",
                      plan.context, *threads(plan), "--log-disable", "-o", "json"],
                     [model, plan.held_text])


def bench(desk, plan, training, row, isa=None):
    return desk.tell(f"bench-{slug(row['name'])}-{training.key}",
                     ["bench", "-m", row["model"], "-p", 0, "-n", plan.tokens, "-r", 5,
                      *threads(plan), "-o", "json"], [row["model"]], isa)


def packings_of(bench_json):
    """In which the matrices of a ternary model were packed."""
    return set(re.findall(r"trit_gemv_([tvbl][25])_", bench_json[-1]["kernels"]))


def time_packings(desk, plan, training, rows):
    """A ternary file is packed in 2 or in 1.6 bits when it is loaded: a measurement goes to the
    row that it belongs to. 2 bits are what some weaker instruction set prefers."""
    two, less = (next(r for r in rows if r["name"] == n)
                 for n in ("ternary, 2 bits", "ternary, 1.6 bits"))
    first = two.get("bench")
    packings = packings_of(first) if first else set()
    if not packings or packings - {"t5", "v5"}:
        return
    less["bench"], less["bench_record"] = two["bench"], two["bench_record"]
    two["bench"], two["bench_record"] = None, "no instruction set here prefers 2 bits"
    for isa in LESS_ISAS if "TRITMILL_ISA" not in os.environ else []:
        found, record = bench(desk, plan, training, two, isa)
        if found and not packings_of(found) & {"t5", "v5"}:
            two["bench"], two["bench_record"], two["isa"] = found, record, isa
            return


def measure_models(desk, plan, training):
    """Precisions on the trained shape."""
    rows, models = [], {}
    for precision in PRECISIONS:
        name, run, types, formats = precision
        model, why = model_of(training, precision)
        row = {"name": name, "run": run, "formats": formats, "type": types and types[1],
               "why": why, "model": model, "file_bytes": model and os.path.getsize(model)}
        if model:
            row["perplexity"], row["perplexity_record"] = perplexity(
                desk, plan, training, model)
        models[name] = model
        rows.append(row)
    for row in rows:
        if row["model"] and row["type"]:
            row["bench"], row["bench_record"] = bench(desk, plan, training, row)
    time_packings(desk, plan, training, rows)
    products, record = desk.tell(f"products-{training.key}",
                                 ["compare", "--precision", "-m", models["f16"], *seconds(plan),
                                  "-o", "json"], [models["f16"]]) \
        if models["f16"] else (None, "no model")
    return {"rows": rows, "products": products, "products_record": record}


def threads(plan):
    return ["-t", plan.threads] if plan.threads else []


def seconds(plan):
    return ["--seconds", plan.seconds, *threads(plan)]


def run_perplexities(desk, plan, training, runs):
    """The runtime's, of the runs that no precision stands for; or why it takes none of them."""
    for name in ("int4-inputs", "int4-hadamard"):
        run = runs[name]
        try:
            model = training.export(name, RUNS[name][1], "i2_s", ["--type", "i2_s", *F16])
            run["perplexity"], run["why"] = perplexity(desk, plan, training, model)
        except Failed as error:
            run["perplexity"], run["why"] = None, str(error)


def measure_shapes(desk, plan):
    """Products of larger models' shapes, and the memory that such models take."""
    found = []
    for shape in plan.shapes:
        products, record = desk.tell(f"products-{shape}-{plan.seconds:g}",
                                     ["compare", "--precision", "--model", shape, *seconds(plan),
                                      "-o", "json"])
        needs = {}
        for name, type_ in ESTIMATED.items():
            estimate, why = desk.tell(f"estimate-{shape}-{type_}",
                                      ["estimate", "--shape", shape, "--type", type_, "--limits",
                                       "none", *threads(plan), "-o", "json"])
            needs[name] = (estimate, why)
        found.append({"shape": shape, "products": products, "record": record, "needs": needs})
    return found


def too_large(desk, plan, shape, type_):
    """Why a random model of that shape is not made here; None: it fits."""
    packed = type_ if type_ not in DENSE_BITS else "f16"
    out, _ = desk.run(["estimate", "--shape", shape, "--type", packed, "--limits", "none", "-o",
                       "json"])
    about = json.loads(out)
    need = about["need_bytes"] + about["weights_bytes"] * DENSE_BITS.get(type_, 0) / 1.6
    if need > 0.8 * about["free_bytes"]:
        return f"it needs {need / 1e9:.1f} GB, and {about['free_bytes'] / 1e9:.1f} GB of memory " \
            "are free"
    if shutil.disk_usage(plan.output).free < 2 * need:
        return f"there are no {2 * need / 1e9:.1f} GB free on the disk"
    return None


def measure_whole(desk, plan):
    """Random models of larger shapes, run as a whole, one after the other."""
    found = []
    for word in plan.whole:
        shape, type_, arch = (word.split(":") + [""])[:3]
        row = {"shape": shape, "type": type_, "arch": arch, "bench": None, "why": None}
        path = os.path.join(plan.output, f"{shape}-{type_}.gguf")
        words = ["bench", "-m", path, "-p", 128, "-n", 32, "-r", 3, *threads(plan), "-o", "json"]
        name = f"bench-{shape}-{type_}"
        found.append(row)
        try:
            record = desk.kept(name, [str(w) for w in words], [], [])
            row["why"] = None if record else too_large(desk, plan, shape, type_)
            if row["why"]:
                continue
            if not record:
                if not os.path.exists(path):
                    say(f"a random {shape} of {type_}")
                    desk.run(["synth", "--shape", shape, "--type", type_, "--seed", "1", "--peak",
                              "0.3", *(["--arch", arch] if arch else []), "-o", path])
                record = desk.ask(name, words)
                os.remove(path)
            row["bench"], row["record"] = json.loads(record["out"]), record
        except Failed as error:
            row["why"] = str(error)
    return found


def main():
    plan = settings()
    os.makedirs(plan.output, exist_ok=True)
    try:
        desk = Desk(plan.program, os.path.join(plan.output, "results"), plan.threads)
        found = {"about": prepare(desk, plan)}
        training, found["runs"] = train(desk, plan)
        run_perplexities(desk, plan, training, found["runs"])
        found["models"] = measure_models(desk, plan, training)
        found["shapes"] = measure_shapes(desk, plan)
        found["whole"] = measure_whole(desk, plan)
    except Stopped:
        print("report: stopped; started again, it goes on from here", file=sys.stderr)
        return 130
    except Failed as error:
        print(f"report: {error}", file=sys.stderr)
        return 1
    report_page.put(found, plan, desk, line_of)
    say(f"{plan.output}/report.html, report.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
