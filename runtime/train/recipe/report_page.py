"""The report's page: what was found as sections of text, tables and figures, written as Markdown
and as HTML that needs nothing else."""
import math
import os
import re
from html import escape

import report_figures as figures
from report_runs import write

NONE = "\u2013"
STYLE = """:root{color-scheme:light dark;--ink:#1b1f24;--soft:#5b6470;--line:#d5dae0;--paper:#fff;
--shade:#f5f7f9}@media(prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#9aa4b0;--line:#343b44;
--paper:#14171b;--shade:#1b2026}}*{box-sizing:border-box}
body{margin:0 auto;max-width:68rem;padding:2rem 1.5rem 3rem;color:var(--ink);
background:var(--paper);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",
sans-serif}h1{font-size:1.5rem}h2{font-size:1.2rem;margin:2.4rem 0 .4rem}h3{font-size:1rem;
margin:1.6rem 0 .3rem}.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.8rem;
margin:.6rem 0}th,td{padding:.28rem .55rem;text-align:right;border-bottom:1px solid var(--line);
font-variant-numeric:tabular-nums;white-space:nowrap}th{color:var(--soft);font-weight:600;
border-bottom:2px solid var(--line);white-space:normal;vertical-align:bottom}
th.l,td.l{text-align:left}tbody tr:nth-child(even){background:var(--shade)}
figure{margin:1rem 0}figure svg{max-width:100%;height:auto;display:block}
figcaption,li,summary{font-size:.85rem;color:var(--soft)}ul{padding-left:1.1rem}
pre{font-size:.75rem;overflow-x:auto;background:var(--shade);padding:.7rem}
code{font-size:.9em}"""


def num(x, digits=3):
    """With so many digits that count."""
    if x is None or not math.isfinite(x):
        return NONE
    if x == 0:
        return "0"
    return f"{x:.{max(0, digits - 1 - math.floor(math.log10(abs(x)) + 1e-9))}f}"


def percent(x):
    return NONE if x is None or not math.isfinite(x) else f"{100 * x:.0f} %"


class Page:
    def __init__(self, folder, title):
        self.folder, self.md, self.html = folder, [f"# {title}\n"], [f"<h1>{escape(title)}</h1>"]
        self.title = title

    def heading(self, text, level=2):
        self.md.append("#" * level + f" {text}\n")
        self.html.append(f"<h{level}>{escape(text)}</h{level}>")

    def inline(self, text):
        return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))

    def text(self, text):
        self.md.append(text + "\n")
        self.html.append(f"<p>{self.inline(text)}</p>")

    def notes(self, items):
        if items:
            self.md.append("\n".join(f"- {i}" for i in items) + "\n")
            self.html.append("<ul>" + "".join(f"<li>{self.inline(i)}</li>" for i in items)
                             + "</ul>")

    def table(self, heads, rows):
        """A head that begins with "<" is of words, set to the left."""
        left = [h.startswith("<") for h in heads]
        heads = [h.removeprefix("<") for h in heads]
        wide = [max(len(r[i]) for r in [heads, *rows]) for i in range(len(heads))]

        def line(cells):
            return "| " + " | ".join(c.ljust(w) if l else c.rjust(w)
                                     for c, w, l in zip(cells, wide, left)) + " |"
        rule = "| " + " | ".join("-" * w if l else "-" * (w - 1) + ":"
                                 for w, l in zip(wide, left)) + " |"
        self.md.append("\n".join([line(heads), rule, *map(line, rows)]) + "\n")

        def cells(tag, row):
            return "<tr>" + "".join(f"<{tag}{' class=l' if l else ''}>{escape(c)}</{tag}>"
                                    for c, l in zip(row, left)) + "</tr>"
        self.html.append('<div class="wide"><table><thead>' + cells("th", heads)
                         + "</thead><tbody>" + "".join(cells("td", r) for r in rows)
                         + "</tbody></table></div>")

    def figure(self, name, svg, caption, source):
        write(os.path.join(self.folder, name + ".svg"), svg)
        self.md.append(f"![{caption}]({name}.svg)\n\n{caption}. {source}\n")
        caption += ". " + source
        self.html.append(f"<figure>{svg}<figcaption>{self.inline(caption)}</figcaption></figure>")

    def commands(self, records, line_of):
        lines = list(dict.fromkeys(f"{r['date']}  {line_of(r, self.folder)}" for r in records))
        self.md.append("<details><summary>Command lines</summary>\n\n```\n" + "\n".join(lines)
                       + "\n```\n</details>\n")
        self.html.append("<details><summary>Command lines</summary><pre>"
                         + escape("\n".join(lines)) + "</pre></details>")

    def write(self):
        write(os.path.join(self.folder, "report.md"), "\n".join(self.md))
        write(os.path.join(self.folder, "report.html"),
              "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\""
              "viewport\" content=\"width=device-width, initial-scale=1\">\n"
              f"<title>{escape(self.title)}</title>\n<style>{STYLE}</style></head>\n<body>\n"
              + "\n".join(self.html) + "\n</body></html>\n")


