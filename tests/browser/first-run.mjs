// A first run: from an overview that has nothing to a first event that arrived. Run by `cargo xtask browser` on a host that
// has nothing yet.

import assert from "node:assert/strict";
import { ADMIN, json, look, visit } from "./kit.mjs";
import { DESK, PHONE, browser } from "./pages.mjs";

/** Does what the command on the page does. */
async function run(command) {
  const [, address] = /^curl '([^']+)'/.exec(command);
  const [, key] = /-H 'X-API-Key: (hk_[^']+)'/.exec(command);
  const [, body] = /-d '([^']+)'/.exec(command);
  assert.ok(command.includes("-H 'Content-Type: application/json'"), command);
  await json(address, JSON.parse(body), { "x-api-key": key });
}

async function firstEvent() {
  const opened = await visit({ viewport: DESK });
  const { context, page } = opened;
  await page.getByRole("heading", { name: "Send a first event" }).waitFor();
  await look("first-run-overview", opened);
  // Somewhere to go, after a look at what that changes.
  await page.getByRole("link", { name: /add the request bin/ }).click();
  await page.getByText("[plugins.request-bin]").waitFor();
  await look("first-run-bin", opened);
  await page.getByRole("button", { name: /Write it/ }).click();
  await page.getByRole("status").getByText("The request bin is in plugins.toml").waitFor();
  await page.locator("#bin .state.ready").waitFor();

  await page.getByRole("link", { name: "Send it a first event" }).click();
  await page.getByRole("button", { name: /Make a key/ }).click();
  const command = await page.locator("#curl").textContent();
  await page.waitForFunction(() => document.documentElement.dataset.following === "true");
  await run(command);
  // Nobody loads the page anew: it follows, and the command stays.
  const arrived = page.locator("#arrived .delivery").first();
  await arrived.locator("p .state.succeeded").waitFor();
  await arrived.getByText("took 17 bytes of application/json").waitFor();
  assert.equal(await page.locator("#curl").textContent(), command);
  await look("first-run-arrived", opened);

  await page.getByRole("link", { name: "request bin" }).click();
  await page.locator("#taken").getByText("hello from first-run").waitFor();
  await page.locator("#taken pre", { hasText: "world" }).waitFor();
  await look("first-run-taken", opened);
  await page.getByRole("link", { name: "The plugin", exact: true }).click();
  await page.locator("#log").getByText("hello from first-run, application/json").waitFor();
  await look("first-run-log", opened);
  await context.close();
}

/** The same pages by links and forms alone. */
async function withoutScript() {
  const { context, page, complaints } = await visit({ viewport: PHONE, javaScriptEnabled: false });
  await page.goto(`${ADMIN}first-run/`);
  await page.getByRole("button", { name: /Make a key/ }).click();
  await page.locator("#curl").waitFor();
  await page.getByRole("link", { name: "Look again" }).click();
  await page.locator("#arrived .state.succeeded").first().waitFor();
  assert.equal(await page.locator("#curl").count(), 0, "a key is shown once");
  assert.deepEqual(complaints, [], "without JavaScript");
  console.log("ok first-run-without-script");
  await context.close();
}

try {
  await firstEvent();
  await withoutScript();
} finally {
  await browser.close();
}
