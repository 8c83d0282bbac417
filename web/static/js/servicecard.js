// A service as a card: health, its foremost metric with half an hour of it, when last seen.

import { h, text } from "./dom.js";
import { foremost } from "./foremost.js";
import { serviceHref } from "./format.js";
import { showHealth } from "./health.js";
import { sparkline } from "./sparkline.js";
import { ago } from "./times.js";
import { quantity } from "./units.js";

/** What a sparkline shows, seconds. */
export const SPAN_S = 1_800;
const STEP_S = 60;
/** An older value is not shown as if it were the present one. */
const CURRENT_S = 180;

/** A view {node, update(service), draw(series), tick(isBehind)} for `keyed`. */
export function serviceCard(first) {
  const name = first.service_name;
  const health = h("span", { class: "health" });
  const metric = h("span", { class: "muted metric" });
  const value = h("span", { class: "value" });
  const seen = h("span", { class: "muted" });
  const open = h("span", { class: "pill" });
  const spark = sparkline(`Last 30 minutes of ${name}`);
  const link = h("a", { class: "card service", href: serviceHref(name), title: name },
    h("span", { class: "row" }, h("strong", { class: "name" }, name), health),
    h("span", { class: "row" }, metric, value), spark.node,
    h("span", { class: "row small" }, seen, open));
  let item = first;
  return {
    node: h("li", null, link),
    update(next) {
      item = next;
      showHealth(health, item);
      link.dataset.health = health.dataset.health;
      open.hidden = !item.open_incidents;
      text(open, `${item.open_incidents} open`);
      this.tick(false);
    },
    /** `isBehind`: the worker that knows does not answer, so this is what was last known. */
    tick(isBehind) {
      link.dataset.behind = String(isBehind);
      text(seen, `${isBehind ? "last known" : "seen"} ${ago(item.last_seen)}`);
    },
    /** The metric type to ask for; undefined while none is known. */
    wanted: () => foremost(item.metric_types, name),
    draw(series) {
      const chosen = foremost(series.map((one) => one.metric_type), name);
      const points = merged(series.filter((one) => one.metric_type === chosen));
      const now = Date.now() / 1000;
      const last = points.at(-1);
      text(metric, chosen ?? "");
      text(value, last && now - last[0] < CURRENT_S ? quantity(last[1], chosen) : "–");
      spark.draw(points, { spanS: SPAN_S, stepS: STEP_S, endS: now });
    },
  };
}

/** Mean by minute over all tag sets, weighted by count. */
function merged(series) {
  const minutes = new Map();
  for (const point of series.flatMap((one) => one.points)) {
    const time = Date.parse(point.start) / 1000;
    const found = minutes.get(time) ?? { sum: 0, count: 0 };
    minutes.set(time, { sum: found.sum + point.mean * point.count, count: found.count + point.count });
  }
  return [...minutes].sort(([a], [b]) => a - b).map(([time, { sum, count }]) => [time, sum / count]);
}
