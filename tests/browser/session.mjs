// What scripts about the admin's pages share: who is signed in, and what keeps people out.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { browser, look as lookAt, watch } from "./pages.mjs";

const { HOST_URL, ADMIN_USER, ADMIN_PASSWORD } = process.env;

export const ADMIN = `${HOST_URL}/admin/`;
const ORIGIN = new URL(HOST_URL).origin;

/** Finds what keeps people with a screen reader or a keyboard out. */
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe calls so is a defect here. */
const GRAVE = ["serious", "critical"];

/** Looks at a page, with everything on it opened that opens. */
export async function look(name, opened) {
  await lookAt(name, opened);
  // Evaluated from outside: the page's own policy lets nothing in.
  await opened.page.evaluate(AXE);
  const found = await opened.page.evaluate(async () => {
    const closed = [...document.querySelectorAll("main details:not([open])")];
    for (const details of closed) details.open = true;
    const { violations } = await globalThis.axe.run();
    for (const details of closed) details.open = false;
    return violations.map(({ id, impact, nodes }) => ({ id, impact, where: nodes.map(({ html }) => html.slice(0, 200)) }));
  });
  assert.deepEqual(found.filter(({ impact }) => GRAVE.includes(impact)), [], `${name} keeps people out`);
}

/** Sends JSON; the answer's. */
export async function json(address, body, headers = {}) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${answer.status} of ${address}: ${text}`);
  return text === "" ? null : JSON.parse(text);
}

/** A function that sends an event of this source, with a token of its own; the event's id. */
export async function sender(source) {
  const { access } = await json(`${HOST_URL}/api/auth/token/`, { username: ADMIN_USER, password: ADMIN_PASSWORD });
  return async (body) => {
    const path = `/api/webhooks/receive/?source=${encodeURIComponent(source)}&type=made`;
    const { id } = await json(`${HOST_URL}${path}`, body, { authorization: `Bearer ${access}` });
    return id;
  };
}

/** A browser that is signed in, with a page on the overview. */
export async function visit(options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints = await watch(page, ORIGIN);
  await page.goto(ADMIN);
  await page.getByLabel("Name").fill(ADMIN_USER);
  await page.getByLabel("Password").fill(ADMIN_PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  return { context, page, complaints };
}
