// What JavaScript adds to pages that work without it: parts that follow what happens, copying, and asking twice.

"use strict";

/** How long to wait before following again when the server has no place for another stream, in milliseconds. */
const RETRY_MS = 30_000;

/** The names that the server may tell (host/src/admin/live.rs); anything else is ignored. */
const PARTS = ["events", "deliveries", "plugins"];

/** What is held back while somebody reads: names of parts, and why. */
const held = { names: new Set(), byButton: false };

/** Whether text of a list that follows what comes is marked: to renew it would take that away. */
function isMarking() {
  const marked = document.getSelection();
  const list = document.querySelector("[data-tail]");
  return Boolean(list && marked && !marked.isCollapsed && list.contains(marked.anchorNode));
}

/** Tells the page's parts what is new, unless somebody wants to read first. */
function tell(names) {
  const known = names.filter((name) => PARTS.includes(name));
  if (held.byButton || isMarking()) {
    for (const name of known) held.names.add(name);
    sayHeld();
    return;
  }
  for (const name of known) document.body.dispatchEvent(new CustomEvent(`live-${name}`));
}

/** Says that something is held back, where the page has a place for it. */
function sayHeld() {
  const place = document.querySelector("[data-pause-news]");
  if (!place) return;
  const text = held.names.size > 0 ? "Something came meanwhile." : held.byButton ? "Paused." : "";
  if (place.textContent !== text) place.textContent = text;
}

/** Tells what was held back, once nothing holds it any more. */
function release() {
  if (held.byButton || isMarking()) return;
  const names = [...held.names];
  held.names.clear();
  sayHeld();
  tell(names);
}

/** Keeps the row that is on top of the screen there while others come above it. A browser's own anchoring does not look
 * into what scrolls sideways, as tables do. */
function keepPlace() {
  let row = null;
  let top = 0;
  document.addEventListener("htmx:before:swap", () => {
    const rows = window.scrollY > 0 ? [...document.querySelectorAll("[data-tail] tr[id]")] : [];
    row = rows.find((row) => row.getBoundingClientRect().bottom > 0) ?? null;
    top = row?.getBoundingClientRect().top ?? 0;
  });
  document.addEventListener("htmx:after:swap", () => {
    if (row?.isConnected) window.scrollBy(0, row.getBoundingClientRect().top - top);
    row = null;
  });
}

/** The button that holds a list still. */
function offerPause() {
  const button = document.querySelector("button[data-pause]");
  if (!button) return;
  keepPlace();
  button.hidden = false;
  button.addEventListener("click", () => {
    held.byButton = !held.byButton;
    button.textContent = held.byButton ? "Go on" : "Pause";
    sayHeld();
    release();
  });
  document.addEventListener("selectionchange", () => {
    if (held.names.size > 0) release();
  });
}

/** Follows the server while the page can be seen: a browser opens six connections to a host, and hidden tabs need none. */
function follow(address) {
  let source = null;
  let retry = 0;

  function stop() {
    clearTimeout(retry);
    source?.close();
    source = null;
  }

  function start() {
    stop();
    source = new EventSource(address);
    source.addEventListener("message", (event) => tell(event.data.split(" ")));
    source.addEventListener("error", () => {
      // Otherwise the browser tries again by itself.
      if (source?.readyState === EventSource.CLOSED) retry = setTimeout(again, RETRY_MS);
    });
    document.documentElement.dataset.following = "true";
  }

  /** Meanwhile anything may have changed, or the session ended: then what asks is led to the sign-in. */
  function again() {
    start();
    tell(PARTS);
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      stop();
    } else {
      again();
    }
  });
  // A page that a browser keeps for "back" must not hold a connection.
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) again();
  });
  if (!document.hidden) start();
}

/** Buttons that copy the text of another element, or where a link leads. Hidden until here, since without JavaScript
 * they do nothing. */
function offerCopies() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("button[data-copy], button[data-copy-link]")) {
    button.hidden = false;
    const label = button.textContent;
    button.addEventListener("click", async () => {
      const { copy, copyLink } = button.dataset;
      const text = copy ? document.getElementById(copy).textContent : document.getElementById(copyLink).href;
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
      setTimeout(() => {
        button.textContent = label;
      }, 2_000);
    });
  }
}

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

offerCopies();
offerPause();
if (document.body.dataset.live) follow(document.body.dataset.live);
