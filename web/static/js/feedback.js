// For engineers: whether the analysis was right, and what the cause was if it was not.

import { isEngineer, post } from "./api.js";
import { failure, h, put, text } from "./dom.js";
import { toast } from "./toasts.js";

const VERDICTS = { right: "Right", wrong: "Wrong", not_an_incident: "Not an incident" };
const MEANS = {
  right: "The analysis names the cause.",
  wrong: "The analysis does not name the cause.",
  not_an_incident: "Nothing was wrong: this also resolves the incident and counts as a false alarm.",
};

/** A card; `onSent()` is called after each verdict. */
export function feedbackCard(incidentId, onSent) {
  let verdict = null;
  const choices = Object.entries(VERDICTS).map(([key, label]) => h("button", { type: "button", dataset: { key }, "aria-pressed": "false", onclick: () => choose(key) }, label));
  const means = h("p", { class: "muted small" });
  const cause = h("input", { id: "feedback-cause", maxlength: 2000 });
  const causeField = h("label", { for: cause.id, class: "stack" }, h("span", { class: "small" }, "True cause"), cause);
  const comment = h("input", { id: "feedback-comment", maxlength: 20000 });
  const note = h("div");
  const send = h("button", { type: "submit", class: "primary" }, "Send");
  const more = h("form", { class: "stack", hidden: true, onsubmit: submit, novalidate: true }, means, causeField,
    h("label", { for: comment.id, class: "stack" }, h("span", { class: "small" }, "Why"), comment), note, h("div", null, send));

  function choose(key) {
    verdict = verdict === key ? null : key;
    for (const button of choices) button.setAttribute("aria-pressed", String(button.dataset.key === verdict));
    more.hidden = verdict === null;
    causeField.hidden = verdict === "not_an_incident";
    text(means, MEANS[verdict] ?? "");
    put(note);
  }

  async function submit(event) {
    event.preventDefault();
    send.disabled = true;
    const said = { verdict };
    if (cause.value.trim() && !causeField.hidden) said.true_cause = cause.value.trim();
    if (comment.value.trim()) said.comment = comment.value.trim();
    try {
      await post(`/api/analysis/${incidentId}/feedback`, said);
      toast(`Thank you: ${VERDICTS[verdict].toLowerCase()}.`);
      more.reset();
      choose(verdict);
      onSent();
    } catch (error) {
      put(note, failure(error));
    } finally {
      send.disabled = false;
    }
  }

  return h("section", { class: "card stack", "aria-labelledby": "feedback-title", hidden: !isEngineer() },
    h("h2", { id: "feedback-title" }, "Was this right?"), h("div", { class: "segments choices", role: "group", "aria-labelledby": "feedback-title" }, choices), more);
}
