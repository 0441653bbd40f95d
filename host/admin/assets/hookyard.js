// What JavaScript adds to pages that work without it: parts that follow what happens, copying, and asking twice.

"use strict";

/** How long to wait before following again when the server has no place for another stream, in milliseconds. */
const RETRY_MS = 30_000;

/** The names that the server may tell (host/src/admin/live.rs); anything else is ignored. */
const PARTS = ["events", "deliveries", "plugins"];

/** Follows the server while the page can be seen: a browser opens six connections to a host, and hidden tabs need none. */
function follow(address) {
  let source = null;
  let retry = 0;

  function stop() {
    clearTimeout(retry);
    source?.close();
    source = null;
  }

  function tell(names) {
    for (const name of names.filter((name) => PARTS.includes(name))) {
      document.body.dispatchEvent(new CustomEvent(`live-${name}`));
    }
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

/** Buttons that copy the text of another element. Hidden until here, since without JavaScript they do nothing. */
function offerCopies() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    const label = button.textContent;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
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
if (document.body.dataset.live) follow(document.body.dataset.live);
