// The series that raised an incident: what was measured against what was expected.

import { get } from "./api.js";
import { aligned, Chart } from "./chart.js";
import { h, put } from "./dom.js";

const BEFORE_MS = 30 * 60_000;
const AFTER_MS = 10 * 60_000;
const REFRESH_MS = 10_000;
/** An incident that lasts is shown by its first hours. */
const LONGEST_MS = 12 * 3_600_000;

export class SignalChart {
  node = h("section", { class: "card stack", "aria-labelledby": "signal-title", hidden: true });
  #chart = new Chart("Measured values with the range expected by the detector");
  #choice = h("select", { "aria-label": "Series", onchange: () => this.#draw() });
  #note = h("p", { class: "muted small" });
  #incident = null;
  #timer = setInterval(() => this.#incident?.status !== "resolved" && this.#draw(), REFRESH_MS);

  constructor() {
    put(this.node, h("div", { class: "row wrap" }, h("h2", { id: "signal-title" }, "Signal"), this.#choice), this.#chart.node, this.#note);
  }

  close() {
    clearInterval(this.#timer);
    this.#chart.close();
  }

  /** The incident as it is now. */
  show(incident) {
    const before = this.#incident;
    this.#incident = incident;
    const found = firsts(incident.detections);
    this.node.hidden = found.length === 0;
    if (this.#choice.options.length !== found.length) {
      put(this.#choice, found.map((one, index) => h("option", { value: index }, `${one.service_name} ${one.metric_type}`)));
    }
    if (!before || before.version !== incident.version) this.#draw();
  }

  async #draw() {
    const seen = firsts(this.#incident?.detections ?? [])[Number(this.#choice.value) || 0];
    if (!seen) return;
    const [from, to] = this.#span(seen);
    const answer = await get("/api/metrics/aggregated", { service: seen.service_name, metric: seen.metric_type, window: to - from > 3 * 3_600_000 ? "5m" : "1m", from: iso(from), to: iso(to) }).catch(() => null);
    const series = answer?.series.find((one) => JSON.stringify(one.tags) === JSON.stringify(seen.tags)) ?? answer?.series[0];
    if (!series) return;
    const { times, columns } = aligned([series.points.map((point) => [Date.parse(point.start) / 1000, point.mean])]);
    const bounded = seen.lower !== null && seen.upper !== null;
    const band = bounded ? { upper: times.map(() => seen.upper), lower: times.map(() => seen.lower), labels: ["expected up to", "expected from"] } : null;
    this.#chart.show({ times, lines: [{ label: "mean", values: columns[0] }], band, marks: [{ at: Date.parse(seen.onset ?? seen.at) / 1000 }], from: from / 1000, to: to / 1000 });
    put(this.#note, `${answer.window} means; dashed line: start of the deviation${bounded ? "; shaded: expected range" : ""}`);
  }

  #span(seen) {
    const onset = Date.parse(seen.onset ?? seen.at);
    const end = this.#incident.resolved_at ? Date.parse(this.#incident.resolved_at) + AFTER_MS : Date.now();
    return [onset - BEFORE_MS, Math.min(Math.max(end, onset + 60_000), onset + LONGEST_MS)];
  }
}

/** The first detection of each series. */
function firsts(detections) {
  const found = new Map();
  for (const one of detections) {
    const key = `${one.service_name} ${one.metric_type} ${JSON.stringify(one.tags)}`;
    if (!found.has(key)) found.set(key, one);
  }
  return [...found.values()].slice(0, 30);
}

function iso(ms) {
  return new Date(ms).toISOString();
}
