// The picture of the chat page for the README: node shot.mjs PAGE OUT.png [URL]
// The answers are the mock server's, or those of the server at URL.
import { chromium } from "playwright-core";
import { startMock } from "./mock.mjs";

const [pagePath, out, url] = process.argv.slice(2);
const questions = ["Explain a KV cache in two lines", "A story of a girl called Lily",
    "Why are ternary models fast on a CPU?"];

const mock = url ? null : await startMock(pagePath);
const browser = await chromium.launch({ executablePath: process.env.TRIT_CHROMIUM ??
    "/usr/bin/chromium", args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1120, height: 760 } });
await page.goto(url ?? mock.url);
await page.waitForSelector("#model option[value]", { state: "attached" });
for (const question of questions) {
    await page.click("#new");
    await page.fill("#prompt", question);
    await page.press("#prompt", "Enter");
    await page.waitForSelector(".answer[data-state=done]", { timeout: 120000 });
}
await page.mouse.move(600, 10);
await page.evaluate(() => document.activeElement.blur());
await page.waitForTimeout(200);
await page.screenshot({ path: out });
await browser.close();
mock?.close();
