// The series that raised an incident: what was measured against what was expected.

import { get } from "./api.js";
import { ChangeMarks } from "./changemarks.js";
import { Chart } from "./chart.js";
import { h, put, text } from "./dom.js";
import { foremost } from "./foremost.js";
import { labels, metricName } from "./format.js";
import { Source } from "./freshness.js";
import { aligned } from "./gaps.js";
import { judgedField, limitOf } from "./judged.js";
import { isSilence, stretches } from "./outages.js";
import { figure } from "./units.js";

const BEFORE_MS = 30 * 60_000;
const AFTER_MS = 10 * 60_000;
const REFRESH_MS = 10_000;
const FRESH_MS = 25_000;
/** An incident that lasts is shown by its first hours. */
const LONGEST_MS = 12 * 3_600_000;
const STEP_S = { "1m": 60, "5m": 300 };

export class SignalChart {
  node = h("section", { class: "card stack", "aria-labelledby": "signal-title", hidden: true });
  #source = new Source("metrics", "figures", FRESH_MS);
  #chart = new Chart("Measured values with the range expected by the detector");
  #choice = h("select", { "aria-label": "Series", onchange: () => this.#draw() });
  #note = h("p", { class: "muted small" });
  #changes = new ChangeMarks(() => this.#draw());
  #incident = null;
  #left = false;
  #timer = setInterval(() => this.#draw(), REFRESH_MS);

  constructor() {
    put(this.node, h("div", { class: "row wrap" }, h("h2", { id: "signal-title" }, "Signal"), this.#source.node, this.#choice), this.#chart.node, this.#note, this.#changes.node);
  }

  close() {
    this.#left = true;
    clearInterval(this.#timer);
    this.#source.close();
    this.#chart.close();
    this.#changes.close();
  }

  /** The incident as it is now. */
  show(incident) {
    const before = this.#incident;
    this.#incident = incident;
    const found = firsts(incident);
    this.node.hidden = found.length === 0;
    if (!found.length) return this.#source.close(); // a page without a chart does not wait for one
    if (this.#choice.options.length !== found.length) {
      put(this.#choice, found.map((one, index) => h("option", { value: index }, [one.service_name, metricName(one.metric_type), labels(one.tags)].filter(Boolean).join(" "))));
    }
    if (!before || before.version !== incident.version) this.#draw();
  }

  async #draw() {
    if (!this.#incident) return;
    const seen = firsts(this.#incident)[Number(this.#choice.value) || 0];
    if (!seen) return;
    const [from, to] = this.#span(seen);
    const window = to - from > 3 * 3_600_000 ? "5m" : "1m";
    const metric = seen.metric_type === "*" ? null : seen.metric_type;
    const answer = await get("/api/metrics/aggregated", { service: seen.service_name, metric, window, from: iso(from), to: iso(to) }).catch(() => null);
    if (!answer || this.#left) return;
    this.#source.heard();
    this.#changes.follow(seen.service_name, from / 1000, to / 1000, "");
    this.#plot(seen, answer, from / 1000, to / 1000);
  }

  #plot(seen, answer, from, to) {
    const shown = seen.metric_type === "*" ? foremost(answer.series.map((one) => one.metric_type), seen.service_name) : seen.metric_type;
    const candidates = answer.series.filter((one) => one.metric_type === shown);
    const series = candidates.find((one) => labels(one.tags) === labels(seen.tags)) ?? (seen.metric_type === "*" ? candidates[0] : null);
    const field = judgedField(seen);
    const limit = limitOf(seen);
    const points = (series?.points ?? []).map((point) => [Date.parse(point.start) / 1000, point[field]]);
    const { times, columns } = aligned([points], [1.5 * STEP_S[answer.window]]);
    const isBounded = !isSilence(seen) && seen.lower !== null && seen.upper !== null;
    const band = isBounded ? { upper: times.map(() => seen.upper), lower: times.map(() => seen.lower), labels: ["expected up to", "expected from"] } : null;
    const silent = stretches([this.#incident], seen.service_name, shown, [{ label: labels(series?.tags), points }]);
    this.#chart.show({
      times, band, from, to,
      lines: [
        { label: `${shown ?? "no metric"} ${field}`, values: columns[0] },
        ...(limit === null ? [] : [{ label: "limit", values: times.map(() => limit) }]),
      ],
      marks: [{ at: Date.parse(seen.onset ?? seen.at) / 1000 }, ...this.#changes.marks],
      stretches: silent,
      write: (value) => figure(field, value, shown ?? ""),
    });
    text(this.#note, caption(`${answer.window} ${field} of ${shown}`, isBounded, silent.length > 0, this.#changes.marks.length > 0, points.length === 0));
  }

  #span(seen) {
    const onset = Date.parse(seen.onset ?? seen.at);
    const end = this.#incident.resolved_at ? Date.parse(this.#incident.resolved_at) + AFTER_MS : Date.now();
    return [onset - BEFORE_MS, Math.min(Math.max(end, onset + 60_000), onset + LONGEST_MS)];
  }
}

function caption(what, isBounded, isSilent, isChanged, isEmpty) {
  if (isEmpty) return "No windows of this series in this time.";
  const parts = [`${what}; dashed line: start of the deviation`];
  if (isBounded) parts.push("shaded between dashes: expected range");
  if (isSilent) parts.push("grey: no data");
  if (isChanged) parts.push("dotted line: a change of the service");
  return parts.join("; ");
}

/** The first detection of each series, those of the likely origin before others. */
function firsts({ detections, service_name: origin }) {
  const found = new Map();
  for (const one of [...detections].sort((a, b) => (b.service_name === origin) - (a.service_name === origin))) {
    const key = `${one.service_name} ${one.metric_type} ${JSON.stringify(one.tags)}`;
    if (!found.has(key)) found.set(key, one);
  }
  return [...found.values()].slice(0, 30);
}

function iso(ms) {
  return new Date(ms).toISOString();
}
