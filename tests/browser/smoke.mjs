// Opens the pages in a real browser and fails on whatever a person or their browser would complain about.
// Run by `cargo xtask browser`, which starts everything and says where it is.

import assert from "node:assert/strict";
import { join } from "node:path";
import { DESK, PHONE, browser, close, open } from "./pages.mjs";

const { HOST_URL, SLACK_URL, GOOGLE_URL, GITHUB_URL, PICTURES } = process.env;

/** What the API's page must show: the old interface's main calls. */
const OPERATIONS = [
  ["POST", "/api/auth/token/"],
  ["POST", "/api/webhooks/receive/"],
  ["GET", "/api/webhooks/list/"],
];

async function apiPage(name, viewport) {
  const opened = await open(`${HOST_URL}/api/docs/`, viewport);
  const { page } = opened;
  await page.locator(".opblock").first().waitFor();
  const shown = await page.locator(".opblock").evaluateAll((blocks) =>
    blocks.map((block) => [
      block.querySelector(".opblock-summary-method").textContent.trim(),
      // Long paths carry invisible marks of where they may break.
      block.querySelector(".opblock-summary-path").textContent.replaceAll(/[\u200b\s]/g, ""),
    ].join(" ")),
  );
  for (const operation of OPERATIONS) {
    assert.ok(shown.includes(operation.join(" ")), `${operation} is not among ${shown}`);
  }
  // What an operation takes and answers is drawn only when it is opened.
  await page.locator(".opblock-summary-control", { hasText: "receive" }).first().click();
  await page.locator(".opblock.is-open .responses-table").waitFor();
  await close(name, opened);
}

async function slackPage(name, viewport) {
  const messages = await (await fetch(`${SLACK_URL}/control/messages`)).json();
  const text = messages.map((message) => message.text).find((text) => text.trim() !== "");
  assert.ok(text, "no message with a text arrived");
  const opened = await open(`${SLACK_URL}/`, viewport);
  // As a reader sees it: of a link its label, and no marks.
  const line = text.split("\n")[0].replaceAll(/<[^|>]*\|([^>]*)>/g, "$1");
  const shown = await opened.page.locator("body").innerText();
  const words = line.match(/[\p{L}\p{N}]{4,}/gu) ?? [line];
  for (const word of words) assert.ok(shown.includes(word), `${word} of “${line}” is not on the page`);
  await close(name, opened);
}

/** The sheets that the events and `write-to-gsheet` made, as a person finds them from the first page. */
async function sheetPage(name, viewport) {
  const opened = await open(`${GOOGLE_URL}/`, viewport);
  const { page } = opened;
  await page.getByRole("link", { name: "Hookyard" }).first().click();
  await page.getByRole("heading", { name: "Hookyard" }).first().waitFor();
  const head = page.getByRole("cell", { name: "Repository", exact: true });
  const style = await head.evaluate((cell) => {
    const { backgroundColor, color, fontWeight, textAlign } = getComputedStyle(cell);
    return { backgroundColor, color, fontWeight, textAlign };
  });
  assert.equal(style.color, "rgb(255, 255, 255)", "the heading is white");
  const [red, , blue] = style.backgroundColor.match(/\d+/g).map(Number);
  assert.ok(blue > red, `the heading is on blue, not ${style.backgroundColor}`);
  assert.ok(Number(style.fontWeight) >= 600, "the heading is bold");
  assert.equal(style.textAlign, "center");
  await page.getByRole("cell", { name: "Codertocat/Hello-World" }).first().waitFor();
  await close(name, opened);
}

/** The repository, its newest commit and one of the scripts in it. */
async function repositoryPage(name, viewport) {
  const opened = await open(`${GITHUB_URL}/`, viewport);
  const { page } = opened;
  await page.getByRole("link", { name: "backup" }).first().click();
  await page.screenshot({ path: join(PICTURES, `${name}-files.png`), fullPage: true });
  await page.locator("a[href*='/commit/']").first().click();
  await page.getByText("processes/hello-world.py").first().waitFor();
  await page.getByText('print("Hello, world")').first().waitFor();
  await close(name, opened);
}

try {
  for (const [size, viewport] of [["desk", DESK], ["phone", PHONE]]) {
    await apiPage(`api-${size}`, viewport);
    await slackPage(`slack-${size}`, viewport);
    await sheetPage(`sheet-${size}`, viewport);
    await repositoryPage(`repository-${size}`, viewport);
  }
} finally {
  await browser.close();
}
