// Events as a person follows, finds, edits and reads them. Run by `cargo xtask browser`.

import assert from "node:assert/strict";
import { ADMIN, get, look, send as sendEvent, until, visit } from "./kit.mjs";
import { DESK, PHONE, browser } from "./pages.mjs";

/** How far a row may move on the screen while others come above it, in pixels: less than a row is high. */
const STILL_PX = 20;

/** Most elements of a page that shows a payload of nearly 1 MiB: more makes a phone stutter. */
const MAX_ELEMENTS = 20_000;

/** A function that sends an event of this source; the event's id. */
function sender(source) {
  const query = new URLSearchParams({ source, type: "made" }).toString();
  return (body) => sendEvent(query, body);
}

/** A list that follows what comes keeps focus, scroll and what is marked, and stands still when it is told to. */
async function tail() {
  const send = sender("tail");
  for (let n = 0; n < 40; n += 1) await send({ n });
  const opened = await visit({ viewport: { ...DESK, height: 500 } });
  const { context, page } = opened;
  await page.goto(`${ADMIN}events/?source=tail&tail=on`);
  await page.waitForFunction(() => document.documentElement.dataset.following === "true");
  const row = page.locator("#list tbody tr").nth(20);
  const id = await row.getAttribute("id");
  await row.getByRole("link").focus();
  const place = () => page.evaluate((id) => document.getElementById(id).getBoundingClientRect().top, id);
  const before = await place();
  assert.ok((await page.evaluate(() => window.scrollY)) > 0, "it is scrolled to the row");

  const first = await send({ n: "first" });
  await page.locator(`#event-${first}`).waitFor({ state: "attached" });
  assert.equal(await page.evaluate(() => document.activeElement.closest("tr")?.id), id, "the focus stays");
  assert.ok(Math.abs((await place()) - before) < STILL_PX, "the row stays where it is");
  assert.equal(await page.locator("#list tbody tr").first().getAttribute("id"), `event-${first}`);

  // By the keyboard alone: held still, and let go.
  const pause = page.locator("button[data-pause]");
  await pause.focus();
  await page.keyboard.press("Enter");
  assert.equal(await pause.textContent(), "Go on");
  const second = await send({ n: "second" });
  await page.getByRole("status").getByText("Something came meanwhile.").waitFor();
  assert.equal(await page.locator(`#event-${second}`).count(), 0);
  await page.keyboard.press("Enter");
  await page.locator(`#event-${second}`).waitFor();

  // What is marked stays marked until it is not.
  await page.evaluate((id) => document.getSelection().selectAllChildren(document.getElementById(id)), id);
  const marked = await page.evaluate(() => document.getSelection().toString());
  const third = await send({ n: "third" });
  await page.getByRole("status").getByText("Something came meanwhile.").waitFor();
  assert.equal(await page.evaluate(() => document.getSelection().toString()), marked);
  assert.equal(await page.locator(`#event-${third}`).count(), 0);
  await page.evaluate(() => document.getSelection().removeAllRanges());
  await page.locator(`#event-${third}`).waitFor();
  await look("events-tail", opened);
  await context.close();
}

/** A payload of nearly 1 MiB is a page that stays quick, and its rest is a link away. */
async function large(name, options) {
  const send = sender("large");
  const items = Array.from({ length: 20_000 }, (_, n) => ({ n, text: "x".repeat(20) }));
  const id = await send({ items, last: true });
  const opened = await visit(options);
  const { context, page } = opened;
  await page.goto(`${ADMIN}events/${id}/`);
  const elements = await page.evaluate(() => document.querySelectorAll("*").length);
  assert.ok(elements < MAX_ELEMENTS, `${elements} elements`);
  await page.locator(".tree").getByText("\"last\":").waitFor();
  await page.getByRole("link", { name: "19800 more" }).click();
  await page.getByText("without the first 200").waitFor();
  await look(`${name}-part`, opened);
  await context.close();
}

