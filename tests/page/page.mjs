// Does the chat page do what it is for, in a browser? node page.mjs PAGE [URL]: against the mock
// server that gives PAGE, or, where URL is given, what can be asked of any server. One line a test;
// exit code 1 where one fails, 77 where there is no browser.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { MARKDOWN, startMock } from "./mock.mjs";

const [pagePath, url] = process.argv.slice(2);
const executablePath = process.env.TRIT_CHROMIUM ?? "/usr/bin/chromium";
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const running = "[data-state=running]";
const last = ".answer:last-child";

async function ask(page, text, state = "done") {
    await page.fill("#prompt", text);
    await page.press("#prompt", "Enter");
    await ended(page, state);
}
const ended = (page, state = "done") => page.waitForSelector(`${last}[data-state=${state}]`);
const answerText = (page) => page.textContent(`${last} > .markdown`);
const press = (page, text) => page.click(`${last} button:text-is("${text}")`);
const sidewise = (page) => page.evaluate(() => {
    const wide = (element) => element.scrollWidth > element.clientWidth;
    return [document.documentElement, document.getElementById("log")].filter(wide).length;
});

async function editLast(page, text) {
    await page.hover(".user >> nth=-1");
    await page.click(".user >> nth=-1 >> text=Edit");
    await page.fill(".edit textarea", text);
    await page.press(".edit textarea", "Enter");
}

async function axeFinds(page, state) {
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, {
        resultTypes: ["violations"] }));
    for (const { id, impact, nodes } of violations) {
        console.log(`    axe, ${state}: ${impact} ${id}: ${nodes.map((n) => n.target).join(" ")}`);
    }
    return violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).length;
}

