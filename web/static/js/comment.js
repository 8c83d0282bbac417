// The box to add a remark to an incident.

import { post } from "./api.js";
import { failure, h, put } from "./dom.js";
import { draftOf, keepDraft } from "./drafts.js";

/** A form; `onSent()` is called after each comment. */
export function commentForm(incidentId, onSent) {
  const box = h("textarea", { id: "comment", rows: 2, maxlength: 20000, placeholder: "Add a comment", oninput: written });
  const button = h("button", { type: "submit" }, "Comment");
  const note = h("div", { id: "comment-note" });
  box.value = draftOf(incidentId);

  function written() {
    keepDraft(incidentId, box.value);
    box.removeAttribute("aria-invalid");
    box.removeAttribute("aria-describedby");
    put(note);
  }

  async function submit(event) {
    event.preventDefault();
    const text = box.value.trim();
    if (!text) {
      box.setAttribute("aria-invalid", "true");
      box.setAttribute("aria-describedby", note.id);
      put(note, h("p", { class: "notice error", role: "alert" }, "The comment is empty: write something first."));
      return box.focus();
    }
    button.disabled = true;
    try {
      await post(`/api/incidents/${incidentId}/comments`, { text });
      box.value = "";
      written();
      onSent();
    } catch (error) {
      put(note, failure(error));
    } finally {
      button.disabled = false;
    }
  }

  return h("form", { class: "stack", onsubmit: submit, novalidate: true },
    h("label", { class: "hidden", for: "comment" }, "Comment"), box, note, h("div", null, button));
}
