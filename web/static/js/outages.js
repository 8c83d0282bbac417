// When a service or a metric of it was silent, as its no-data incidents tell.

import { h, put } from "./dom.js";
import { incidentHref, labels } from "./format.js";
import { moment } from "./times.js";

/** Whether a detection is about a metric; "*" is about all of its service. */
export function concerns(detection, service, metricType) {
  return detection.service_name === service && (detection.metric_type === "*" || detection.metric_type === metricType);
}

/** Whether a detection says that data is missing. */
export function isSilence(detection) {
  return detection.detector === "no_data" || detection.state === "no_data";
}

/**
 * Silent stretches {from, to, isOver, tags, isWhole, incident} in epoch seconds, of the metric
 * shown as `lines` ({label, points}): from the last data before the alarm to the first after
 * it, or until now. `isWhole`: nothing else of the metric was there either.
 */
export function stretches(incidents, service, metricType, lines) {
  const now = Date.now() / 1000;
  return incidents.flatMap((incident) => incident.detections
    .filter((one) => isSilence(one) && concerns(one, service, metricType))
    .map((one) => {
      const from = Date.parse(one.detector === "no_data" ? one.onset : one.at) / 1000;
      const tags = labels(one.tags);
      const own = tags ? lines.filter((line) => line.label === tags) : lines;
      const later = own.flatMap((line) => line.points.map(([time]) => time)).filter((time) => time > from + 1);
      const end = one.state === "resolved" ? Date.parse(one.at) / 1000 : now;
      const to = Math.max(from, Math.min(end, ...later));
      return { from, to, isOver: to < now, tags, isWhole: !tags || lines.length < 2, incident };
    }));
}

/** Where excursions of the metric began: {at} in epoch seconds. */
export function marks(incidents, service, metricType) {
  const found = incidents.flatMap((incident) => incident.detections).filter((one) => concerns(one, service, metricType));
  return found.map((one) => ({ at: Date.parse(one.onset ?? one.at) / 1000 }));
}

/** A list of the stretches that lie in [from, to], each with the way to its incident. */
export class OutageList {
  node = h("ul", { class: "outages small", "aria-label": "Silent stretches", hidden: true });
  #shown = "";

  show(found, from, to) {
    const visible = found.filter((one) => one.to >= from && one.from <= to);
    const rows = visible.map((one) => [`No data${one.tags ? ` of ${one.tags}` : ""} ${moment(one.from * 1000)} – ${one.isOver ? moment(one.to * 1000) : "now"}: `, one.incident]);
    const whole = JSON.stringify(rows.map(([words, incident]) => [words, incident.id, incident.title]));
    if (whole === this.#shown) return; // leaves the focus alone
    this.#shown = whole;
    this.node.hidden = rows.length === 0;
    put(this.node, rows.map(([words, incident]) => h("li", null, words, h("a", { href: incidentHref(incident.id) }, incident.title))));
  }
}
