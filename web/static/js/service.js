// One service: live chart of a metric, its windows over hours, and its incidents.

import { get } from "./api.js";
import { LiveBuffer } from "./buffer.js";
import { aligned, Chart } from "./chart.js";
import { failure, h, keyed, put, text } from "./dom.js";
import { incidents } from "./feeds.js";
import { foremost } from "./foremost.js";
import { labels, moment, number } from "./format.js";
import { incidentRow } from "./incidentrow.js";
import { LiveSocket } from "./live.js";

const LIVE_SPAN_S = 300;
const REDRAW_MS = 250;
const REFRESH_MS = 5_000;
const MAX_LINES = 6;
const RANGES = {
  live: { label: "Live" },
  "1h": { label: "1 h", spanS: 3_600, window: "1m" },
  "6h": { label: "6 h", spanS: 21_600, window: "5m" },
  "24h": { label: "24 h", spanS: 86_400, window: "15m" },
};
const FIGURES = ["mean", "p50", "p95", "p99", "min", "max", "rate"];

/** Show the page; returns how to leave it. */
export function servicePage(root, name, query) {
  document.title = `${name} · LiveOps AI`;
  const page = new ServicePage(root, name, query);
  return () => page.leave();
}

class ServicePage {
  #name;
  #metric;
  #range;
  #buffer = new LiveBuffer();
  #types = new Set();
  #dirty = true;
  #left = false;
  #chart;
  #view = {};
  #timers = [];
  #socket;
  #onIncidents = () => this.#showIncidents();

