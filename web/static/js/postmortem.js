// The draft of a post-mortem as a file.

import { get } from "./api.js";
import { failure, h } from "./dom.js";

/** A button that saves the draft of an incident. */
export function postmortemButton(incidentId) {
  const button = h("button", { type: "button", class: "ghost", onclick: save }, "Post-mortem draft");
  async function save() {
    button.disabled = true;
    try {
      const text = await get(`/api/analysis/${incidentId}/postmortem`);
      const link = h("a", { href: URL.createObjectURL(new Blob([text], { type: "text/markdown" })), download: `incident-${incidentId}.md` });
      link.click();
      URL.revokeObjectURL(link.href);
    } catch (error) {
      button.after(failure(error));
    } finally {
      button.disabled = false;
    }
  }
  return button;
}
