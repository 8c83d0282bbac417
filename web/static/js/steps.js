// The buttons that change an incident's status. None changes its meaning under a finger:
// new ones take nothing for a moment, and the focus does not move on to the next.

import { isEngineer, patch } from "./api.js";
import { failure, h, put } from "./dom.js";
import { incidents } from "./incidentfeed.js";
import { STATUS_WORDS } from "./incidentrow.js";
import { toast } from "./toasts.js";

const GUARD_MS = 1_000;
/** Status → the steps that may follow, each {label, status}. */
const STEPS = {
  open: [{ label: "Acknowledge", status: "acknowledged" }, { label: "Resolve", status: "resolved" }],
  acknowledged: [{ label: "Resolve", status: "resolved" }],
  resolved: [{ label: "Reopen", status: "open" }],
};

export class Steps {
  node = h("div", { class: "stack" });
  #row = h("div", { class: "row wrap steps", role: "group", "aria-label": "Change the status", tabindex: "-1" });
  #problem = h("div");
  #incident = null;
  #shown = null;
  #isPending = false;
  #guard = null;
  #onConflict;

  /** `onConflict()` is called when somebody else was quicker. */
  constructor(onConflict) {
    this.#onConflict = onConflict;
    put(this.node, this.#row, this.#problem);
    this.node.hidden = !isEngineer(); // only engineers get buttons
  }

  close() {
    clearTimeout(this.#guard);
  }

  show(incident) {
    this.#incident = incident;
    if (this.#isPending || this.#shown === incident.status || !isEngineer()) return;
    const isFirst = this.#shown === null;
    this.#shown = incident.status;
    const hadFocus = this.#row.contains(document.activeElement);
    put(this.#row, (STEPS[incident.status] ?? []).map((step) =>
      h("button", { type: "button", class: step.status === "resolved" ? null : "primary", onclick: () => this.#change(step.status) }, step.label)));
    if (hadFocus) this.#row.focus();
    if (!isFirst) this.#rest();
  }

  /** New buttons where others were: a second press of the same key was not meant for them. */
  #rest() {
    this.#disable(true);
    clearTimeout(this.#guard);
    this.#guard = setTimeout(() => this.#disable(false), GUARD_MS);
  }

  #disable(isDisabled) {
    for (const button of this.#row.children) button.disabled = isDisabled;
  }

  async #change(status) {
    if (this.#isPending) return;
    this.#isPending = true;
    this.#row.focus();
    this.#disable(true);
    put(this.#problem);
    try {
      const changed = await patch(`/api/incidents/${this.#incident.id}`, { status }, this.#incident.version);
      this.#isPending = false;
      incidents.take([changed]);
      this.show(incidents.items.get(changed.id) ?? changed);
      toast(`${STATUS_WORDS[status]}: ${changed.title}`);
    } catch (error) {
      this.#isPending = false;
      put(this.#problem, failure(error));
      if (error.status === 412) this.#onConflict();
      this.show(this.#incident);
      this.#rest();
    }
  }
}
