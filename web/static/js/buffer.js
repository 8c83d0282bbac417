// The newest raw metrics of a service, by metric type and tags, bounded in time and number.

import { labels } from "./format.js";

const KEEP_S = 600;
const KEEP_POINTS = 5_000;

export class LiveBuffer {
  /** metric type → label of tags → [[epoch seconds, value]] in order of time. */
  #series = new Map();
  #seen = new Set();

  /** Add metrics as the socket brings them; those already here are ignored. */
  add(metrics) {
    for (const metric of metrics) {
      if (this.#seen.has(metric.id)) continue;
      this.#seen.add(metric.id);
      const byTags = this.#at(this.#series, metric.metric_type, () => new Map());
      const points = this.#at(byTags, labels(metric.tags) || metric.metric_type, () => []);
      insert(points, [Date.parse(metric.timestamp) / 1000, metric.value]);
    }
    this.#trim();
  }

  /** Metric types that have come by. */
  types() {
    return [...this.#series.keys()];
  }

  /** [[label, points]] of a metric type, the fullest first. */
  of(metricType) {
    const found = [...(this.#series.get(metricType) ?? [])];
    return found.sort((a, b) => b[1].length - a[1].length || a[0].localeCompare(b[0]));
  }

  #at(map, key, make) {
    if (!map.has(key)) map.set(key, make());
    return map.get(key);
  }

  #trim() {
    const oldest = Date.now() / 1000 - KEEP_S;
    for (const byTags of this.#series.values()) {
      for (const points of byTags.values()) {
        const gone = Math.max(points.length - KEEP_POINTS, points.findIndex(([time]) => time >= oldest));
        if (gone > 0) points.splice(0, gone);
      }
    }
    if (this.#seen.size > 50_000) this.#seen = new Set([...this.#seen].slice(-25_000));
  }
}

/** Events come nearly in order: search from the end. */
function insert(points, point) {
  let place = points.length;
  while (place > 0 && points[place - 1][0] > point[0]) place -= 1;
  points.splice(place, 0, point);
}
