// Reads and uses /docs as a person with a phone would, in headless Chromium:
//   node docs.mjs <base URL> <token> <path of Chromium> <screenshot.png>
// Prints what it saw as one JSON object. It judges nothing: test_docs_page.py does.

import { chromium } from "playwright-core";

import { uniformFont } from "./font.mjs";

const [, , base, token, executablePath, screenshot] = process.argv;
const seen = { requests: [], failures: [], messages: [], widths: [] };
const PHONE = { width: 390, height: 844 };
const WIDER = [
  { width: 844, height: 390 }, // the phone on its side
  { width: 1024, height: 768 }, // a tablet: answers show their links
];
// Em per character. The text of Arial Narrow takes about 0.4, that of DejaVu Sans and Verdana 0.6, in bold 0.7.
const FONTS = { narrow: uniformFont(0.35), wide: uniformFont(0.75) };

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
  const phone = { viewport: PHONE, isMobile: true, hasTouch: true };
  const page = await (await browser.newContext(phone)).newPage();
  page.on("request", (request) => seen.requests.push(request.url()));
  page.on("requestfailed", (request) => seen.failures.push(request.url()));
  page.on("response", (response) => response.status() >= 400 && seen.failures.push(response.url()));
  page.on("console", (message) => seen.messages.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => seen.messages.push(`exception: ${error.message}`));

  // The width that the page needs in each font: one that is wider than the screen scrolls sideways. Every element gets
  // a font that is made here, because installed fonts differ from machine to machine, and a page that fits with one
  // does not fit with another. Fonts from bytes and constructed style sheets need no change of the page's policy.
  const measure = async (moment) => {
    for (const [font, file] of [["installed", null], ...Object.entries(FONTS)]) {
      const needed = await page.evaluate(
        async ([family, bytes]) => {
          const sheet = new CSSStyleSheet();
          if (bytes) {
            document.fonts.add(await new FontFace(family, new Uint8Array(bytes)).load());
            sheet.replaceSync(`* { font-family: ${family} !important; }`);
          }
          document.adoptedStyleSheets = [sheet];
          const width = document.documentElement.scrollWidth;
          document.adoptedStyleSheets = [];
          document.fonts.clear();
          return width;
        },
        [font, file],
      );
      seen.widths.push({ moment, font, screen: page.viewportSize().width, needed });
    }
  };
  const measureOnAll = async (moment) => {
    for (const screen of [...WIDER, PHONE]) {
      await page.setViewportSize(screen);
      await measure(moment);
    }
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

  // create_task and list_tasks are open: parameters, a body, answers. update_label has links with examples as well.
  await page.locator("#operations-labels-update_label .opblock-summary-control").tap();
  await page.locator("#operations-labels-update_label .operation-link pre").first().waitFor({ state: "attached" });
  await measureOnAll("operations");
  const tabs = page.locator(".responses-table .model-example .tabitem:nth-child(2) button");
  await tabs.evaluateAll((buttons) => buttons.forEach((button) => button.click()));
  const schemas = page.locator(".responses-table td:has(.model-box)");
  await schemas.first().waitFor();
  seen.schemas = await schemas.evaluateAll((cells) => cells.map((cell) => cell.clientWidth));
  await measureOnAll("schemas");

  seen.stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