/** From a list by what is inside to another event made of one. */
async function findAndEdit(name, options) {
  const send = sender(name);
  await send({ customer: { id: 6 } });
  const id = await send({ customer: { id: 7 } });
  const opened = await visit(options);
  const { context, page } = opened;
  await page.goto(`${ADMIN}events/?source=${name}`);
  await page.getByLabel("At the JSON pointer").fill("/customer/id");
  await page.getByLabel("is the value").fill("7");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.waitForURL(/pointer=/);
  await page.getByText("1 found in 2 events").waitFor();
  await look(`${name}-list`, opened);
  await page.locator("#list tbody a").first().click();
  await page.getByRole("heading", { name: "Send it from a shell" }).waitFor();
  assert.ok(page.url().includes(id), page.url());
  await page.getByRole("link", { name: "Edit and replay…" }).click();
  const box = page.getByRole("textbox", { name: "Payload" });
  assert.deepEqual(JSON.parse(await box.inputValue()), { customer: { id: 7 } });
  await box.fill("{\"customer\": {\"id\": 8}}");
  await page.getByLabel("Why").fill("made by a test");
  await look(`${name}-form`, opened);
  // Where no plugin wants it the form says so, and keeps what was typed; a plugin that is named gets it.
  await page.getByLabel("To the plugin").fill("slack-webhook");
  await page.getByRole("button", { name: "Make it, and deliver it" }).click();
  await page.getByRole("status").getByText("This event was made").waitFor();
  await page.getByRole("link", { name: id }).waitFor();
  await context.close();
}

/** From a list of events to an order that replays what it is about, counted before it is given and followed after. */
async function order(name, options) {
  const id = await sender(name)({ n: 1 });
  await until("its end", async () => (await get(`/api/webhooks/${id}/`)).status === "processed");
  const opened = await visit(options);
  const { context, page } = opened;
  await page.goto(`${ADMIN}events/?source=${name}`);
  await page.getByRole("link", { name: "Replay these…" }).click();
  await page.getByRole("heading", { name: "0 deliveries would be replayed" }).waitFor();
  await page.getByLabel("State").selectOption("succeeded");
  await page.getByRole("button", { name: "Count again" }).click();
  await page.getByRole("heading", { name: /^[1-9][0-9]* deliver(y|ies) would be replayed/ }).waitFor();
  await look(`${name}-form`, opened);
  await page.getByLabel("Why").fill("made by a test");
  await page.getByRole("button", { name: "Replay them" }).click();
  await page.getByRole("status").getByText("The order was given.").waitFor();
  // Nobody loads the page anew: it follows.
  await page.locator("#order .state.done").waitFor();
  await look(`${name}-done`, opened);
  await page.getByRole("link", { name: "All orders" }).click();
  await page.locator("#list .state.done").first().waitFor();
  await look(`${name}-list`, opened);
  await context.close();
}

/** The list that follows what comes, without JavaScript: a link loads it anew. */
async function withoutScript() {
  const send = sender("still");
  await send({ n: 1 });
  const { context, page, complaints } = await visit({ viewport: PHONE, javaScriptEnabled: false });
  await page.goto(`${ADMIN}events/?source=still&tail=on`);
  assert.equal(await page.locator("button[data-pause]").isVisible(), false);
  const id = await send({ n: 2 });
  await page.getByRole("link", { name: "Refresh" }).click();
  await page.locator(`#event-${id}`).waitFor();
  // An order is counted before it is given.
  await page.goto(`${ADMIN}dead-letters/`);
  await page.getByRole("link", { name: "Replay these…" }).click();
  await page.getByRole("heading", { name: "deliveries would be replayed" }).waitFor();
  assert.deepEqual(complaints, [], "without JavaScript");
  console.log("ok events-without-script");
  await context.close();
}

try {
  await tail();
  await large("large-desk", { viewport: DESK, colorScheme: "dark" });
  await large("large-phone", { viewport: PHONE, colorScheme: "light" });
  await findAndEdit("find-desk", { viewport: DESK, colorScheme: "light" });
  await findAndEdit("find-phone", { viewport: PHONE, colorScheme: "dark" });
  await order("order-desk", { viewport: DESK, colorScheme: "dark" });
  await order("order-phone", { viewport: PHONE, colorScheme: "light" });
  await withoutScript();
} finally {
  await browser.close();
}
