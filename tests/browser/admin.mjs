// The admin's pages as a person uses them: from a dead letter to its replay, by mouse, by keyboard, on a phone, and
// without JavaScript. Run by `cargo xtask browser` after the demo, which leaves events behind.

import assert from "node:assert/strict";
import { ADMIN, EVIL, ORIGIN, json, look, send, visit } from "./kit.mjs";
import { DESK, PHONE, PATIENCE_MS, browser, watch } from "./pages.mjs";

const { HOST_URL, SLACK_URL, ADMIN_USER, ADMIN_PASSWORD } = process.env;

/** Sends an event that Slack's webhook refuses for good; its id. */
async function deadLetter() {
  await json(`${SLACK_URL}/control/faults`, { target: "webhook", kind: "error", error: "channel_not_found" });
  return send("source=browser&type=made", { note: EVIL, list: [1, { deep: true }] });
}

/** From the overview to the reason and on to the replay, while the pages follow what happens. */
async function deadLetterFlow(name, options) {
  const opened = await visit(options);
  const { context, page } = opened;
  await look(`${name}-overview`, opened);
  await page.getByRole("link", { name: "Dead letters", exact: true }).first().click();
  await page.getByText("Nothing is here.").waitFor();
  await page.waitForFunction(() => document.documentElement.dataset.following === "true");
  // What somebody is typing stays while the list is renewed.
  await page.getByLabel("In the error").fill("half a wo");
  const event = await deadLetter();
  const letter = page.locator("#list li").first();
  await letter.waitFor();
  assert.equal(await page.getByLabel("In the error").inputValue(), "half a wo");
  await look(`${name}-dead-letters`, opened);

  await letter.getByRole("link").first().click();
  await page.getByRole("heading", { name: "Deliveries" }).waitFor();
  assert.ok(page.url().includes(event), page.url());
  const delivery = page.locator(".delivery", { hasText: "slack-webhook" }).first();
  await delivery.getByText("channel_not_found").first().waitFor();
  // Its attempts, and the payload as a tree that opens and closes.
  await delivery.locator(".attempt summary").first().click();
  await delivery.getByRole("heading", { name: "Requests" }).waitFor();
  await page.locator(".tree").getByText("onerror=alert(1)").waitFor();
  const list = page.locator(".tree details details", { hasText: "deep" }).first();
  await list.locator("summary").first().click();
  await page.locator(".tree").getByText("\"deep\"").waitFor({ state: "hidden" });
  await look(`${name}-event`, opened);

  await delivery.getByRole("button", { name: /Replay to/ }).click();
  await page.getByRole("status").getByText("A replay was made").waitFor();
  // Nobody loads the page anew: it follows.
  await page.locator(".delivery", { hasText: "A replay of" }).locator(".head .succeeded").waitFor();
  await page.locator("#event .state.processed").waitFor();
  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByText("Every delivery arrived").waitFor();
  await look(`${name}-overview-after`, opened);
  await context.close();
}

