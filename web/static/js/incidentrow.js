// An incident as a row of a list.

import { h, text } from "./dom.js";
import { incidentHref } from "./format.js";
import { ago, duration, moment, momentWithZone } from "./times.js";

export const STATUS_WORDS = { open: "Open", acknowledged: "Acknowledged", resolved: "Resolved" };

/** A view {node, update(incident)} for `keyed`. */
export function incidentRow(first) {
  const severity = h("span", { class: "severity" });
  const title = h("span", { class: "title" });
  const services = h("span", { class: "muted services" });
  const status = h("span", { class: "status" });
  const when = h("time", { class: "muted when" });
  const link = h("a", { class: "incident-row", href: incidentHref(first.id) },
    severity, h("span", { class: "what" }, title, services), status, when);
  return {
    node: h("li", null, link),
    update(incident) {
      link.dataset.severity = incident.severity;
      link.dataset.status = incident.status;
      severity.dataset.severity = incident.severity;
      status.dataset.status = incident.status;
      text(severity, incident.severity);
      text(title, incident.title);
      text(services, reach(incident));
      text(status, (STATUS_WORDS[incident.status] ?? incident.status) + (incident.stale ? " · stale" : ""));
      text(when, ended(incident));
      when.dateTime = incident.detected_at;
      when.title = momentWithZone(incident.detected_at);
    },
  };
}

function reach(incident) {
  const others = incident.affected_services.filter((name) => name !== incident.service_name).length;
  return incident.service_name + (others ? ` and ${others} more` : "");
}

function ended(incident) {
  if (!incident.resolved_at) return ago(incident.detected_at);
  return `${moment(incident.detected_at)}, lasted ${duration(Date.parse(incident.resolved_at) - Date.parse(incident.detected_at))}`;
}
