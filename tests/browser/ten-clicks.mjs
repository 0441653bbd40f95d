// Someone who never saw it finds, from the overview, why one delivery is dead, grants in plugins.toml what it lacks, and
// replays it, in under ten clicks. Run by `cargo xtask browser` after first-run.mjs.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { get, look, send, until, visit } from "./kit.mjs";
import { DESK, browser } from "./pages.mjs";

const { PLUGINS_FILE, FIXTURES } = process.env;

const CLICKS_THAT_FAIL = 10;
let clicks = 0;

/** Clicks, as everything here that a person presses. */
async function click(target) {
  clicks += 1;
  assert.ok(clicks < CLICKS_THAT_FAIL, `it takes ${clicks} clicks`);
  await target.click();
}

/** What arrived at the vendor. */
const arrived = [];

/** A vendor on loopback that takes everything. */
const vendor = createServer((request, response) => {
  arrived.push(`${request.method} ${request.url}`);
  request.resume().on("end", () => response.end("ok"));
});
await new Promise((resolve) => vendor.listen(0, "127.0.0.1", resolve));
const base = `http://127.0.0.1:${vendor.address().port}`;

/** A plugin that may reach private addresses, and of those none. */
const SECTION = `
[plugins.notes]
component = "${join(FIXTURES, "fixture_http.wasm")}"

[[plugins.notes.routes]]
source = "notes"

[plugins.notes.grants]
private-network = true

[plugins.notes.config]
base = "${base}"
`;

/** As an editor saves a file. */
function edit(change) {
  writeFileSync(PLUGINS_FILE, change(readFileSync(PLUGINS_FILE, "utf8")));
}

/** A delivery that died since nothing grants its request. */
async function deadLetter() {
  edit((text) => text + SECTION);
  await until("the plugin", async () => {
    const plugins = await get("/api/plugins/");
    return plugins.some(({ name, state }) => name === "notes" && state === "ready");
  });
  const request = { method: "POST", url: `${base}/notes`, body: "a note" };
  const event = await send("source=notes&type=written", { requests: [request], strict: true });
  await until("the dead letter", async () => (await get(`/api/webhooks/${event}/`)).status === "failed");
  assert.deepEqual(arrived, [], "nothing granted it");
}

try {
  await deadLetter();
  const opened = await visit({ viewport: DESK });
  const { context, page } = opened;
  await look("ten-clicks-1-overview", opened);
  await click(page.locator("#needs").getByRole("link", { name: /dead letter/ }));
  const letter = page.locator("#list li").first();
  await letter.waitFor();
  await look("ten-clicks-2-dead-letters", opened);
  await click(letter.getByRole("link").first());
  const mend = page.locator(".mend");
  await mend.getByText("A grant is missing.").waitFor();
  await look("ten-clicks-3-why", opened);

  // The page tells the section and the line; an editor does the rest.
  const section = await mend.locator(".section").textContent();
  const line = await mend.locator(".line").textContent();
  edit((text) => {
    assert.ok(text.includes(`${section}\n`), `${section} is a line of ${text}`);
    return text.replace(`${section}\n`, `${section}\n${line}\n`);
  });
  // Nobody loads the page anew: it says when the file is in force.
  await page.locator(".mend.good").waitFor();
  await look("ten-clicks-4-granted", opened);

  await click(page.getByRole("button", { name: "Replay to notes" }));
  await page.getByRole("status").getByText("A replay was made").waitFor();
  await page.locator(".delivery", { hasText: "A replay of" }).locator(".head .succeeded").waitFor();
  await page.locator("#event .state.processed").waitFor();
  assert.deepEqual(arrived, ["POST /notes"]);
  await look("ten-clicks-5-replayed", opened);
  console.log(`ok ten-clicks: it took ${clicks}`);
  await context.close();
} finally {
  await browser.close();
  vendor.close();
}
