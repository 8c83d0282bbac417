// The chart of one metric of a service: values as they come, or windows over hours to a year.

import { get } from "./api.js";
import { ChangeMarks } from "./changemarks.js";
import { Chart } from "./chart.js";
import { failure, h, put, text } from "./dom.js";
import { Figures } from "./figures.js";
import { labels } from "./format.js";
import { Source } from "./freshness.js";
import { aligned, usualLimitS } from "./gaps.js";
import { LIVE_SPAN_S, LiveValues } from "./livevalues.js";
import { marks, OutageList, stretches } from "./outages.js";
import { age } from "./times.js";
import { figure } from "./units.js";

const REDRAW_MS = 250;
const REFRESH_MS = 5_000;
/** Days and longer change slowly. */
const SLOW_REFRESH_MS = 60_000;
const FRESH_MS = 15_000;
const MAX_LINES = 6;
/** A line is no finer than the chart is wide; the server chooses windows that give no more. */
const MAX_POINTS = 800;
/** A distance of more than so many windows is a gap. */
const GAP_WINDOWS = 1.5;
const STEPS_S = { "1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "1d": 86_400 };
const DAY_S = 86_400;
export const RANGES = {
  live: { label: "Live" },
  "1h": { label: "1 h", spanS: 3_600 },
  "6h": { label: "6 h", spanS: 21_600 },
  "24h": { label: "24 h", spanS: DAY_S },
  "7d": { label: "7 d", spanS: 7 * DAY_S },
  "30d": { label: "30 d", spanS: 30 * DAY_S },
  "1y": { label: "1 y", spanS: 365 * DAY_S },
};

/** `onTypes([metric type])` is called with those that come by, until one is chosen and after. */
export class ServiceChart {
  node = h("div", { class: "stack" });
  source = new Source("metrics", "figures", FRESH_MS);
  #service;
  #onTypes;
  #metric = null;
  #range = RANGES.live;
  #incidents = [];
  #isDirty = true;
  #left = false;
  #chart;
  #figures = new Figures();
  #outages = new OutageList();
  #changes = new ChangeMarks(() => this.#changed());
  #note = h("div");
  #caption = h("p", { class: "muted small" });
  #values;
  #timers;
  #askedAt = 0;

  constructor(service, onTypes) {
    this.#service = service;
    this.#onTypes = onTypes;
    this.#chart = new Chart(`Metric of ${service} over time`);
    this.#values = new LiveValues(service, {
      onValues: () => this.#came(),
      onState: (state) => this.source.followed(state),
      onHeard: () => this.source.heard(),
    });
    put(this.node, this.#note, this.#chart.node, this.#caption, this.#changes.node, this.#outages.node, this.#figures.node);
    this.#timers = [setInterval(() => this.#redraw(), REDRAW_MS), setInterval(() => this.#refreshInTime(), REFRESH_MS)];
    this.#refresh();
  }

  close() {
    this.#left = true;
    this.#timers.forEach(clearInterval);
    this.#values.close();
    this.#chart.close();
    this.#changes.close();
    this.source.close();
  }

  /** What to show: a metric type (null while none is known) and a key of RANGES. */
  choose(metric, range) {
    this.#metric = metric;
    this.#range = RANGES[range];
    this.#isDirty = true;
    if (metric !== null) this.#values.follow(metric);
    this.#refresh();
  }

  /** The service's incidents, for marks and silent stretches. */
  explain(incidents) {
    this.#incidents = incidents;
    this.#isDirty = true;
  }

  #changed() {
    this.#isDirty = true;
    if (this.#range.spanS) this.#refresh();
  }

  #came() {
    this.#onTypes(this.#values.buffer.types());
    this.#isDirty = true;
  }

  /** The live view is drawn from the buffer, a few times a second at most. */
  #redraw() {
    if (this.#range !== RANGES.live || !this.#metric || document.hidden) return;
    const all = this.#values.buffer.of(this.#metric);
    if (!this.#isDirty && !all.length) return;
    this.#isDirty = false;
    const now = Date.now() / 1000;
    const from = now - LIVE_SPAN_S;
    const lines = all.slice(0, MAX_LINES).map(([label, points]) => ({ label, points: points.filter(([time]) => time >= from) }));
    this.#draw(lines, lines.map((line) => usualLimitS(line.points)), null, from, now);
    const since = this.#values.sinceS;
    // Values beyond what one page may hold are not claimed to be there.
    const span = since === null ? "loading the last 5 minutes" : `last ${age(1000 * Math.min(LIVE_SPAN_S, now - since))}`;
    text(this.#caption, `Raw values, ${span}${few(all.length)}`);
  }

  #refreshInTime() {
    const isSlow = (this.#range.spanS ?? 0) > DAY_S;
    if (!isSlow || Date.now() - this.#askedAt >= SLOW_REFRESH_MS) this.#refresh();
  }

  /** Windows: the chart of a longer range, and always the figures of the newest one. */
  async #refresh() {
    const [range, metric] = [this.#range, this.#metric];
    const from = new Date(Date.now() - (range.spanS ?? 900) * 1000).toISOString();
    this.#askedAt = Date.now();
    try {
      const answer = await get("/api/metrics/aggregated", { service: this.#service, metric, max_points: MAX_POINTS, from });
      if (this.#left || range !== this.#range || metric !== this.#metric) return;
      this.source.heard();
      this.#onTypes(answer.series.map((one) => one.metric_type));
      put(this.#note, answer.degraded ? h("p", { class: "notice" }, `Not all data is here: ${answer.degraded.join(", ")} does not answer.`) : null);
      if (metric === null) return;
      this.#figures.show(answer.series);
      if (range.spanS) this.#windows(answer, range);
    } catch (error) {
      // A worker that is away is named above the page; the chart stays as it is.
      if (!this.#left && error.status !== 0) put(this.#note, failure(error));
    }
  }

  #windows(answer, range) {
    const shown = answer.series.slice(0, MAX_LINES);
    // The level of a counter says nothing: it is drawn by what it grows a second, in whole windows.
    const grows = shown.length > 0 && shown.every((one) => one.points.some((point) => Number.isFinite(point.rate_per_s)));
    const drawn = (one) => (grows ? one.points.filter((point) => point.final) : one.points);
    const pick = (one, field) => drawn(one).map((point) => [Date.parse(point.start) / 1000, point[field]]);
    const field = grows ? "rate_per_s" : "mean";
    const lines = shown.map((one) => ({ label: labels(one.tags) || (grows ? "rate" : "mean"), points: pick(one, field) }));
    const limitS = GAP_WINDOWS * STEPS_S[answer.window];
    const column = (field) => aligned([pick(shown[0], field)], [limitS]).columns[0];
    const band = shown.length === 1 && !grows ? { upper: column("p95"), lower: column("min"), labels: ["p95", "min"] } : null;
    const now = Date.now() / 1000;
    this.#draw(lines, lines.map(() => limitS), band, now - range.spanS, now, field);
    text(this.#caption, `${grows ? "Increase a second in" : "Means of"} ${answer.window} windows, last ${range.label}${few(answer.series.length)}${answer.truncated ? "; older windows are left out" : ""}`);
  }

  #draw(lines, limits, band, from, to, field = "mean") {
    const { times, columns } = aligned(lines.map((line) => line.points), limits);
    const silent = stretches(this.#incidents, this.#service, this.#metric, lines);
    this.#outages.show(silent, from, to);
    this.#changes.follow(this.#service, from, to, this.#range.label);
    this.#chart.show({
      times, band, from, to,
      lines: lines.map((line, index) => ({ label: line.label, values: columns[index] })),
      marks: [...marks(this.#incidents, this.#service, this.#metric), ...this.#changes.marks],
      stretches: silent.filter((one) => one.isWhole),
      write: (value) => figure(field, value, this.#metric),
    });
  }
}

function few(count) {
  return count > MAX_LINES ? `; ${MAX_LINES} of ${count} tag sets` : "";
}