// What any server can be asked.
const GENERAL = {
    async "an answer arrives, with its figures"({ page }) {
        await ask(page, "hello");
        assert.ok((await answerText(page)).length > 0);
        const figures = await page.textContent(`${last} .stats`);
        assert.match(figures, /tokens\/s · \d+ tokens .*context \d/);
    },
    async "an answer is stopped and kept"({ page }) {
        await page.fill("#prompt", "slow");
        await page.press("#prompt", "Enter");
        await page.waitForSelector(`${last} > .markdown > *`);
        await page.keyboard.press("Escape");
        await page.waitForSelector(`${last}:not(${running})`);
        const text = await answerText(page);
        assert.ok(text.length > 0);
        await page.waitForTimeout(200);
        assert.equal(await answerText(page), text);
        await ask(page, "and on it goes");
    },
    async "an edit branches off, and both versions stay"({ page }) {
        await ask(page, "say first");
        await editLast(page, "say second");
        await page.waitForSelector(".versions >> text=2 of 2");
        await ended(page);
        assert.equal(await page.textContent(".said"), "say second");
        await page.hover(".user");
        await page.click("[aria-label='Previous version']");
        assert.equal(await page.textContent(".said"), "say first");
        assert.equal(await page.locator(".answer").count(), 1);
    },
    async "retry gives a further version"({ page }) {
        await ask(page, "say again");
        await press(page, "Retry");
        await page.waitForSelector(`${last}[data-state=done] .versions >> text=2 of 2`);
        assert.equal(await page.locator(".answer").count(), 1);
    },
    async "a reload keeps the conversation"({ page }) {
        await ask(page, "say kept");
        const text = await answerText(page);
        await page.reload();
        await ended(page);
        assert.equal(await answerText(page), text);
        assert.equal(await page.locator("#list li").count(), 1);
    },
    async "dark follows the system, and the switch wins and is kept"({ page }) {
        const page1 = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        const light = await page1();
        await page.emulateMedia({ colorScheme: "dark" });
        const dark = await page1();
        assert.notEqual(dark, light);
        await page.click("#theme");
        assert.equal(await page1(), light);
        await page.reload();
        assert.equal(await page1(), light);
    },
    async "the keyboard is enough"({ page }) {
        await page.focus(".skip");
        assert.ok((await page.locator(".skip").boundingBox()).width > 20, "the skip link is seen");
        await page.keyboard.press("Enter");
        await page.keyboard.type("say one");
        await page.keyboard.press("Shift+Enter");
        await page.keyboard.type("two");
        await page.keyboard.press("Enter");
        await ended(page);
        assert.equal(await page.textContent(".said"), "say one\ntwo");
        await page.keyboard.press("ArrowUp"); // edits the last message
        assert.equal(await page.inputValue(".edit textarea"), "say one\ntwo");
        await page.keyboard.press("Escape");
        assert.equal(await page.evaluate(() => document.activeElement.textContent), "Edit");
        await page.keyboard.press("Control+Shift+O");
        assert.equal(await page.locator(".message").count(), 0);
        const names = new Set();
        for (let i = 0; i < 30; i++) {
            await page.keyboard.press("Shift+Tab");
            const [name, outline] = await page.evaluate(() => {
                const { activeElement: at } = document;
                const ring = getComputedStyle(at.closest("#composer") && at.id === "prompt"
                    ? at.closest("#composer") : at);
                return [at.getAttribute("aria-label") ?? at.textContent.trim(), ring.outlineStyle];
            });
            names.add(name);
            assert.notEqual(outline, "none", `no focus is seen on ${name}`);
            if (name === "Options of say one two") break;
        }
        for (const name of ["Options", "Dark colours", "Options of say one two"]) {
            assert.ok(names.has(name), `${name} is not reached: ${[...names]}`);
        }
        await page.keyboard.press("Enter");
        await page.keyboard.press("Escape");
        assert.equal(await page.locator("dialog[open]").count(), 0);
    },
    async "narrow screens do not scroll sidewise"({ page }) {
        await ask(page, "markdown");
        for (const width of [375, 320]) {
            await page.setViewportSize({ width, height: 640 });
            assert.equal(await sidewise(page), 0, `at ${width}`);
            await page.click("#menu");
            assert.ok(await page.isVisible("#new"));
            assert.equal(await sidewise(page), 0, `drawer at ${width}`);
            await page.keyboard.press("Escape");
            await page.click("#options");
            assert.equal(await page.evaluate(() => {
                const dialog = document.getElementById("options-dialog");
                return dialog.scrollWidth > dialog.clientWidth;
            }), false, `options at ${width}`);
            await page.keyboard.press("Escape");
        }
    },
    async "axe finds nothing serious, light and dark"({ page }) {
        let found = 0;
        for (const colorScheme of ["light", "dark"]) {
            await page.emulateMedia({ colorScheme });
            found += await axeFinds(page, `${colorScheme}, empty`);
            await ask(page, "markdown");
            const thinking = page.locator(`${last} summary`);
            if (await thinking.isVisible()) await thinking.click();
            found += await axeFinds(page, `${colorScheme}, answer`);
            await page.click("#options");
            found += await axeFinds(page, `${colorScheme}, options`);
            await page.keyboard.press("Escape");
            await page.hover("#list li");
            await page.click("#list .more");
            found += await axeFinds(page, `${colorScheme}, conversation`);
            await page.keyboard.press("Escape");
            await page.click("#new");
        }
        await page.setViewportSize({ width: 375, height: 640 });
        await page.click("#menu");
        found += await axeFinds(page, "drawer");
        assert.equal(found, 0);
    },
    async "conversations are renamed, exported, deleted, imported"({ page, context }) {
        await ask(page, "say <b>kept</b>");
        await page.hover("#list li");
        await page.click("#list .more");
        await page.fill("#talk-name", "<img src=x onerror=alert(1)>");
        await page.press("#talk-name", "Enter");
        assert.equal(await page.textContent("#list .open"), "<img src=x onerror=alert(1)>");
        await page.click("#list .more");
        const [download] = await Promise.all([page.waitForEvent("download"),
            page.click("#export-json")]);
        const file = await download.path();
        const [markdown] = await Promise.all([page.waitForEvent("download"),
            page.click("#export-text")]);
        assert.match(await readFile(await markdown.path(), "utf8"), /## You\n\nsay <b>kept<\/b>/);
        const other = await context.newPage();
        await other.goto(page.url());
        await other.waitForSelector("#list li");
        await page.click("#delete");
        await page.click("#sure-dialog button.main");
        await page.waitForSelector("#none:visible");
        await other.waitForSelector("#none:visible"); // told by the first
        await page.setInputFiles("#file", file);
        await ended(page);
        assert.equal(await page.textContent(".said"), "say <b>kept</b>");
        await other.waitForSelector("#list li");
    },
    async "options are sent and kept"({ page, requests }) {
        await page.click("#think");
        await page.click("#options");
        await page.fill("[data-setting=system]", "Be brief.");
        await page.fill("[data-setting=temperature]", "0.5");
        await page.fill("[data-setting=seed]", "7");
        await page.fill("[data-setting=max_tokens]", "32");
        await page.keyboard.press("Escape");
        await page.reload();
        await page.waitForSelector("#model option[value]", { state: "attached" });
        await ask(page, "echo");
        const { messages, ...sent } = requests.at(-1);
        assert.deepEqual(messages, [{ role: "system", content: "Be brief." },
            { role: "user", content: "echo" }]);
        assert.equal(typeof sent.model, "string");
        delete sent.model;
        assert.deepEqual(sent, { stream: true, stream_options: { include_usage: true },
            chat_template_kwargs: { enable_thinking: false }, temperature: 0.5, seed: 7,
            max_tokens: 32 });
    },
    async "it works where nothing can be kept"({ page }) {
        await page.addInitScript(() => {
            for (const name of ["localStorage", "indexedDB"]) {
                Object.defineProperty(window, name, { get() {
                    throw new DOMException("denied", "SecurityError");
                } });
            }
        });
        await page.reload();
        await page.waitForSelector("#notice >> text=keep nothing");
        await ask(page, "say on");
        await page.click("#new");
        await page.click("#list .open");
        await ended(page);
    },
    async "it works where the storage is full"({ page }) {
        await page.evaluate(() => {
            IDBObjectStore.prototype.put = function () {
                this.transaction.abort();
            };
        });
        await ask(page, "say on");
        await page.waitForSelector("#notice >> text=storage is full");
        await ask(page, "say more");
    },
    async "Markdown that streams becomes what it is at once"({ page }) {
        const seed = Number(process.env.TRIT_SEED ?? Date.now() % 100000);
        console.log(`    seed ${seed}`);
        const differs = await page.evaluate(differsInStream, { seed, known: MARKDOWN });
        assert.equal(differs, null);
    },
};

// In the page: texts of fragments, shown piece by piece and at once; the first that differs.
function differsInStream({ seed, known }) {
    let state = seed;
    const random = (n) => {
        state = (state * 1103515245 + 12345) % 2147483648;
        return Math.floor(state / 65536) % n;
    };
    const parts = ["word ", "\n", "\n\n", "- a", "1. b", "2) c", "  - d", "\n    ", "\t", "> q",
        "# h", "```", "```py\n", "~~~\n", "| a | b |\n", "|---|--:|\n", "---\n", "***", "**b**",
        "_i_", "`c`", "``", "[l](https://x.y/(z))", "![i](", "<br>", "\\*", "\\(x_1\\)", "$$",
        "https://a.b/c).", "*", "é", "]"];
    const shown = (text, step) => {
        const view = new MarkdownView();
        for (let end = 0; end < text.length; end += step) view.show(text.slice(0, end));
        view.show(text);
        view.root.normalize();
        return view.root.innerHTML;
    };
    const texts = Array.from({ length: 300 }, () => Array.from({ length: 1 + random(25) },
        () => parts[random(parts.length)]).join(""));
    return [known, ...texts].find((text) => shown(text, 1) !== shown(text, text.length)) ?? null;
}

// What only the mock server answers.
const MOCK = {
    async "the text, and what is sent of a conversation"({ page, requests }) {
        await ask(page, "say It is 4.");
        assert.equal(await answerText(page), "It is 4.");
        await ask(page, "think");
        await ask(page, "echo");
        const sent = requests.at(-1).messages;
        assert.equal(sent.map(({ role }) => role[0]).join(""), "uauau");
        assert.deepEqual(sent.map((message) => "reasoning_content" in message),
            [false, false, false, true, false]);
        assert.match(await page.textContent(`${last} .stats`), /reused/);
    },
    async "thinking is folded, with its time"({ page }) {
        await ask(page, "think");
        assert.match(await page.textContent(`${last} summary`), /^Thought for \d+ s$/);
        assert.equal(await page.isVisible(`${last} details .markdown`), false);
        await page.click(`${last} summary`);
        await page.waitForSelector(`${last} details .markdown >> text=I should greet back`);
        assert.equal(await answerText(page), "Good day! What shall we look at?");
    },
    async "Markdown, and copies of code and answer"({ page }) {
        await ask(page, "markdown");
        for (const part of ["h3", "strong", "em", "ol > li > ul > li", "td.right", "blockquote",
            "a[rel~=noopener]", "ol:not([start])"]) {
            assert.ok(await page.locator(`${last} > .markdown ${part}`).count() > 0, part);
        }
        assert.equal(await page.textContent(`${last} .code .head span`), "c");
        await page.click(`${last} .code button`);
        await page.waitForSelector(`${last} .code >> text=Copied`);
        const copied = () => page.evaluate(() => navigator.clipboard.readText());
        assert.match(await copied(), /^int sum\([^]*\n    return s;\n}$/);
        await page.click(`${last} .foot button:text-is("Copy")`);
        await page.waitForSelector(`${last} .foot >> text=Copied`);
        assert.equal(await copied(), MARKDOWN);
    },
    async "what a model writes is text, never HTML"({ page }) {
        await ask(page, "attack");
        await page.click(`${last} summary`);
        await page.waitForTimeout(100);
        assert.equal(await page.evaluate(() => window.broken), undefined);
        const built = page.locator("#messages").locator("img, script, iframe, svg, i, u, b");
        assert.equal(await built.count(), 0);
        assert.equal(await page.locator("#messages a:not([href^='https://'])").count(), 0);
    },
    async "errors are told, and a button tries again"({ page }) {
        await ask(page, "busy", "error");
        assert.match(await page.textContent(`${last} .note`), /busy: all 4 slots.*wait 2 s/);
        await press(page, "Try again");
        await ended(page);
        await ask(page, "refuse", "error");
        assert.match(await page.textContent(`${last} .note`), /no such thing/);
        await ask(page, "fault", "error");
        assert.match(await page.textContent(`${last} .note`), /the model file is gone/);
        assert.equal(await answerText(page), "Half of an answ");
        await ask(page, "cut", "cut");
        assert.equal(await answerText(page), "Half of an answ");
        await page.reload();
        await ended(page, "cut");
        assert.equal(await answerText(page), "Half of an answ");
        await ask(page, "end", "cut");
        assert.equal(await axeFinds(page, "errors"), 0);
        await page.route("**/v1/chat/completions", (route) => route.abort());
        await ask(page, "say on", "unreached");
    },
    async "a key is asked for, kept and sent"({ page, mock }) {
        mock.key = "sesame";
        await page.reload();
        await page.click("#notice >> text=Enter it");
        await page.fill("#key", "wrong");
        await page.press("#key", "Enter");
        await page.click("#notice >> text=Enter it");
        await page.fill("#key", "sesame");
        await page.press("#key", "Enter");
        await page.waitForSelector("#model option[value]", { state: "attached" });
        await page.reload();
        await page.waitForSelector("#model option[value]", { state: "attached" });
        await ask(page, "say open");
        mock.key = "changed";
        await ask(page, "say closed", "error");
        mock.key = "new";
        await press(page, "Enter the key");
        await page.fill("#key", "new");
        await page.press("#key", "Enter");
        await ended(page);
        assert.equal(await answerText(page), "closed");
    },
    async "another model, while an answer goes on elsewhere"({ page, requests }) {
        await page.fill("#prompt", "slow");
        await page.press("#prompt", "Enter");
        await page.waitForSelector(`${last} > .markdown > *`);
        await page.click("#new");
        await page.selectOption("#model", "bitnet-2b4t");
        await ask(page, "say here");
        assert.equal(requests.at(-1).model, "bitnet-2b4t");
        await page.click("#list .open >> text=slow");
        const before = await answerText(page);
        await page.waitForFunction(([where, text]) => document.querySelector(where).textContent
            .length > text.length, [`${last} > .markdown`, before]);
    },
    async "10,000 tokens stay quick"({ page }) {
        await page.fill("#prompt", "long");
        const began = performance.now();
        await page.press("#prompt", "Enter");
        await page.waitForSelector(`${last} > .markdown > p:nth-child(20)`);
        await page.evaluate(watchLong);
        const top = () => page.evaluate(() => document.getElementById("log").scrollTop);
        await page.evaluate(() => document.getElementById("log").scrollBy(0, -300));
        await page.waitForSelector("#jump:visible");
        const where = await top();
        await ended(page);
        assert.equal(await top(), where, "it scrolled although the reader had left the end");
        const { most, paints, same, slowest } = await page.evaluate(() => window.watched());
        const took = ((performance.now() - began) / 1000).toFixed(1);
        console.log(`    ${took} s, ${paints} changes, each of at most ${most} nodes, ` +
            `the longest task: ${slowest ? `${slowest} ms` : "under 50 ms"}`);
        assert.ok(same, "the first block was built anew");
        assert.ok(most <= 1, "more than the last block was built anew");
        await page.click("#jump");
        assert.ok(await top() > where);
    },
};

// In the page: counts the top nodes of the answer that are replaced, and long tasks.
function watchLong() {
    const root = document.querySelector(".answer:last-child > .markdown");
    const first = root.firstChild;
    let most = 0, paints = 0, slowest = 0;
    new MutationObserver((changes) => {
        const gone = changes.reduce((sum, change) => sum + change.removedNodes.length, 0);
        most = Math.max(most, gone);
        paints++;
    }).observe(root, { childList: true });
    new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) slowest = Math.max(slowest, duration);
    }).observe({ type: "longtask" });
    window.watched = () => ({ most, paints, slowest, same: root.firstChild === first });
}

