// The list of incidents, as the server filters and counts them; older pages on demand.

import { isEngineer } from "./api.js";
import { Bulk } from "./bulk.js";
import { failure, h, keyed, put, text } from "./dom.js";
import { counted } from "./format.js";
import { UNRESOLVED } from "./incidentfeed.js";
import { IncidentQuery } from "./incidentquery.js";

const TICK_MS = 5_000;
const TYPED_MS = 250;
const STATUSES = { active: "Active", resolved: "Resolved", all: "All" };
const ASKED = { active: UNRESOLVED, resolved: ["resolved"], all: null };
/** Rows at first; of active ones all, as far as a page can hold them. */
const FOLLOW = { active: 500, resolved: 50, all: 50 };
const SEVERITIES = ["critical", "high", "medium", "low"];

/** Show the page; returns how to leave it. */
export function incidentsPage(root, asked) {
  let status = asked.get("status") in STATUSES ? asked.get("status") : "active";
  let service = asked.get("service");
  let query = null;
  let typing = null;
  const severity = h("select", { "aria-label": "Severity", onchange: ask },
    h("option", { value: "" }, "Any severity"), SEVERITIES.map((item) => h("option", { value: item, selected: item === asked.get("severity") }, item)));
  const search = h("input", { type: "search", placeholder: "Title or service", "aria-label": "Search incidents", maxlength: 200, value: asked.get("q") ?? "", oninput: typed });
  const segments = h("div", { class: "segments", role: "group", "aria-label": "Status" }, Object.entries(STATUSES).map(([key, label]) =>
    h("button", { type: "button", dataset: { key }, onclick: () => choose(key) }, label)));
  const only = h("button", { type: "button", onclick: everywhere });
  const summary = h("p", { class: "muted", role: "status" });
  const fresh = h("span");
  const note = h("div");
  const bulk = new Bulk(() => query.load());
  const every = h("label", { class: "row start every", for: bulk.all.id, hidden: true }, bulk.all, "Select all shown");
  const list = h("ul", { class: "incident-list", "aria-label": "Incidents" });
  const more = h("button", { type: "button", onclick: older, hidden: true }, "Older incidents");
  put(root, h("div", { class: "page-head" }, h("h1", null, "Incidents"), segments),
    h("div", { class: "row wrap filters" }, search, severity, only), h("div", { class: "row wrap" }, summary, fresh), every, bulk.node, note, list, h("p", null, more));

  function choose(key) {
    status = key;
    ask();
  }

  function everywhere() {
    service = null;
    ask();
    search.focus();
  }

  function typed() {
    clearTimeout(typing);
    typing = setTimeout(ask, TYPED_MS);
  }

  function clear() {
    search.value = "";
    severity.value = "";
    everywhere();
  }

  /** Ask the server for what the controls say. */
  function ask() {
    clearTimeout(typing);
    const wanted = { severity: severity.value, service, q: search.value.trim() };
    const kept = Object.entries({ status, ...wanted }).filter(([, value]) => value);
    history.replaceState(null, "", `#/incidents?${new URLSearchParams(kept)}`);
    for (const button of segments.children) button.setAttribute("aria-pressed", String(button.dataset.key === status));
    only.hidden = !service;
    text(only, `Service: ${service} ×`);
    only.setAttribute("aria-label", `Show other services than ${service} too`);
    query?.close();
    put(note);
    text(summary, "Loading…");
    list.classList.add("asking");
    query = new IncidentQuery({ ...wanted, status: ASKED[status] }, FOLLOW[status], render);
    put(fresh, query.source.node);
  }

  function render() {
    if (query.error && query.error.status !== 0) put(note, failure(query.error));
    if (query.summary === null) return;
    list.classList.remove("asking");
    const shown = query.rows;
    keyed(list, shown, (item) => item.id, bulk.row);
    bulk.show(shown);
    every.hidden = !isEngineer() || shown.length === 0;
    more.hidden = query.isComplete;
    text(summary, words(query.summary, shown.length));
    if (!query.error) put(note, shown.length ? null : nothing());
  }

  function words({ total, by_severity: counts }, here) {
    if (!total) return `No ${status === "all" ? "" : `${status} `}incidents${isFiltered() ? " match" : ""}.`;
    const parts = SEVERITIES.filter((item) => counts[item]).map((item) => `${counts[item]} ${item}`);
    const all = counted(total, status === "all" ? "incident" : `${status} incident`);
    return `${all}: ${parts.join(" · ")}${here < total ? ` (newest ${here} shown)` : ""}`;
  }

  function isFiltered() {
    return Boolean(search.value.trim() || severity.value || service);
  }

  function nothing() {
    if (isFiltered()) return h("p", { class: "notice" }, "Nothing matches these filters. ", h("button", { type: "button", onclick: clear }, "Clear filters"));
    return h("p", { class: "notice" }, status === "active" ? "All quiet: nothing needs anybody." : "There have been none yet.");
  }

  async function older() {
    more.disabled = true;
    await query.more();
    more.disabled = false;
  }

  ask();
  const timer = setInterval(() => query.summary && keyed(list, query.rows, (item) => item.id, bulk.row), TICK_MS);
  return () => {
    clearTimeout(typing);
    clearInterval(timer);
    query.close();
  };
}
