// The figures of the newest window of one tag set; which one is said, and chosen.

import { h, keyed, put, text } from "./dom.js";
import { labels } from "./format.js";
import { moment } from "./times.js";
import { figure } from "./units.js";

const FIELDS = ["mean", "p50", "p95", "p99", "min", "max", "rate"];
/** Of a counter, whose level says nothing, and of increases. */
const GROWTH = ["rate_per_s", "increase", "count"];
const NAMES = { rate_per_s: "per second" };

export class Figures {
  node = h("section", { class: "figures-card stack", "aria-labelledby": "figures-title", hidden: true });
  #heading = h("h2", { id: "figures-title" }, "Newest window");
  #choice = h("select", { "aria-label": "Tags", onchange: () => this.#draw() });
  #only = h("span", { class: "muted small" });
  #list = h("dl", { class: "figures" });
  #series = [];
  #offered = "";

  constructor() {
    put(this.node, h("div", { class: "row wrap start" }, this.#heading, this.#choice, this.#only), this.#list);
  }

  /** The series of one metric, each with its tags and points. */
  show(series) {
    this.#series = series.filter((one) => one.points.length);
    this.node.hidden = this.#series.length === 0;
    const names = this.#series.map((one) => labels(one.tags) || "no tags");
    const offered = JSON.stringify(names);
    if (offered !== this.#offered) {
      const before = this.#choice.value;
      put(this.#choice, names.map((name) => h("option", { value: name, selected: name === before }, name)));
      this.#offered = offered;
    }
    this.#choice.hidden = names.length < 2;
    text(this.#only, names.length === 1 ? names[0] : names.length ? `one of ${names.length} tag sets` : "");
    this.#draw();
  }

  #draw() {
    const chosen = this.#series[Math.max(0, this.#choice.selectedIndex)];
    if (!chosen) return put(this.#list);
    const newest = chosen.points.at(-1);
    const fields = Number.isFinite(newest.rate_per_s) ? GROWTH : FIELDS;
    const rows = fields.map((field) => [NAMES[field] ?? field, figure(field, newest[field], chosen.metric_type)]);
    rows.push(["window", `${moment(newest.start)}${newest.final ? "" : ", open"}`]);
    keyed(this.#list, rows, ([label]) => label, ([label]) => {
      const value = h("dd");
      return { node: h("div", null, h("dt", null, label), value), update: ([, shown]) => text(value, shown) };
    });
  }
}
