// What happened to an incident, and the box to add a remark.

import { get, isEngineer, post } from "./api.js";
import { failure, h, keyed, put } from "./dom.js";
import { moment, percent } from "./format.js";

const REFRESH_MS = 10_000;
const NAMES = { affected_services: "affected services", stale: "stale" };

export class Timeline {
  node;
  #path;
  #list = h("ol", { class: "timeline" });
  #note = h("div");
  #timer;
  #left = false;

  constructor(incidentId) {
    this.#path = `/api/incidents/${incidentId}`;
    this.node = h("section", { class: "card stack", "aria-labelledby": "timeline-title" },
      h("h2", { id: "timeline-title" }, "Timeline"), this.#note, this.#list, isEngineer() ? this.#form() : null);
    this.#timer = setInterval(() => this.load(), REFRESH_MS);
    this.load();
  }

  /** Read it anew. */
  async load() {
    try {
      const found = await get(`${this.#path}/timeline`);
      if (this.#left) return;
      put(this.#note);
      keyed(this.#list, found.items, (event) => event.id, (event) => ({ node: line(event), update: () => null }));
    } catch (error) {
      if (!this.#left) put(this.#note, failure(error));
    }
  }

  close() {
    this.#left = true;
    clearInterval(this.#timer);
  }

  #form() {
    const box = h("textarea", { id: "comment", rows: 2, maxlength: 20000, required: true, placeholder: "Add a comment" });
    const button = h("button", { type: "submit" }, "Comment");
    const submit = async (event) => {
      event.preventDefault();
      button.disabled = true;
      try {
        await post(`${this.#path}/comments`, { text: box.value });
        box.value = "";
        await this.load();
      } catch (error) {
        put(this.#note, failure(error));
      } finally {
        button.disabled = false;
      }
    };
    return h("form", { class: "stack", onsubmit: submit }, h("label", { class: "hidden", for: "comment" }, "Comment"), box, h("div", null, button));
  }
}

function line(event) {
  return h("li", { dataset: { kind: event.kind } },
    h("div", { class: "row" }, h("strong", null, headline(event)), h("time", { class: "muted small", datetime: event.at }, moment(event.at))),
    detail(event), h("span", { class: "muted small" }, event.actor));
}

function headline({ kind, data }) {
  if (kind === "created") return data.source === "manual" ? "Opened by hand" : "Detected";
  if (kind === "updated") return data.status ? `Status: ${data.status[1]}` : "Changed";
  if (kind === "comment") return "Comment";
  if (kind === "analysis") return "Analysis";
  return kind;
}

function detail({ kind, data }) {
  if (kind === "comment") return h("p", { class: "prose" }, data.text);
  if (kind === "updated") return changes(data);
  if (kind !== "analysis") return data.title ? h("p", null, data.title) : null;
  const words = [data.verdict?.replace("_", " "), data.root_cause_service, Number.isFinite(data.confidence) && percent(data.confidence), data.source];
  return h("p", null, words.filter(Boolean).join(" · "));
}

function changes(data) {
  const rows = Object.entries(data).filter(([name, pair]) => name !== "status" && Array.isArray(pair));
  if (!rows.length) return null;
  return h("ul", { class: "plain small" }, rows.map(([name, [before, after]]) => h("li", null, `${NAMES[name] ?? name}: ${shown(before)} → ${shown(after)}`)));
}

function shown(value) {
  if (value === null || value === "") return "none";
  return Array.isArray(value) ? value.join(", ") || "none" : String(value);
}
