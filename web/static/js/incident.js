// One incident: what it is, why, how far it reaches, and what was done.

import { get, isEngineer, patch } from "./api.js";
import { AnalysisView } from "./analysis.js";
import { failure, h, keyed, put, text, toast } from "./dom.js";
import { incidents } from "./feeds.js";
import { ago, duration, labels, moment, number } from "./format.js";
import { STATUS_WORDS } from "./incidentrow.js";
import { SignalChart } from "./signal.js";
import { Timeline } from "./timeline.js";
import { TopologyStrip } from "./topology.js";

const TICK_MS = 1_000;
const MAX_DETECTIONS = 50;
/** Status → the steps that may follow, each {label, status}. */
const STEPS = {
  open: [{ label: "Acknowledge", status: "acknowledged" }, { label: "Resolve", status: "resolved" }],
  acknowledged: [{ label: "Resolve", status: "resolved" }],
  resolved: [{ label: "Reopen", status: "open" }],
};

/** Show the page; returns how to leave it. */
export function incidentPage(root, id) {
  document.title = "Incident · LiveOps AI";
  const page = new IncidentPage(root, id);
  return () => page.leave();
}

class IncidentPage {
  #id;
  #root;
  #incident = null;
  #cause = null;
  #parts = null;
  #view = {};
  #timer;
  #left = false;
  #onChange = ({ detail }) => detail.changed.some((item) => item.id === this.#id) && this.#show(incidents.items.get(this.#id), true);