/** A request to a source that cannot prove itself. */
async function refusedRequest() {
  const began = Date.now();
  for (;;) {
    const headers = { "content-type": "application/json", "x-evil": EVIL };
    const answer = await fetch(`${HOST_URL}/api/webhooks/receive/door/`, { method: "POST", headers, body: "{}" });
    if (answer.status === 401) return;
    // The file with this source was written just now.
    assert.ok(Date.now() - began < PATIENCE_MS, `the source does not come: ${answer.status}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Pages by their address, and what is followed from there. */
const TOUR = [
  ["overview-needs", ""],
  ["first-run", "first-run/"],
  ["bin", "bin/"],
  ["events", "events/"],
  ["rejected", "rejected/"],
  ["refused", "rejected/", "#list h2 a"],
  ["plugins", "plugins/"],
  ["plugin", "plugins/github-backup/"],
  ["action", "plugins/github-backup/", "[aria-labelledby=actions-title] a"],
  ["switch", "plugins/slack-sdk/switch/?to=off"],
  ["schedules", "schedules/"],
  ["schedule", "schedules/", "#list h2 a"],
  ["processes", "processes/"],
  ["process", "processes/", "table a"],
  ["version", "processes/hello-world/", "[aria-labelledby=versions-title] a"],
  ["new-process", "new-process/"],
  ["sources", "sources/"],
  ["source", "sources/door/"],
  ["users", "users/"],
  ["user", "users/", "table a"],
  ["keys", "keys/"],
  ["audit", "audit/"],
  ["settings", "settings/"],
];

/** Every page beside those of the flow above. */
async function tour(name, options) {
  const opened = await visit(options);
  for (const [what, path, link] of TOUR) {
    await opened.page.goto(`${ADMIN}${path}`);
    if (link) {
      await opened.page.locator(link).first().click();
      await opened.page.waitForURL((url) => url.href !== `${ADMIN}${path}`);
    }
    await opened.page.locator("main h1").waitFor();
    await look(`${name}-${what}`, opened);
  }
  await opened.context.close();
}

/** Skip link, sign-in, navigation and a filter, by the keyboard alone. */
async function keyboard() {
  const context = await browser.newContext({ viewport: DESK });
  const page = await context.newPage();
  const complaints = await watch(page, ORIGIN);
  await page.goto(ADMIN);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await page.keyboard.press("Enter");
  await page.getByLabel("Name").focus();
  await page.keyboard.type(ADMIN_USER);
  await page.keyboard.press("Tab");
  await page.keyboard.type(ADMIN_PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.getByRole("link", { name: "Events", exact: true }).first().focus();
  await page.keyboard.press("Enter");
  await page.getByLabel("Source").focus();
  await page.keyboard.type("github");
  await page.keyboard.press("Enter");
  await page.waitForURL(/source=github/);
  const ring = await page.getByLabel("Source").evaluate((input) => {
    input.focus();
    return getComputedStyle(input).outlineStyle;
  });
  assert.notEqual(ring, "none", "what has the focus shows it");
  await look("keyboard-events", { page, complaints });
  await context.close();
}

/** The same flow by forms and links alone. */
async function withoutScript() {
  const event = await deadLetter();
  const { context, page, complaints } = await visit({ viewport: PHONE, javaScriptEnabled: false });
  const found = page.locator(`#list a[href*='${event}']`);
  const began = Date.now();
  do {
    assert.ok(Date.now() - began < PATIENCE_MS, "the dead letter does not come");
    await page.goto(`${ADMIN}dead-letters/`);
  } while ((await found.count()) === 0);
  const letter = page.locator("#list li", { has: page.locator(`a[href*='${event}']`) });
  await letter.locator("summary", { hasText: "Discard" }).click();
  await letter.getByLabel("Why it is given up for good").fill("made by a test");
  await letter.getByRole("button", { name: "Discard" }).click();
  await page.getByRole("status").getByText("given up for good").waitFor();
  // The choice of colours is a form as well.
  await page.locator(".menu summary").click();
  await page.getByLabel("Colours").selectOption("dark");
  await page.getByRole("button", { name: "Set" }).click();
  await page.locator("html[data-theme=dark]").waitFor();
  await page.locator(".menu summary").click();
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.deepEqual(complaints, [], "without JavaScript");
  console.log("ok without-script");
  await context.close();
}

try {
  await deadLetterFlow("admin-desk-light", { viewport: DESK, colorScheme: "light" });
  await deadLetterFlow("admin-phone-dark", { viewport: PHONE, colorScheme: "dark" });
  await refusedRequest();
  await tour("admin-desk-light", { viewport: DESK, colorScheme: "light" });
  await tour("admin-phone-dark", { viewport: PHONE, colorScheme: "dark" });
  await keyboard();
  await withoutScript();
} finally {
  await browser.close();
}
