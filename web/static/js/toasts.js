// Short messages at the edge of the page: three at most, the rest is counted.

import { h, put, text } from "./dom.js";

const MOST = 3;
const LASTS_MS = 8_000;
const place = document.getElementById("toasts");
const list = h("ul", { class: "toast-list" });
const more = h("a", { href: "#/incidents", class: "toast-more", hidden: true });
const stack = new Map();
let counted = 0;

put(place, list, more);

/** Show a message, with a link if `href` is given; it leaves by itself, by its button or by Escape. */
export function toast(message, kind = "info", href = null) {
  if (stack.size >= MOST) {
    counted += 1;
    return count();
  }
  const close = h("button", { type: "button", class: "ghost close", "aria-label": "Dismiss", onclick: () => dismiss(node) }, "×");
  const node = h("li", { class: `toast ${kind}` }, href ? h("a", { href }, message) : h("span", null, message), close);
  list.append(node);
  stack.set(node, null);
  rest(node);
  // What is being read or reached for stays.
  node.addEventListener("pointerenter", () => clearTimeout(stack.get(node)));
  node.addEventListener("pointerleave", () => rest(node));
  node.addEventListener("focusin", () => clearTimeout(stack.get(node)));
  node.addEventListener("focusout", () => rest(node));
}

/** Take all away. */
export function clearToasts() {
  for (const node of [...stack.keys()]) dismiss(node);
}

function rest(node) {
  if (!stack.has(node)) return;
  clearTimeout(stack.get(node));
  stack.set(node, setTimeout(() => dismiss(node), LASTS_MS));
}

function dismiss(node) {
  clearTimeout(stack.get(node));
  stack.delete(node);
  node.remove();
  if (stack.size === 0) counted = 0;
  count();
}

function count() {
  more.hidden = counted === 0;
  text(more, `${counted} more`);
}

addEventListener("keydown", (event) => {
  if (event.key === "Escape" && stack.size) clearToasts();
});
more.addEventListener("click", clearToasts);