  constructor(root, id) {
    this.#root = root;
    this.#id = id;
    put(root, h("p", { class: "muted", role: "status" }, "Loading…"));
    incidents.addEventListener("change", this.#onChange);
    this.#timer = setInterval(() => this.#parts && this.#age(), TICK_MS);
    this.#load();
  }

  leave() {
    this.#left = true;
    clearInterval(this.#timer);
    incidents.removeEventListener("change", this.#onChange);
    Object.values(this.#parts ?? {}).forEach((part) => part.close());
  }

  async #load() {
    const known = incidents.items.get(this.#id);
    if (known) this.#show(known);
    try {
      const found = await get(`/api/incidents/${encodeURIComponent(this.#id)}`);
      if (this.#left) return;
      incidents.take([found]);
      if (!this.#parts) this.#show(incidents.items.get(this.#id) ?? found);
    } catch (error) {
      if (!this.#left && !this.#parts) put(this.#root, failure(error), h("p", null, h("a", { href: "#/incidents" }, "All incidents")));
    }
  }

  #show(incident, isNews = false) {
    if (this.#left) return;
    this.#incident = incident;
    if (!this.#parts) this.#build();
    else if (isNews) this.#parts.timeline.load();
    const view = this.#view;
    document.title = `${incident.title} · LiveOps AI`;
    text(view.title, incident.title);
    text(view.description, incident.description);
    view.description.hidden = !incident.description;
    text(view.severity, incident.severity);
    view.severity.dataset.severity = incident.severity;
    text(view.status, STATUS_WORDS[incident.status] ?? incident.status);
    view.status.dataset.status = incident.status;
    view.stale.hidden = !incident.stale;
    put(view.facts, facts(incident));
    this.#steps();
    this.#detections();
    this.#age();
    this.#parts.signal.show(incident);
    this.#parts.topology.mark(incident.affected_services, this.#cause);
  }

  #build() {
    this.#parts = {
      analysis: new AnalysisView(this.#id, (found) => this.#explained(found)),
      signal: new SignalChart(),
      topology: new TopologyStrip(),
      timeline: new Timeline(this.#id),
    };
    const view = this.#view;
    for (const name of ["severity", "status", "stale", "age"]) view[name] = h("span", { class: name });
    view.stale.textContent = "stale: no data since";
    view.title = h("h1");
    view.description = h("p", { class: "prose muted" });
    view.steps = h("div", { class: "row wrap steps" });
    view.problem = h("div");
    view.facts = h("dl", { class: "facts" });
    view.detections = h("ul", { class: "detections" });
    view.detectionCard = h("section", { class: "card stack", "aria-labelledby": "detections-title" }, h("h2", { id: "detections-title" }, "Detections"), view.detections);
    const { analysis, signal, topology, timeline } = this.#parts;
    put(this.#root,
      h("nav", { class: "crumbs", "aria-label": "Breadcrumb" }, h("a", { href: "#/incidents" }, "Incidents"), " / "),
      h("div", { class: "incident-head" }, h("div", { class: "row wrap badges" }, view.severity, view.status, view.stale, view.age), view.title, view.description, view.steps, view.problem),
      h("div", { class: "columns" },
        h("div", { class: "stack wide" }, analysis.node, signal.node, topology.node, analysis.proof, view.detectionCard),
        h("aside", { class: "stack wide", "aria-label": "Facts and timeline" }, h("section", { class: "card", "aria-label": "Facts" }, view.facts), timeline.node)));
  }

  #explained(found) {
    const cause = found.status === "pending" ? null : found.root_cause_service;
    if (cause !== this.#cause && this.#incident) this.#parts?.topology.mark(this.#incident.affected_services, cause);
    this.#cause = cause;
    if (found.status !== "pending") this.#parts?.timeline.load();
  }

  #age() {
    const { detected_at: from, resolved_at: to } = this.#incident;
    const lasted = duration((to ? Date.parse(to) : Date.now()) - Date.parse(from));
    text(this.#view.age, to ? `lasted ${lasted}` : `for ${lasted}`);
  }

  /** Only engineers get buttons. */
  #steps() {
    const steps = isEngineer() ? STEPS[this.#incident.status] ?? [] : [];
    keyed(this.#view.steps, steps, (step) => step.status, (step) => {
      const button = h("button", { type: "button", class: step.status === "resolved" ? null : "primary", onclick: () => this.#change(step.status, button) }, step.label);
      return { node: button, update: () => null };
    });
  }

  async #change(status, button) {
    button.disabled = true;
    try {
      incidents.take([await patch(`/api/incidents/${this.#id}`, { status }, this.#incident.version)]);
      put(this.#view.problem);
      toast(`${STATUS_WORDS[status]}: ${this.#incident.title}`);
      this.#view.steps.querySelector("button")?.focus();
    } catch (error) {
      if (error.status === 412) await this.#load(); // somebody was quicker
      put(this.#view.problem, failure(error));
    } finally {
      button.disabled = false;
    }
  }

  #detections() {
    const found = this.#incident.detections.slice(0, MAX_DETECTIONS);
    this.#view.detectionCard.hidden = found.length === 0;
    put(this.#view.detections, found.map(detection));
  }
}

function facts(incident) {
  const rows = [
    ["Service", h("a", { href: `#/services/${encodeURIComponent(incident.service_name)}` }, incident.service_name)],
    ["Affected", incident.affected_services.join(", ")],
    ["Detected", `${moment(incident.detected_at)} (${ago(incident.detected_at)})`],
    ["Time to detect", Number.isFinite(incident.latency?.event_to_detected_ms) && `${(incident.latency.event_to_detected_ms / 1000).toFixed(1)} s`],
    ["Acknowledged", incident.acknowledged_at && moment(incident.acknowledged_at)],
    ["Resolved", incident.resolved_at && moment(incident.resolved_at)],
    ["Assignee", incident.assignee],
    ["Source", incident.source === "manual" ? "opened by hand" : "detector"],
  ];
  return rows.filter(([, value]) => value).map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value)));
}

function detection(one) {
  const tags = labels(one.tags);
  const range = one.lower !== null && one.upper !== null ? ` (${number(one.lower)} to ${number(one.upper)})` : "";
  return h("li", { dataset: { state: one.state ?? "firing" } },
    h("div", { class: "row wrap" }, h("strong", null, `${one.service_name} ${one.metric_type}`), h("span", { class: "muted small" }, `${one.detector} · ${one.window}${tags ? ` · ${tags}` : ""}`), h("time", { class: "muted small", datetime: one.at }, moment(one.onset ?? one.at))),
    h("div", { class: "row wrap" }, h("span", { class: "value" }, number(one.value)), one.expected === null ? null : h("span", { class: "muted" }, `expected ${number(one.expected)}${range}`), h("span", { class: "muted small" }, `score ${number(one.score)}`)),
    h("p", { class: "small" }, one.reason));
}
