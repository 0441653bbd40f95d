// What the scripts about the admin's pages share: an account, events, and looks that ask who is kept out.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { PATIENCE_MS, browser, look as lookAt, watch } from "./pages.mjs";

const { HOST_URL, ADMIN_USER, ADMIN_PASSWORD } = process.env;

export const ADMIN = `${HOST_URL}/admin/`;
export const ORIGIN = new URL(HOST_URL).origin;

/** What a sender would like a browser to run; it stays text. */
export const EVIL = "</pre></title>\"'><img src=x onerror=alert(1)><script>alert(2)</script>";

/** Finds what keeps people with a screen reader or a keyboard out. */
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe calls so is a defect here. */
const GRAVE = ["serious", "critical"];

/** How long to wait before asking again, in milliseconds. */
const PAUSE_MS = 100;

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

/** How long a token is used, in milliseconds: it lasts for five minutes. */
const TOKEN_MS = 120_000;

let token = { access: "", at: -TOKEN_MS };

/** The headers of a call of the API. */
async function authorized(headers = {}) {
  if (performance.now() - token.at > TOKEN_MS) {
    const account = { username: ADMIN_USER, password: ADMIN_PASSWORD };
    const { access } = await json(`${HOST_URL}/api/auth/token/`, account);
    token = { access, at: performance.now() };
  }
  return { authorization: `Bearer ${token.access}`, ...headers };
}

/** Posts to the API. */
export async function post(path, body, headers) {
  return json(`${HOST_URL}${path}`, body, await authorized(headers));
}

/** Gets from the API. */
export async function get(path) {
  const answer = await fetch(`${HOST_URL}${path}`, { headers: await authorized() });
  assert.ok(answer.ok, `${answer.status} of ${path}`);
  return answer.json();
}

/** Sends an event; its id. */
export async function send(query, body, headers) {
  const event = await post(`/api/webhooks/receive/?${query}`, body, headers);
  return event.id;
}

/** Asks again and again until the answer is something; that. */
export async function until(what, ask) {
  const began = Date.now();
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    assert.ok(Date.now() - began < PATIENCE_MS, `${what} does not come`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function signIn(page) {
  await page.getByLabel("Name").fill(ADMIN_USER);
  await page.getByLabel("Password").fill(ADMIN_PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
}

/** A browser that is signed in, with a page on the overview. */
export async function visit(options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints = await watch(page, ORIGIN);
  await page.goto(ADMIN);
  await signIn(page);
  return { context, page, complaints };
}
