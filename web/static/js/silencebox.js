// For engineers: a silence for what an incident is about, tried before it is made.

import { isEngineer, post } from "./api.js";
import { failure, h, put, text } from "./dom.js";
import { SilencePreview } from "./silencepreview.js";
import { DURATIONS, scopeOf } from "./silencewords.js";
import { toast } from "./toasts.js";

/** A button and the form it opens in `node`; `onMade()` is called after each silence. */
export class SilenceBox {
  node = h("div", { class: "stack", hidden: !isEngineer() });
  #id;
  #onMade;
  #incident = null;
  #open = h("button", { type: "button", "aria-expanded": "false", onclick: () => this.#turn() }, "Silence");
  #scope = h("p", { class: "small" });
  #lasts = h("select", { id: "silence-lasts", onchange: () => this.#try() }, DURATIONS.map(([seconds, label]) => h("option", { value: seconds, selected: seconds === 3600 }, label)));
  #reason = h("input", { id: "silence-reason", maxlength: 1000 });
  #preview = new SilencePreview();
  #note = h("div");
  #save = h("button", { type: "submit", class: "primary" }, "Mute");
  #more = h("a", { href: "#/silences" }, "More choices");
  #form = h("form", { class: "card stack silence-box", hidden: true, "aria-label": "Silence what this incident is about", onsubmit: (event) => this.#submit(event) },
    this.#scope, h("div", { class: "row wrap start" },
      h("label", { class: "row", for: "silence-lasts" }, h("span", { class: "muted" }, "For"), this.#lasts),
      h("label", { class: "row grow", for: "silence-reason" }, h("span", { class: "muted" }, "Reason"), this.#reason)),
    this.#preview.node, this.#note, h("div", { class: "row start" }, this.#save, h("button", { type: "button", onclick: () => this.#turn() }, "Cancel"), this.#more));

  constructor(id, onMade) {
    this.#id = id;
    this.#onMade = onMade;
    put(this.node, h("div", null, this.#open), this.#form);
  }

  show(incident) {
    this.#incident = incident;
  }

  #turn() {
    const isOpen = this.#form.hidden;
    this.#form.hidden = !isOpen;
    this.#open.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) return this.#open.focus();
    const about = aboutOf(this.#incident);
    text(this.#scope, `Mutes alarms of ${scopeOf(about)}. Who follows the incident sees when it begins and ends; what still fires then is told.`);
    this.#more.href = `#/silences?${new URLSearchParams(about)}`;
    put(this.#note);
    this.#try();
    this.#lasts.focus();
    return null;
  }

  #try() {
    const ends = new Date(Date.now() + Number(this.#lasts.value) * 1000).toISOString();
    this.#preview.ask({ ...aboutOf(this.#incident), ends_at: ends });
  }

  async #submit(event) {
    event.preventDefault();
    this.#save.disabled = true;
    try {
      await post(`/api/incidents/${this.#id}/silence`, { duration_s: Number(this.#lasts.value), reason: this.#reason.value.trim() });
      toast("Silenced", "info", "#/silences");
      this.#turn();
      this.#onMade();
    } catch (error) {
      put(this.#note, failure(error));
    } finally {
      this.#save.disabled = false;
    }
  }
}

/** What the server makes of an incident: its service, and its metric where there is only one. */
function aboutOf({ service_name: service, detections }) {
  const metrics = new Set(detections.filter((one) => one.service_name === service).map((one) => one.metric_type));
  return { service, metric: metrics.size === 1 ? [...metrics][0] : "*" };
}
