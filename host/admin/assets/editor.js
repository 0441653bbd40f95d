// What JavaScript adds to the box of a script: line numbers, and a Tab key that indents. Without it the box is a box.

"use strict";

/** What the Tab key puts in: Python's indentation. */
const INDENT = "    ";

/** Above this the numbers would cost more than they help: each is a line that the browser lays out. */
const MAX_NUMBERED_LINES = 20_000;

/** Replaces what is chosen, so that the browser's own undo takes it back. */
function insert(box, text) {
  box.focus();
  // Deprecated, and the only way that keeps undo.
  if (!document.execCommand("insertText", false, text)) {
    box.setRangeText(text, box.selectionStart, box.selectionEnd, "end");
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

/** The start of the line in which a position lies. */
function lineStart(text, at) {
  return text.lastIndexOf("\n", at - 1) + 1;
}

/** Indents or outdents every line that is chosen. */
function shift(box, outdent) {
  const start = lineStart(box.value, box.selectionStart);
  const end = box.selectionEnd;
  const before = box.value.slice(start, end);
  const lines = before.split("\n");
  const shifted = lines.map((line) => (outdent ? line.replace(/^( {1,4}|\t)/, "") : INDENT + line)).join("\n");
  if (shifted === before) return;
  box.setSelectionRange(start, end);
  insert(box, shifted);
  box.setSelectionRange(start, start + shifted.length);
}

/** Keeps a column of numbers beside the box, as high and as far scrolled as it is. */
function number(box) {
  const frame = document.createElement("div");
  frame.className = "editor";
  const numbers = document.createElement("pre");
  numbers.className = "numbers-column";
  numbers.setAttribute("aria-hidden", "true");
  box.before(frame);
  frame.append(numbers, box);
  // One line of the script is one line of the box, or the numbers would not fit.
  box.wrap = "off";

  let shown = 0;
  function update() {
    const count = box.value.split("\n").length;
    if (count !== shown && count <= MAX_NUMBERED_LINES) {
      numbers.textContent = Array.from({ length: count }, (_, at) => at + 1).join("\n");
    }
    frame.classList.toggle("unnumbered", count > MAX_NUMBERED_LINES);
    shown = count;
    numbers.scrollTop = box.scrollTop;
  }
  box.addEventListener("input", update);
  box.addEventListener("scroll", () => {
    numbers.scrollTop = box.scrollTop;
  });
  update();
}

/** Tab indents, and after Escape it leaves the box again: nobody who has only a keyboard is held in it. */
function indent(box) {
  const hint = document.createElement("p");
  hint.className = "muted";
  hint.id = `${box.id}-keys`;
  hint.textContent = "Tab indents, Shift+Tab takes back. Escape, then Tab leaves the box.";
  box.setAttribute("aria-describedby", hint.id);
  box.closest(".editor").after(hint);

  let leaves = false;
  box.addEventListener("blur", () => {
    leaves = false;
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      leaves = true;
      return;
    }
    if (event.key !== "Tab" || leaves || event.ctrlKey || event.altKey || event.metaKey) {
      if (!["Shift", "Tab"].includes(event.key)) leaves = false;
      return;
    }
    event.preventDefault();
    const several = box.value.slice(box.selectionStart, box.selectionEnd).includes("\n");
    if (event.shiftKey || several) {
      shift(box, event.shiftKey);
    } else {
      insert(box, INDENT);
    }
  });
}

for (const box of document.querySelectorAll("textarea[data-editor]")) {
  number(box);
  indent(box);
}
