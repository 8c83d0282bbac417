// One service: how it fares, the chart of a metric, and its incidents.

import { get } from "./api.js";
import { deleteService } from "./deleteservice.js";
import { failure, h, keyed, put, text } from "./dom.js";
import { foremost } from "./foremost.js";
import { counted, serviceHref } from "./format.js";
import { incidents, UNRESOLVED } from "./incidentfeed.js";
import { IncidentQuery } from "./incidentquery.js";
import { incidentRow } from "./incidentrow.js";
import { serviceAbout } from "./serviceabout.js";
import { RANGES, ServiceChart } from "./servicechart.js";
import { showHealth } from "./health.js";
import { ago } from "./times.js";
import { Watching } from "./watching.js";

const REFRESH_MS = 5_000;
const ROWS = 20;

/** Show the page; returns how to leave it. */
export function servicePage(root, name, query) {
  const page = new ServicePage(root, name, query);
  return () => page.leave();
}

class ServicePage {
  #name;
  #metric;
  #range;
  #types = new Set();
  #service = null;
  #left = false;
  #chart;
  #watching;
  #active;
  #past;
  #view = {};
  #timer;
  #onCount = () => this.#load();

  constructor(root, name, query) {
    this.#name = name;
    this.#metric = query.get("metric");
    this.#range = query.get("range") in RANGES ? query.get("range") : "live";
    this.#chart = new ServiceChart(name, (types) => this.#learn(types));
    this.#watching = new Watching(name);
    this.#build(root);
    // Unresolved ones are asked for by themselves: newer ones that are over must not hide them.
    this.#active = new IncidentQuery({ service: name, status: UNRESOLVED }, ROWS, () => this.#showIncidents());
    put(this.#view.fresh, this.#active.source.node);
    this.#past = new IncidentQuery({ service: name, status: ["resolved"] }, ROWS, () => this.#showIncidents());
    incidents.addEventListener("count", this.#onCount);
    this.#timer = setInterval(() => this.#load(), REFRESH_MS);
    this.#chart.choose(this.#metric, this.#range);
    this.#load();
  }

  leave() {
    this.#left = true;
    clearInterval(this.#timer);
    incidents.removeEventListener("count", this.#onCount);
    [this.#chart, this.#watching, this.#active, this.#past].forEach((part) => part.close());
  }

  #build(root) {
    const view = this.#view;
    view.metric = h("select", { id: "metric", onchange: () => this.#choose(view.metric.value, this.#range) });
    view.ranges = h("div", { class: "segments", role: "group", "aria-label": "Time range" }, Object.entries(RANGES).map(([key, { label }]) =>
      h("button", { type: "button", dataset: { range: key }, onclick: () => this.#choose(this.#metric, key) }, label)));
    view.health = h("span", { class: "health", hidden: true });
    view.seen = h("span", { class: "muted small" });
    view.remove = deleteService(this.#name);
    view.about = serviceAbout(this.#name);
    view.note = h("div");
    view.chart = h("section", { class: "card stack", "aria-label": "Chart" },
      h("div", { class: "row wrap" }, h("label", { class: "row", for: "metric" }, h("span", { class: "muted" }, "Metric"), view.metric), this.#chart.source.node, view.ranges), this.#chart.node);
    view.incidents = h("ul", { class: "incident-list", "aria-label": "Incidents of this service" });
    view.fresh = h("span");
    view.count = h("p", { class: "muted", role: "status" });
    put(root,
      h("nav", { class: "crumbs", "aria-label": "Breadcrumb" }, h("a", { href: "#/services" }, "Services"), " / "),
      h("div", { class: "page-head" }, h("h1", null, this.#name), h("div", { class: "row" }, view.health, view.seen, view.remove.node)),
      view.note, view.chart, view.about.node,
      h("section", { "aria-labelledby": "service-incidents" }, h("h2", { id: "service-incidents" }, "Incidents"), h("div", { class: "row wrap" }, view.count, view.fresh), view.incidents,
        view.all = h("p", { hidden: true }, h("a", { href: `#/incidents?${new URLSearchParams({ status: "all", service: this.#name })}` }, "All incidents of this service"))),
      this.#watching.node);
    this.#press();
  }

  #choose(metric, range) {
    this.#metric = metric;
    this.#range = range;
    const search = new URLSearchParams(metric === null ? { range } : { metric, range });
    history.replaceState(null, "", `${serviceHref(this.#name)}?${search}`);
    this.#press();
    this.#chart.choose(metric, range);
  }

  #press() {
    for (const button of this.#view.ranges.children) button.setAttribute("aria-pressed", String(button.dataset.range === this.#range));
  }

  /** Offer metric types as they become known; the choice of the user stays. */
  #learn(types) {
    const fresh = types.filter((type) => !this.#types.has(type));
    if (!fresh.length) return;
    fresh.forEach((type) => this.#types.add(type));
    const isFirst = this.#metric === null;
    this.#metric ??= foremost([...this.#types], this.#name);
    put(this.#view.metric, [...this.#types].sort().map((type) => h("option", { value: type, selected: type === this.#metric }, type)));
    if (isFirst) this.#chart.choose(this.#metric, this.#range);
  }

  /** The service's own line of the list of services. */
  async #load() {
    try {
      const [found] = (await get("/api/services", { service: this.#name })).items;
      if (this.#left) return;
      this.#service = found ?? null;
      this.#learn(found?.metric_types ?? []);
      this.#showService();
    } catch (error) {
      if (!this.#left && error.status === 422) this.#unknown();
      else if (!this.#left && error.status !== 0) put(this.#view.note, failure(error));
    }
  }

  #showService() {
    const { health, seen, note, chart } = this.#view;
    if (this.#service === null) return this.#unknown();
    put(note);
    chart.hidden = false;
    health.hidden = false;
    this.#view.remove.show(this.#service);
    this.#view.about.show(this.#service, this.#metric);
    showHealth(health, this.#service);
    text(seen, `seen ${ago(this.#service.last_seen)}`);
  }

  #unknown() {
    const { health, note, chart, seen } = this.#view;
    health.hidden = true;
    this.#view.remove.show(null);
    this.#view.about.show(null, null);
    text(seen, "");
    chart.hidden = true;
    if (note.firstChild) return;
    put(note, h("div", { class: "notice", role: "status" }, h("p", null, h("strong", null, "No service of this name has reported within a day.")),
      h("p", null, "Names are exact, capital letters count. ", h("a", { href: "#/services" }, "All services"))));
  }

  #showIncidents() {
    const [active, past] = [this.#active, this.#past];
    if (!active || !past) return;
    const rows = [...active.rows, ...past.rows.slice(0, ROWS)];
    this.#chart.explain(rows);
    keyed(this.#view.incidents, rows, (item) => item.id, incidentRow);
    if (active.summary && past.summary) {
      const [open, over] = [active.summary.total, past.summary.total];
      this.#view.all.hidden = open + over <= rows.length;
      text(this.#view.count, open + over ? `${counted(open, "unresolved incident")}, ${over} resolved` : "No incidents of this service.");
    }
  }
}
