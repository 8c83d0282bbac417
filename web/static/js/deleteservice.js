// For engineers: say that a silent service is no more, so that nobody misses it.

import { isEngineer, remove } from "./api.js";
import { h, text } from "./dom.js";
import { toast } from "./toasts.js";

/** One that still reports would be back at once. */
const SILENT_MS = 120_000;
/** The second press has to follow within this. */
const CONFIRM_MS = 5_000;

/** A button in `node`; `show(service)` offers it where it makes sense, null hides it. */
export function deleteService(name) {
  let isSure = false;
  let timer = null;
  const node = h("button", { type: "button", hidden: true, onclick: press }, "Delete service");

  function ask(sure) {
    isSure = sure;
    clearTimeout(timer);
    text(node, sure ? "Really? History and incidents stay" : "Delete service");
    if (sure) timer = setTimeout(() => ask(false), CONFIRM_MS);
  }

  async function press() {
    if (!isSure) return ask(true);
    node.disabled = true;
    try {
      await remove(`/api/services/${encodeURIComponent(name)}`);
      toast(`${name} is deleted. It is listed again when it reports.`);
      location.hash = "#/services";
    } catch (error) {
      toast(error.message, "high");
    } finally {
      node.disabled = false;
      ask(false);
    }
  }

  return {
    node,
    show(service) {
      const isSilent = service !== null && Date.now() - Date.parse(service.last_seen) > SILENT_MS;
      node.hidden = !isEngineer() || !isSilent;
    },
  };
}
