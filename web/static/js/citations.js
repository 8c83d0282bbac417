// Text that cites evidence: "[E3]" becomes a button that shows the fact.

import { h } from "./dom.js";
import { inZone } from "./times.js";

/** `text` as nodes, its times in the reader's zone; each citation leads to the element `evidence-ID`. */
export function cited(text) {
  return inZone(text).split(/\[(E\d{1,4})\]/).map((part, index) => (index % 2 ? citation(part) : part));
}

/** The button of one evidence id. */
export function citation(id) {
  return h("button", { type: "button", class: "cite", "aria-label": `Evidence ${id}`, onclick: () => reveal(id) }, id);
}

function reveal(id) {
  const target = document.getElementById(`evidence-${id}`);
  if (!target) return;
  target.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  target.focus({ preventScroll: true });
}
