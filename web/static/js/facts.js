// The facts of an incident, name and value.

import { h } from "./dom.js";
import { serviceHref } from "./format.js";
import { linkList } from "./servicelinks.js";
import { ago, momentWithZone } from "./times.js";

/** Rows for a <dl class="facts">; `links` are those of its service, filled in for it. */
export function facts(incident, links) {
  const detectMs = incident.latency?.event_to_detected_ms;
  const rows = [
    ["Service", link(incident.service_name)],
    ["Affected", incident.affected_services.map((name, index) => [index ? ", " : null, link(name)])],
    ["Detected", `${momentWithZone(incident.detected_at)} (${ago(incident.detected_at)})`],
    ["Time to detect", Number.isFinite(detectMs) && `${(detectMs / 1000).toFixed(1)} s`],
    ["Acknowledged", incident.acknowledged_at && momentWithZone(incident.acknowledged_at)],
    ["Resolved", incident.resolved_at && momentWithZone(incident.resolved_at)],
    ["Assignee", incident.assignee],
    ["Look further", linkList(links)],
    ["Source", incident.source === "manual" ? "opened by hand" : "detector"],
  ];
  return rows.filter(([, value]) => value && value.length !== 0).map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value)));
}

function link(name) {
  return h("a", { href: serviceHref(name) }, name);
}