class Report:
    def __init__(self, found, plan, desk, line_of):
        self.found, self.plan, self.desk, self.line_of = found, plan, desk, line_of
        self.page = Page(plan.output, "The field's comparison, measured")
        self.models = found["models"]
        self.products = self.models["products"]

    def source(self, records):
        """Machine, build and date of a figure."""
        builds = sorted({r["build"] for r in records})
        dates = sorted(r["date"] for r in records)
        when = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
        return f"{self.machine()}; {', '.join(builds)}; {when}."

    def machine(self):
        tables = [self.products, *(s["products"] for s in self.found["shapes"])]
        known = [t for t in tables if t]
        return f"{known[0]['cpu']}, {known[0]['threads']} threads" if known else "unknown machine"

    # The head of the page.

    def about(self):
        page, plan, about = self.page, self.plan, self.found["about"]
        text = ", ".join(os.path.basename(t) for t in plan.texts)
        if about["text_made"]:
            text += ", which the bundled model wrote (`tritmill run -p OPENING -n 250 -s 1`, 2, " \
                "...), since none was given (`REPORT_TEXT`): perplexities are of its language"
        run = next(iter(self.found["runs"].values()))
        page.text("f32, f16, int8, int4, ternary and 1-bit weights beside each other: models of "
                  "one shape trained on the same text in the same order, and products of larger "
                  "models' shapes. All of it is made by `make report`.")
        page.notes([f"Machine: {self.machine()}.", f"Program: {self.desk.build}.",
                    f"Text: {text}.",
                    f"Models: `{' '.join(map(str, plan.shape))}`, {run['parameters'] or NONE} "
                    "parameters with the embedding.",
                    f"Training: `{' '.join(map(str, plan.budget))}`, seed 1.",
                    f"Held out: every {plan.held_out}th document; the runtime's perplexity is on "
                    f"{about['held_bytes'] / 1000:.1f} kB of them."])

    # Precisions on the trained shape.

    def fastest(self, products, formats):
        rows = [r for r in products["rows"] if r["format"] in formats] if products else []
        return min(rows, key=lambda r: r["matrix_ms"], default=None)

    def reckoned(self, row):
        """Bytes of a file whose matrices were of Q4_0 or TQ1_0, from one that there is."""
        other, less = {"int4": ("f16", 16 - 4.5),
                       "ternary, 1.6 bits": ("ternary, 2 bits", 2 - 1.6875)}[row["name"]]
        file_bytes = next(r for r in self.models["rows"] if r["name"] == other)["file_bytes"]
        f32 = self.fastest(self.products, ["f32"])
        return file_bytes - f32["matrix_bytes"] / 4 * less / 8 if file_bytes and f32 else None

    def ternary_note(self):
        two = next(r for r in self.models["rows"] if r["name"] == "ternary, 2 bits")
        how = f"; for 2 bits the runtime was held to {two['isa']}, which prefers them" \
            if two.get("isa") else ""
        return "ternary: one file, packed in 2 or in 1.6 bits when it is loaded, with the same " \
            f"answers; the whole model stands where the runtime's choice put it{how}."

    def precision_row(self, row, notes):
        name, product = row["name"], self.fastest(self.products, row["formats"])
        bench = row.get("bench") and row["bench"][-1]
        row["size"] = row["file_bytes"] if row["type"] else self.reckoned(row)
        size = num(row["size"] / 1e6 if row["size"] else None)
        if row["why"]:
            notes.append(f"{name}: no model: {self.short(row['why'])}.")
        for what in ("bench", "perplexity"):
            if not row.get(what) and row.get(what + "_record"):
                notes.append(f"{name}: no {what}: {self.short(row[what + '_record'])}.")
        if not product:
            notes.append(f"{name}: no products: {self.missing(row['formats'])}.")
        return [name, row["type"] or NONE, row["run"], num(product and product["bits_per_weight"]),
                size if row["type"] else "\u2248 " + size,
                num(bench and bench["peak_resident_bytes"] / 1e6),
                num(bench and 1000 / bench["median_ts"]), num(product and product["token_ms"]),
                percent(product and product["limit_share"]),
                num((row.get("perplexity") or {}).get("perplexity"), 5)]

    def short(self, text):
        """Paths from the report's folder."""
        return text.replace(self.plan.output + os.sep, "")

    def missing(self, formats):
        if not self.products:
            return self.models["products_record"]
        return f"this machine has no kernel for {' or '.join(formats)} at every shape"

    def explained(self):
        limit = self.products and self.products["limit_read_gbs"]
        return [
            "File: embedding in f16 (f32: in f32). Resident: at most, by `bench`, the program "
            "itself and its working memory included.",
            f"ms per token, whole model: `bench`, decode of {self.plan.tokens} tokens; a model so "
            "small lies in the caches. Products cold: `compare --precision`, every matrix and the "
            "head in f16 with weights that no cache holds; its share is of the read bandwidth "
            f"measured in the same run, {num(limit)} GB/s, for the matrices. int8 and int4 there "
            "have 8-bit inputs; the file of type q8_0 has inputs in f32.",
            "int4: no file type that is run here has such matrices, so there is neither a file nor "
            "memory nor speed of a whole model. Its size is reckoned with Q4_0's 4.5 bits; its "
            "perplexity is that of the dense model, its matrices rounded as Q4_0 rounds them.",
            "ternary, 1.6 bits: the size is reckoned with TQ1_0's 1.69 bits. TQ1_0 does not hold "
            "this model: its scales are f16, and a trained matrix has one of f32.",
            "Perplexity: `perplexity`, second halves of chunks of the training's context."]

    def precisions(self):
        page, notes = self.page, []
        page.heading("Precisions on the trained shape")
        rows = [self.precision_row(r, notes) for r in self.models["rows"]]
        page.table(["<precision", "<file's type", "<trained as", "bits per weight", "file, MB",
                    "resident, MB", "ms per token, whole model", "ms per token, products cold",
                    "of the read limit", "perplexity"], rows)
        page.notes([*self.explained(), self.ternary_note(), *notes])
        dots = [(r["name"], self.colour(r), r["size"] / 1e6, r["perplexity"]["perplexity"])
                for r in self.models["rows"] if r["size"] and r.get("perplexity")]
        records = [r["perplexity_record"] for r in self.models["rows"] if r.get("perplexity")]
        if dots:
            page.figure("precisions", figures.points(
                dots, ["file, MB", "perplexity on held-out text"],
                "Points: perplexity by size of the file, for each precision"),
                "Perplexity by size of the file (int4, ternary of 1.6 bits: size reckoned)",
                self.source(records))
        records += [r["bench_record"] for r in self.models["rows"] if r.get("bench")]
        records += [self.models["products_record"]] if self.products else []
        page.commands(records, self.line_of)

    def colour(self, row):
        return {"dense": 6, "ternary": 0, "grouped": 2, "binary": 1}[row["run"]]

    # Larger shapes.

    def shape_rows(self, shape):
        rows, drawn = [], []
        for model in self.models["rows"]:
            product = self.fastest(shape["products"], model["formats"])
            estimate = shape["needs"].get(model["name"], (None, None))[0]
            if not product:
                continue
            head = product["total_bytes"] - product["matrix_bytes"]
            rows.append([model["name"], num(product["bits_per_weight"]),
                         num(product["matrix_bytes"] / 1e9), num(head / 1e9),
                         num(estimate and estimate["need_bytes"] / 1e9),
                         num(product["matrix_ms"]), num(product["token_ms"]),
                         num(product["tokens_per_second"]), num(product["gbs"]),
                         percent(product["limit_share"])])
            bound = product["total_bytes"] / shape["products"]["limit_read_gbs"] * 1e-6
            drawn.append((model["name"], [product["matrix_ms"], product["head_ms"]],
                          f"{num(product['token_ms'])} ms, {num(product['tokens_per_second'])} "
                          "tokens/s", bound))
        return rows, drawn

    def shape(self, shape):
        page, products = self.page, shape["products"]
        page.heading(shape["shape"], 3)
        if not products:
            page.text(f"Not measured: {shape['record']}.")
            return
        rows, drawn = self.shape_rows(shape)
        absent = [m["name"] for m in self.models["rows"]
                  if not self.fastest(products, m["formats"])]
        page.text(f"{products['model']}. Beside a limit of {num(products['limit_read_gbs'])} GB/s, "
                  f"measured in the same run, {products['threads']} threads.")
        page.table(["<precision", "bits per weight", "matrices, GB", "head, GB",
                    "a run needs, GB", "matrices, ms", "token, ms", "tokens/s", "GB/s",
                    "of the limit"], rows)
        if absent:
            page.notes([f"{', '.join(absent)}: no kernel here for every shape."])
        page.figure("shape-" + re.sub(r"\W+", "-", shape["shape"]), figures.bars(
            drawn, ["milliseconds per token", "matrices", "head in f16"],
            f"Bars: milliseconds per token of {shape['shape']}'s products in each precision",
            "what the limit allows"),
            f"{shape['shape']}: one token through all matrices", self.source([shape["record"]]))

    def shapes(self):
        page = self.page
        page.heading("Larger models' shapes")
        page.text("Each distinct shape of a model's matrices is timed with cold weights, and "
                  "counts as often as it occurs; no model is loaded for that, so the largest is "
                  "measured like the others. Attention, norms and the like are left out. \"A run "
                  "needs\" is `tritmill estimate`'s word for a context of at most 4096 tokens; it "
                  "knows the packed precisions alone.")
        for shape in self.found["shapes"]:
            self.shape(shape)
        self.whole()
        records = [s["record"] for s in self.found["shapes"] if s["products"]]
        records += [e[1] for s in self.found["shapes"] for e in s["needs"].values() if e[0]]
        records += [w["record"] for w in self.found["whole"] if w["bench"]]
        page.commands(records, self.line_of)

    def whole(self):
        page, rows, notes = self.page, [], []
        if not self.found["whole"]:
            return
        page.heading("Whole models of random weights", 3)
        for w in self.found["whole"]:
            if not w["bench"]:
                notes.append(f"{w['shape']}, {w['type']}: not run: {self.short(w['why'])}.")
                continue
            prefill, decode = w["bench"]
            rows.append([w["shape"] + (f" ({w['arch']})" if w["arch"] else ""), w["type"],
                         num(decode["model_size"] / 1e9),
                         num(decode["peak_resident_bytes"] / 1e9), num(1000 / decode["median_ts"]),
                         num(decode["gbs"]), num(decode["limit_read_gbs"]),
                         percent(decode["read_ratio"]), num(prefill["median_ts"]),
                         NONE if w["arch"] else percent(prefill["int8_ratio"])])
        if rows:
            page.table(["<model", "<type", "file, GB", "resident, GB", "decode, ms per token",
                        "GB/s", "limit, GB/s", "of it", "prefill, tokens/s", "of the int8 peak"],
                       rows)
            page.text(self.source([w["record"] for w in self.found["whole"] if w["bench"]]))
        page.notes(notes)

    # Training.

    def unit(self):
        """Of tokens: how many, and its name."""
        most = self.found["runs"]["dense"]["log"][-1]["tokens"]
        return (1e6, "millions") if most > 2e6 else (1e3, "thousands")

    def validations(self, run):
        by = self.unit()[0]
        return [(r["tokens"] / by, r["valid_loss"]) for r in run["log"] if r["valid_loss"]]

    def losses(self):
        page, runs = self.page, self.found["runs"]
        page.heading("Training: loss of each recipe")
        page.text("The same shape, seed, text and order of text; inputs of 4 bits are so from the "
                  "second stage on, and have 8 bits before.")
        lines, behind, records = [], [], [r["record"] for r in runs.values()]
        base = dict(self.validations(runs["dense"]))
        for i, run in enumerate(runs.values()):
            line = self.validations(run)
            colour = (6, 0, 2, 3, 4, 1)[i]
            lines.append((run["title"], colour, line, f"{line[-1][1]:.3f}"))
            apart = [(x, y - base[x]) for x, y in line if x in base]
            behind.append((run["title"], colour, apart, f"{apart[-1][1]:+.3f}"))
        log = runs["dense"]["log"]
        first = max(1, int(len(log) * self.plan.second_stage))
        mark = log[first - 1]["tokens"] / self.unit()[0], "second stage"
        names = [f"tokens seen, {self.unit()[1]}", "validation loss, nats per token"]
        page.figure("loss", figures.curves(lines, names, "Curves: validation loss by tokens seen",
                                           mark),
                    "Validation loss", self.source(records))
        names = [names[0], "loss above that of dense, nats per token"]
        page.figure("loss-apart", figures.curves(
            behind[1:], names, "Curves: validation loss less that of the dense model", mark, True),
            "Validation loss less that of the dense model at the same step", self.source(records))
        self.loss_table()
        page.commands(records, self.line_of)

    def runtime_perplexity(self, name, notes):
        run = self.found["runs"][name]
        of = [r for r in self.models["rows"] if r["run"] == name]
        found = of[0].get("perplexity") if of else run.get("perplexity")
        if not found:
            why = (of[0]["why"] or of[0].get("perplexity_record")) if of else run["why"]
            notes.append(f"{run['title']}: the runtime's perplexity is not there: "
                         f"{self.short(why)}.")
        return num((found or {}).get("perplexity"), 5)

    def loss_table(self):
        runs, rows, notes = self.found["runs"], [], []
        dense = runs["dense"]["log"][-1]["valid_perplexity"]
        for name, run in runs.items():
            last, speeds = run["log"][-1], sorted(r["tokens_per_second"] for r in run["log"])
            zeros = [float(z) for z in (run["zeros"] or "").split()]
            rows.append([run["title"], num(last["tokens"] / 1e6), num(last["seconds"] / 60),
                         num(speeds[len(speeds) // 2]), f"{last['valid_loss']:.4f}",
                         num(last["valid_perplexity"], 5), f"{last['valid_bits_per_byte']:.4f}",
                         f"{last['valid_perplexity'] / dense:.3f}",
                         percent(sum(zeros) / len(zeros) if zeros else None),
                         self.runtime_perplexity(name, notes)])
        self.page.table(["<trained as", "tokens, M", "minutes", "tokens/s", "validation loss",
                         "perplexity", "bits per byte", "of dense's perplexity",
                         "zeros among inputs of Wdown", "the runtime's perplexity"], rows)
        self.page.notes([
            "Loss, perplexity and bits per byte: the trainer's own, on all that was held out, "
            "every token counted; the runtime's is that of the table above, of second halves of "
            "chunks: another measure of the same text.", *notes])

    # Energy.

    def energy(self):
        page, rows, why = self.page, [], None
        page.heading("Energy")
        tables = [(s["shape"], s["products"], s["record"]) for s in self.found["shapes"]]
        tables.insert(0, ("the trained shape", self.products, self.models["products_record"]))
        used = []
        for shape, products, record in tables:
            for note in products["notes"] if products else []:
                why = note.partition("Energy is n/a: ")[2] or why
            for model in self.models["rows"]:
                product = self.fastest(products, model["formats"])
                if product and product["joules_per_token"]:
                    rows.append([shape, model["name"], num(product["joules_per_token"])])
                    used.append(record)
        if not rows:
            page.text(f"Not measured: {(why or 'no products were timed').rstrip('.')}.")
            return
        page.table(["<shape", "<precision", "J per token"], rows)
        page.text("Packages and memory by RAPL, all matrices of one token, without the head. "
                  + self.source(used))

    def put(self):
        self.about()
        self.precisions()
        self.shapes()
        self.losses()
        self.energy()
        self.page.write()


def put(found, plan, desk, line_of):
    Report(found, plan, desk, line_of).put()
