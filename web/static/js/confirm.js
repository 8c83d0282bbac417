// A button that does something only when it is pressed a second time.

import { h, text } from "./dom.js";
import { toast } from "./toasts.js";

/** The second press has to follow within this. */
const CONFIRM_MS = 5_000;

/** `act()` may be asynchronous; its failure becomes a toast. */
export function confirmButton(label, act) {
  let timer = null;
  const node = h("button", { type: "button", onclick: press }, label);

  function ask(sure) {
    clearTimeout(timer);
    timer = sure ? setTimeout(() => ask(false), CONFIRM_MS) : null;
    text(node, sure ? "Really?" : label);
  }

  async function press() {
    if (timer === null) return ask(true);
    ask(false);
    node.disabled = true;
    try {
      await act();
    } catch (error) {
      toast(error.message, "high");
    } finally {
      node.disabled = false;
    }
  }

  return node;
}