  constructor(root, name, query) {
    this.#name = name;
    this.#metric = query.get("metric");
    this.#range = query.get("range") in RANGES ? query.get("range") : "live";
    this.#chart = new Chart(`Metric of ${name} over time`);
    this.#build(root);
    this.#socket = new LiveSocket(`/api/metrics/live?${new URLSearchParams({ service: name })}`, {
      onMessage: (message) => this.#take(message),
      onState: (state) => this.#state(state),
      poll: () => this.#poll(),
    });
    incidents.addEventListener("change", this.#onIncidents);
    this.#timers.push(setInterval(() => this.#redraw(), REDRAW_MS), setInterval(() => this.#refresh(), REFRESH_MS));
    this.#showIncidents();
    this.#refresh();
    this.#poll(); // the socket's first message holds 100 values of all metrics: too few for the chart
  }

  leave() {
    this.#left = true;
    this.#socket.close();
    this.#timers.forEach(clearInterval);
    incidents.removeEventListener("change", this.#onIncidents);
    this.#chart.close();
  }

  #build(root) {
    const view = this.#view;
    view.metric = h("select", { id: "metric", onchange: () => this.#choose(view.metric.value, this.#range) });
    view.ranges = h("div", { class: "segments", role: "group", "aria-label": "Time range" }, Object.entries(RANGES).map(([key, { label }]) =>
      h("button", { type: "button", dataset: { range: key }, onclick: () => this.#choose(this.#metric, key) }, label)));
    view.state = h("span", { class: "link-state", role: "status" });
    view.note = h("div");
    view.figures = h("dl", { class: "figures" });
    view.incidents = h("ul", { class: "incident-list" });
    view.quiet = h("p", { class: "muted" }, "No incidents of this service.");
    put(root,
      h("nav", { class: "crumbs", "aria-label": "Breadcrumb" }, h("a", { href: "#/services" }, "Services"), " / "),
      h("div", { class: "page-head" }, h("h1", null, this.#name), view.state),
      h("section", { class: "card stack", "aria-label": "Chart" },
        h("div", { class: "row wrap" }, h("label", { class: "row", for: "metric" }, h("span", { class: "muted" }, "Metric"), view.metric), view.ranges),
        view.note, this.#chart.node, view.figures),
      h("section", { "aria-labelledby": "service-incidents" }, h("h2", { id: "service-incidents" }, "Incidents"), view.quiet, view.incidents));
    this.#press();
  }

  #choose(metric, range) {
    this.#metric = metric;
    this.#range = range;
    const search = new URLSearchParams({ metric, range });
    history.replaceState(null, "", `#/services/${encodeURIComponent(this.#name)}?${search}`);
    this.#press();
    this.#dirty = true;
    this.#refresh();
  }

  #press() {
    for (const button of this.#view.ranges.children) button.setAttribute("aria-pressed", String(button.dataset.range === this.#range));
  }

  #state(state) {
    this.#view.state.dataset.state = state;
    text(this.#view.state, state === "live" ? "Live" : "Polling");
  }

  #take(message) {
    if (message.type === "dropped") return;
    this.#buffer.add(message.metrics ?? []);
    this.#learn(this.#buffer.types());
    this.#dirty = true;
  }

  async #poll() {
    const page = await get("/api/metrics/raw", { service: this.#name, from: new Date(Date.now() - LIVE_SPAN_S * 1000).toISOString(), limit: 500 }).catch(() => null);
    if (page && !this.#left) this.#take({ metrics: page.items });
  }

  /** Offer metric types as they become known; the choice of the user stays. */
  #learn(types) {
    const fresh = types.filter((type) => !this.#types.has(type));
    if (!fresh.length) return;
    fresh.forEach((type) => this.#types.add(type));
    this.#metric ??= foremost([...this.#types], this.#name);
    put(this.#view.metric, [...this.#types].sort().map((type) => h("option", { value: type, selected: type === this.#metric }, type)));
    this.#dirty = true;
  }

  /** The live view is drawn from the buffer, a few times a second at most. */
  #redraw() {
    if (this.#range !== "live" || !this.#metric || document.hidden) return;
    const now = Date.now() / 1000;
    const series = this.#buffer.of(this.#metric).slice(0, MAX_LINES);
    if (!this.#dirty && !series.length) return;
    this.#dirty = false;
    const { times, columns } = aligned(series.map(([, points]) => points));
    this.#chart.show({ times, lines: series.map(([label], index) => ({ label, values: columns[index] })), from: now - LIVE_SPAN_S, to: now, marks: this.#marks() });
  }

  /** Windows: the chart of a longer range, and always the figures of the newest one. */
  async #refresh() {
    const range = RANGES[this.#range];
    const spanS = range.spanS ?? 900;
    const from = new Date(Date.now() - spanS * 1000).toISOString();
    try {
      const answer = await get("/api/metrics/aggregated", { service: this.#name, window: range.window ?? "1m", from });
      if (this.#left || range !== RANGES[this.#range]) return;
      this.#learn(answer.series.map((one) => one.metric_type));
      const series = answer.series.filter((one) => one.metric_type === this.#metric);
      put(this.#view.note, answer.degraded ? h("p", { class: "notice" }, `Not all data is here: ${answer.degraded.join(", ")} does not answer.`) : null);
      this.#figures(series);
      if (range.spanS) this.#windows(series, range);
    } catch (error) {
      if (!this.#left) put(this.#view.note, failure(error));
    }
  }

  #windows(series, range) {
    const shown = series.slice(0, MAX_LINES);
    const pick = (field) => shown.map((one) => one.points.map((point) => [Date.parse(point.start) / 1000, point[field]]));
    const { times, columns } = aligned(pick("mean"));
    const lines = shown.map((one, index) => ({ label: labels(one.tags) || "mean", values: columns[index] }));
    const band = shown.length === 1 ? { upper: aligned(pick("p95")).columns[0], lower: aligned(pick("min")).columns[0], labels: ["p95", "min"] } : null;
    const now = Date.now() / 1000;
    this.#chart.show({ times, lines, band, from: now - range.spanS, to: now, marks: this.#marks() });
  }

  #figures(series) {
    const newest = series.flatMap((one) => one.points.slice(-1)).sort((a, b) => Date.parse(b.start) - Date.parse(a.start))[0];
    if (!newest) return put(this.#view.figures);
    const rows = FIGURES.map((field) => [field, number(newest[field])]);
    rows.push(["window", `${moment(newest.start)}${newest.final ? "" : ", open"}`]);
    keyed(this.#view.figures, rows, ([label]) => label, ([label]) => {
      const value = h("dd");
      return { node: h("div", null, h("dt", null, label), value), update: ([, shown]) => text(value, shown) };
    });
  }

  #ours() {
    return incidents.list().filter((item) => item.service_name === this.#name || item.affected_services.includes(this.#name));
  }

  #marks() {
    const all = this.#ours().flatMap((item) => item.detections);
    return all.filter((one) => one.service_name === this.#name && one.metric_type === this.#metric).map((one) => ({ at: Date.parse(one.onset ?? one.at) / 1000 }));
  }

  #showIncidents() {
    const found = this.#ours().slice(0, 20);
    this.#view.quiet.hidden = found.length > 0;
    keyed(this.#view.incidents, found, (item) => item.id, incidentRow);
  }
}
