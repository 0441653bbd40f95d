// Every page with what somebody would like a browser to run in every field that is stored: nothing of it runs, and no page
// breaks its own policy. Run by `cargo xtask browser` after ten-clicks.mjs.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ADMIN, EVIL, ORIGIN, get, post, send, until, visit } from "./kit.mjs";
import { DESK, browser } from "./pages.mjs";

const { HOST_URL, PLUGINS_FILE } = process.env;

/** Most pages that are visited: far more than there are kinds. */
const MOST_PAGES = 150;

/** Names have at most so many characters. */
const SHORT = EVIL.slice(0, 100);

/** A source that refuses, a schedule, a route and a configuration. */
const SECTIONS = `
[sources.evil]
verify = "github"
secret = "file:evil-secret"

[plugins.evil]
component = '''${SHORT}.wasm'''

[[plugins.evil.routes]]
source = "evil"
type = '''${SHORT}'''

[[plugins.evil.schedules]]
name = '''${SHORT}'''
cron = "0 3 1 1 *"

[plugins.evil.config]
text = '''${EVIL}'''
`;

/** Stores it wherever a text can be stored. */
async function fill() {
  writeFileSync(join(dirname(PLUGINS_FILE), "evil-secret"), crypto.randomUUID());
  writeFileSync(PLUGINS_FILE, readFileSync(PLUGINS_FILE, "utf8") + SECTIONS);
  await until("the plugin", async () => (await get("/api/plugins/")).some(({ name }) => name === "evil"));
  const query = (source) => new URLSearchParams({ source, type: SHORT }).toString();
  const headers = { "x-evil": EVIL };
  // To the bin, which logs all of it; to nobody; and to a plugin whose request is no request.
  const taken = await send(query("first-run"), { [EVIL]: [EVIL, { a: EVIL }] }, headers);
  await send(query(SHORT), EVIL, headers);
  const request = { method: "POST", url: `http://127.0.0.1:1/${EVIL}`, headers: { "x-evil": EVIL }, body: EVIL };
  const failed = await send(query("notes"), { requests: [request], strict: true });
  await post("/api/processes/", { code: "evil", name: EVIL, script: EVIL });
  await post("/api/keys/", { name: SHORT, sources: [SHORT.replaceAll(/[[\]{}\\]/g, "")] });
  await post("/api/users/", { username: "evil", email: "evil@example.test", password: crypto.randomUUID(), first_name: SHORT });
  const refused = await fetch(`${HOST_URL}/api/webhooks/receive/evil/`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-github-event": EVIL, "user-agent": EVIL },
    body: JSON.stringify(EVIL),
  });
  assert.ok(refused.status >= 400, `${refused.status}`);
  for (const event of [taken, failed]) {
    await until("its end", async () => ["processed", "failed"].includes((await get(`/api/webhooks/${event}/`)).status));
  }
}

/** The pages that a page leads to. */
async function links(page) {
  const found = await page.locator("a[href]:not([download])").evaluateAll((all) => all.map(({ href }) => href));
  const pages = found.map((href) => new URL(href)).filter((url) => url.origin === ORIGIN && url.pathname.startsWith("/admin/"));
  return pages.map((url) => `${url.pathname}${url.search}`);
}

async function everyPage() {
  const { context, page, complaints } = await visit({ viewport: DESK });
  const queue = [new URL(ADMIN).pathname, "/admin/first-run/", "/admin/bin/"];
  const seen = new Set();
  let shown = 0;
  while (queue.length > 0) {
    const path = queue.shift();
    if (seen.has(path)) continue;
    seen.add(path);
    assert.ok(seen.size <= MOST_PAGES, `more than ${MOST_PAGES} pages: ${[...seen].join(" ")}`);
    await page.goto(`${ORIGIN}${path}`);
    const [violations, foreign] = await page.evaluate(() => {
      for (const details of document.querySelectorAll("details")) details.open = true;
      const images = document.querySelectorAll("img").length;
      const scripts = document.querySelectorAll("script:not([src])").length;
      return [globalThis.violations ?? [], images + scripts];
    });
    assert.deepEqual([...complaints, ...violations], [], path);
    assert.equal(foreign, 0, `${path} has an element that nobody of ours wrote`);
    if ((await page.content()).includes("onerror")) shown += 1;
    queue.push(...(await links(page)));
  }
  assert.deepEqual(complaints, [], "after the last page");
  // Where it is shown as text; were it nowhere, nothing would have been tried.
  assert.ok(shown >= 10, `it is on ${shown} pages only`);
  console.log(`ok evil: ${seen.size} pages, on ${shown} of them as text`);
  await context.close();
}

try {
  await fill();
  await everyPage();
} finally {
  await browser.close();
}
