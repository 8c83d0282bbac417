// The detections of an incident: what each series shows now, at its worst, and since when.

import { h, put } from "./dom.js";
import { labels, metricName } from "./format.js";
import { judgedField, limitOf } from "./judged.js";
import { duration, inZone, moment } from "./times.js";
import { figure, number, quantity } from "./units.js";

const MOST = 50;

export class Detections {
  #list = h("ul", { class: "detections" });
  #more = h("p", { class: "muted small" });
  node = h("section", { class: "card stack", "aria-labelledby": "detections-title", hidden: true },
    h("h2", { id: "detections-title" }, "Detections"), this.#list, this.#more);

  show(incident) {
    const found = incident.detections;
    const left = Math.max(0, found.length - MOST) + (incident.detections_dropped ?? 0);
    this.node.hidden = found.length === 0;
    this.#more.hidden = left === 0;
    put(this.#more, `And ${left} more.`);
    put(this.#list, found.slice(0, MOST).map(detection));
  }
}

function detection(one) {
  const tags = labels(one.tags);
  return h("li", { dataset: { state: one.state ?? "firing" } },
    h("div", { class: "row wrap" }, h("strong", null, `${one.service_name} ${metricName(one.metric_type)}`),
      h("span", { class: "muted small" }, [one.detector.replace("_", " "), one.window, tags].filter(Boolean).join(" · ")),
      h("time", { class: "muted small", datetime: one.onset ?? one.at }, `since ${moment(one.onset ?? one.at)}`)),
    h("div", { class: "row wrap" }, one.detector === "no_data" ? silence(one) : excursion(one)),
    h("p", { class: "small" }, inZone(one.reason)));
}

/** Here a value is seconds without data. */
function silence(one) {
  const usual = one.expected === null ? null : h("span", { class: "muted" }, `usually some every ${quantity(one.expected, "s")}`);
  return [h("span", { class: "value" }, `${one.state === "resolved" ? "was silent" : "silent"} for ${duration(one.value * 1000)}`), usual];
}

function excursion(one) {
  const write = (value) => figure(judgedField(one), value, one.metric_type);
  const isPeakTold = Number.isFinite(one.peak) && one.peak !== one.value;
  const range = one.lower !== null && one.upper !== null ? ` (${write(one.lower)} to ${write(one.upper)})` : "";
  const limit = limitOf(one);
  return [
    h("span", { class: "value" }, `${one.state !== "firing" ? "last " : isPeakTold ? "now " : ""}${write(one.value)}`),
    isPeakTold ? h("span", { class: "peak" }, `peak ${write(one.peak)}`) : null,
    one.expected === null ? null : h("span", { class: "muted" }, `expected ${write(one.expected)}${range}`),
    limit === null ? null : h("span", { class: "muted" }, `limit ${write(limit)}`),
    h("span", { class: "muted small" }, `score ${number(one.score)}`),
  ];
}
