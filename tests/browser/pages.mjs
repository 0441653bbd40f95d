// The machine's browser, and pages that remember everything they must not do.

import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";

const { BROWSER, PICTURES } = process.env;

/** Longest wait for anything on a page, in milliseconds: far above what a loaded machine needs. */
export const PATIENCE_MS = 30_000;

export const DESK = { width: 1280, height: 900 };
export const PHONE = { width: 390, height: 844 };

export const browser = await chromium.launch({
  executablePath: BROWSER,
  args: [
    "--no-sandbox", // CI runs as root in a container, and the pages are our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});

/** Notes what a page of this origin does and must not; a request that ends since its page is left is none of it. */
export async function watch(page, origin) {
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints = [];
  page.on("request", (request) => {
    const target = new URL(request.url());
    if (!["data:", "blob:"].includes(target.protocol) && target.origin !== origin) {
      complaints.push(`a request left the origin: ${request.url()}`);
    }
  });
  page.on("requestfailed", (request) => {
    const why = request.failure()?.errorText;
    if (why !== "net::ERR_ABORTED") complaints.push(`failed (${why}): ${request.url()}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()}: ${response.url()}`);
  });
  page.on("pageerror", (error) => complaints.push(`an exception: ${error}`));
  page.on("dialog", (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  await page.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => {
      globalThis.violations.push(`${event.violatedDirective} refused ${event.blockedURI}`);
    });
  });
  return complaints;
}

/** A page in a browser of its own. */
export async function open(url, viewport) {
  const page = await browser.newPage({ viewport });
  const complaints = await watch(page, new URL(url).origin);
  await page.goto(url, { waitUntil: "networkidle" });
  return { page, complaints };
}

/** Takes a picture, and fails on whatever a person or their browser would complain about. */
export async function look(name, { page, complaints }) {
  const width = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
  const violations = await page.evaluate(() => globalThis.violations ?? []);
  assert.deepEqual([...complaints, ...violations], [], `${name} complains`);
  assert.ok(width[0] <= width[1], `${name} scrolls sideways: ${width[0]} in ${width[1]} pixels`);
  console.log(`ok ${name}`);
}

export async function close(name, opened) {
  await look(name, opened);
  await opened.page.close();
}
