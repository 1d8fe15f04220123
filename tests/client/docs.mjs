// Reads and uses /docs as a person with a phone would, in headless Chromium:
//   node docs.mjs <base URL> <token> <path of Chromium> <screenshot.png>
// Prints what it saw as one JSON object. It judges nothing: test_docs_page.py does.

import { chromium } from "playwright-core";

const [, , base, token, executablePath, screenshot] = process.argv;
const seen = { requests: [], failures: [], messages: [], widths: {} };

const browser = await chromium.launch({
  executablePath,
  // No sandbox: CI runs as root. The rest keeps Chromium from calling its maker's hosts.
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
try {
  const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
  const page = await (await browser.newContext(phone)).newPage();
  page.on("request", (request) => seen.requests.push(request.url()));
  page.on("requestfailed", (request) => seen.failures.push(request.url()));
  page.on("response", (response) => response.status() >= 400 && seen.failures.push(response.url()));
  page.on("console", (message) => seen.messages.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => seen.messages.push(`exception: ${error.message}`));

  // The width that the page needs: one that is wider than the phone scrolls sideways.
  const measure = async (moment) => {
    seen.widths[moment] = await page.evaluate(() => document.documentElement.scrollWidth);
  };
  const send = async (operation, body) => {
    const block = page.locator(`#operations-tasks-${operation}`);
    await block.locator(".opblock-summary-control").tap();
    if (body) await block.locator(".body-param textarea").fill(JSON.stringify(body));
    await block.locator(".execute").tap();
    const answer = block.locator(".live-responses-table tr.response");
    const status = await answer.locator(".response-col_status").innerText();
    const text = await answer.locator(".response-col_description .highlight-code code").first().innerText();
    await measure(operation);
    return { status: parseInt(status, 10), text };
  };

  await page.goto(`${base}/docs`);
  await page.locator(".opblock").first().waitFor();
  seen.title = await page.title();
  seen.operations = await page.locator(".opblock").evaluateAll((all) => all.map((each) => each.id));
  await measure("start");

  seen.anonymous = await send("list_tasks");
  await page.locator("#operations-tasks-list_tasks .btn-clear").tap();
  await page.locator("#operations-tasks-list_tasks .opblock-summary-control").tap();

  await page.locator(".auth-wrapper .authorize").first().tap();
  await page.locator(".auth-container input").fill(token);
  await measure("authorize");
  await page.locator(".auth-container button.authorize").tap();
  await page.locator(".auth-container .btn-done").tap();

  seen.created = await send("create_task", { title: "From the page", due: { date: "2026-03-01" } });
  seen.listed = await send("list_tasks");
  await page.locator("#operations-tasks-create_task").screenshot({ path: screenshot });
  seen.stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
