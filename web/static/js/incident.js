// One incident: what it is, why, how far it reaches, and what was done.

import { get } from "./api.js";
import { AnalysisView } from "./analysis.js";
import { Detections } from "./detections.js";
import { failure, h, put, text } from "./dom.js";
import { facts } from "./facts.js";
import { feedbackCard } from "./feedback.js";
import { incidents } from "./incidentfeed.js";
import { STATUS_WORDS } from "./incidentrow.js";
import { SignalChart } from "./signal.js";
import { SilenceBox } from "./silencebox.js";
import { Similar } from "./similar.js";
import { Steps } from "./steps.js";
import { Timeline } from "./timeline.js";
import { duration, inZone } from "./times.js";
import { retitle } from "./topbar.js";
import { TopologyStrip } from "./topology.js";

const TICK_MS = 1_000;

/** Show the page; returns how to leave it. */
export function incidentPage(root, id) {
  const page = new IncidentPage(root, id);
  return () => page.leave();
}

class IncidentPage {
  #id;
  #root;
  #incident = null;
  /** Links of its service, filled in for it: only the whole incident has them. */
  #links = {};
  #cause = null;
  #parts = null;
  #view = {};
  #timer;
  #left = false;
  #onChange = ({ detail }) => detail.changed.some((item) => item.id === this.#id) && this.#show(incidents.items.get(this.#id), true);
  #onRefresh = () => this.#load();

  constructor(root, id) {
    this.#root = root;
    this.#id = id;
    put(root, h("p", { class: "muted", role: "status" }, "Loading…"));
    incidents.addEventListener("change", this.#onChange);
    incidents.addEventListener("refresh", this.#onRefresh);
    this.#timer = setInterval(() => this.#parts && this.#age(), TICK_MS);
    const known = incidents.items.get(id);
    if (known) this.#show(known);
    this.#load();
  }

  leave() {
    this.#left = true;
    clearInterval(this.#timer);
    incidents.removeEventListener("change", this.#onChange);
    incidents.removeEventListener("refresh", this.#onRefresh);
    Object.values(this.#parts ?? {}).forEach((part) => part.close?.());
  }

  async #load() {
    try {
      const found = await get(`/api/incidents/${encodeURIComponent(this.#id)}`);
      if (this.#left) return;
      const isFirst = !this.#parts;
      this.#links = found.links;
      incidents.take([found]);
      if (isFirst) this.#show(incidents.items.get(this.#id) ?? found);
      else put(this.#view.facts, facts(this.#incident, this.#links));
    } catch (error) {
      if (!this.#left && !this.#parts) this.#missing(error);
    }
  }

  #missing(error) {
    const isUnknown = error.status === 404;
    retitle(isUnknown ? "No such incident" : "Incident");
    put(this.#root, isUnknown ? h("p", { class: "notice", role: "status" }, "There is no incident with this id.") : failure(error),
      h("p", null, h("a", { href: "#/incidents" }, "All incidents")));
  }

  #show(incident, isNews = false) {
    if (this.#left) return;
    this.#incident = incident;
    if (!this.#parts) this.#build();
    else if (isNews) this.#parts.timeline.load();
    const view = this.#view;
    retitle(incident.title);
    text(view.title, incident.title);
    text(view.description, inZone(incident.description));
    view.description.hidden = !incident.description;
    text(view.severity, incident.severity);
    view.severity.dataset.severity = incident.severity;
    text(view.status, STATUS_WORDS[incident.status] ?? incident.status);
    view.status.dataset.status = incident.status;
    view.stale.hidden = !incident.stale;
    put(view.facts, facts(incident, this.#links));
    this.#age();
    this.#parts.steps.show(incident);
    this.#parts.silence.show(incident);
    this.#parts.detections.show(incident);
    this.#parts.signal.show(incident);
    this.#parts.topology.mark(incident.affected_services, this.#cause);
  }

  #build() {
    this.#parts = {
      analysis: new AnalysisView(this.#id, (found) => this.#explained(found)),
      signal: new SignalChart(),
      topology: new TopologyStrip(),
      timeline: new Timeline(this.#id),
      detections: new Detections(),
      similar: new Similar(this.#id),
      silence: new SilenceBox(this.#id, () => this.#parts.timeline.load()),
      steps: new Steps(() => this.#load()),
    };
    const view = this.#view;
    for (const name of ["severity", "status", "stale", "age"]) view[name] = h("span", { class: name });
    view.stale.textContent = "stale: no data since";
    view.title = h("h1");
    view.description = h("p", { class: "prose muted" });
    view.facts = h("dl", { class: "facts" });
    const { analysis, signal, topology, timeline, detections, similar, silence, steps } = this.#parts;
    put(this.#root,
      h("nav", { class: "crumbs", "aria-label": "Breadcrumb" }, h("a", { href: "#/incidents" }, "Incidents"), " / "),
      h("div", { class: "incident-head" }, h("div", { class: "row wrap badges" }, view.severity, view.status, view.stale, view.age), view.title, view.description, h("div", { class: "row wrap start actions" }, steps.node, silence.node)),
      h("div", { class: "columns" },
        h("div", { class: "stack wide" }, analysis.node, feedbackCard(this.#id, () => timeline.load()), signal.node, topology.node, analysis.proof, detections.node),
        h("aside", { class: "stack wide", "aria-label": "Facts and timeline" }, h("section", { class: "card stack", "aria-labelledby": "facts-title" },
          h("div", { class: "row wrap" }, h("h2", { id: "facts-title" }, "Facts"), incidents.source.node), view.facts), similar.node, timeline.node)));
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
}