// In the page: what a model of any length of breath may say.
function shortAnswers() {
    localStorage.tritmill ??= '{"max_tokens":"64"}';
}

async function run(browser, mock, name, test) {
    const context = await browser.newContext({ viewport: { width: 1200, height: 800 },
        permissions: ["clipboard-read", "clipboard-write"] });
    if (url) await context.addInitScript(shortAnswers);
    const page = await context.newPage();
    const wrong = [];
    const requests = [];
    page.setDefaultTimeout(url ? 60000 : 5000);
    page.on("pageerror", (error) => wrong.push(error.message));
    page.on("console", (line) => {
        if (/Content.Security.Policy/i.test(line.text())) wrong.push(line.text());
    });
    page.on("request", (request) => {
        if (request.method() === "POST") requests.push(request.postDataJSON());
    });
    if (mock) Object.assign(mock, { key: "", wasBusy: false });
    await page.goto(mock?.url ?? url);
    await page.waitForSelector("#model option[value]", { state: "attached" });
    await test({ page, context, mock, requests });
    assert.deepEqual(wrong, []);
    await context.close();
}

if (!existsSync(executablePath)) {
    console.log(`skipped: no ${executablePath}`);
    process.exit(77);
}
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const mock = url ? null : await startMock(pagePath);
let failed = 0;
for (const [name, test] of Object.entries({ ...GENERAL, ...(mock ? MOCK : {}) })) {
    if (process.env.TRIT_ONLY && !name.includes(process.env.TRIT_ONLY)) continue;
    const began = performance.now();
    const error = await run(browser, mock, name, test).catch((e) => e);
    const took = `${((performance.now() - began) / 1000).toFixed(1)} s`;
    console.log(`${error ? "FAILED" : "ok"}: ${name}, ${took}`);
    if (error) console.log(error.stack);
    failed += error ? 1 : 0;
}
await browser.close();
mock?.close();
process.exit(failed ? 1 : 0);
