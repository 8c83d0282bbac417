// The box to ask about an incident; the answer cites the evidence beside it.

import { post } from "./api.js";
import { citation } from "./citations.js";
import { failure, h, put } from "./dom.js";
import { inZone } from "./times.js";

const WHO = { llm: "from the language model, checked against the evidence", fallback: "from the evidence alone" };

/** A form for engineers, made once for an incident. */
export function askForm(incidentId) {
  const box = h("input", { id: "question", type: "text", maxlength: 1000, required: true, placeholder: "Ask about this incident" });
  const button = h("button", { type: "submit" }, "Ask");
  const answer = h("div", { id: "answer", role: "status" });

  async function submit(event) {
    event.preventDefault();
    const question = box.value.trim();
    if (!question) return box.focus();
    button.disabled = true;
    put(answer, h("p", { class: "muted" }, "Looking …"));
    try {
      const found = await post(`/api/analysis/${incidentId}/ask`, { question });
      put(answer, h("p", { class: "prose" }, inZone(found.answer)),
        h("div", { class: "row wrap" }, found.evidence.map(citation), h("span", { class: "muted small" }, WHO[found.source])));
    } catch (error) {
      put(answer, failure(error));
    } finally {
      button.disabled = false;
    }
  }

  return h("form", { class: "stack", onsubmit: submit, novalidate: true },
    h("label", { class: "hidden", for: "question" }, "Question"), h("div", { class: "row wrap" }, box, button), answer);
}
