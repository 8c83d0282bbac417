// What the rules know of a service: for engineers each series with each rule and why it
// fires or does not, for managers how many measurements are watched.

import { get, isEngineer } from "./api.js";
import { h, keyed, text } from "./dom.js";
import { counted, labels, metricName } from "./format.js";
import { figure } from "./units.js";

const REFRESH_MS = 15_000;
const MOST = 100;
const WORDS = { learning: "learning", ok: "ok", firing: "firing", no_data: "no data" };
/** The gravest first. */
const ORDER = ["firing", "no_data", "learning", "ok"];

export class Watching {
  #service;
  #timer;
  #left = false;
  #summary = h("p", { class: "muted", role: "status" });
  #list = h("ul", { class: "standings" });
  #details = h("details", { hidden: true }, h("summary", null, "Each series and rule"), this.#list);
  node = h("section", { class: "card stack", "aria-labelledby": "watching-title", hidden: true },
    h("h2", { id: "watching-title" }, "What watches it"), this.#summary, this.#details);

  constructor(service) {
    this.#service = service;
    this.#timer = setInterval(() => this.#load(), REFRESH_MS);
    this.#load();
  }

  close() {
    this.#left = true;
    clearInterval(this.#timer);
  }

  async #load() {
    try {
      const page = await get("/api/detectors", { service: this.#service, limit: MOST });
      if (!this.#left) this.#show(page.items, page.next_cursor !== null);
    } catch (error) {
      if (!this.#left && error.status !== 0) text(this.#summary, "What the rules know is not to be had at the moment.");
    }
  }

  #show(items, isMore) {
    this.node.hidden = items.length === 0;
    const series = new Set(items.map(seriesOf));
    const at = (state) => new Set(items.filter((one) => one.state === state).map(seriesOf)).size;
    const parts = [`${isMore ? "over " : ""}${counted(series.size, "measurement")} watched`];
    if (at("firing")) parts.push(`${at("firing")} unusual now`);
    if (at("no_data")) parts.push(`${at("no_data")} without data`);
    if (at("learning")) parts.push(`${at("learning")} still being learned`);
    const said = parts.join(", ");
    text(this.#summary, `${said[0].toUpperCase()}${said.slice(1)}.`);
    this.#details.hidden = !isEngineer();
    if (isEngineer()) keyed(this.#list, ordered(items), keyOf, row);
  }
}

function seriesOf(one) {
  return JSON.stringify([one.metric_type, one.tags]);
}

function keyOf(one) {
  return `${seriesOf(one)} ${one.rule_id}`;
}

function ordered(items) {
  return [...items].sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
}

function row() {
  const state = h("span", { class: "state" });
  const name = h("strong");
  const more = h("span", { class: "muted small" });
  const reason = h("p", { class: "small" });
  const node = h("li", null, h("div", { class: "row wrap" }, state, name, more), reason);
  return { node, update: (one) => show(one, node, { state, name, more, reason }) };
}

function show(one, node, view) {
  node.dataset.state = one.state;
  text(view.state, one.state === "learning" ? `learning ${one.learned} of ${one.needed}` : WORDS[one.state]);
  text(view.name, metricName(one.metric_type));
  const bounds = one.lower === null ? "" : `usually ${figure("mean", one.lower, one.metric_type)} to ${figure("mean", one.upper, one.metric_type)}`;
  text(view.more, [one.detector.replace("_", " "), labels(one.tags), bounds].filter(Boolean).join(" · "));
  text(view.reason, one.reason);
}
