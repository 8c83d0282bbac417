// The list of incidents: live, with filters; older pages on demand.

import { get } from "./api.js";
import { failure, h, keyed, put, text } from "./dom.js";
import { incidents } from "./feeds.js";
import { incidentRow } from "./incidentrow.js";

const PAGE = 50;
const TICK_MS = 5_000;
const STATUSES = { active: "Active", resolved: "Resolved", all: "All" };

/** Show the page; returns how to leave it. */
export function incidentsPage(root, query) {
  document.title = "Incidents · LiveOps AI";
  let status = query.get("status") in STATUSES ? query.get("status") : "active";
  let cursor = null;
  let left = false;
  const severity = h("select", { "aria-label": "Severity", onchange: render },
    h("option", { value: "" }, "Any severity"), ["critical", "high", "medium", "low"].map((item) => h("option", { value: item }, item)));
  const search = h("input", { type: "search", placeholder: "Title or service", "aria-label": "Search incidents", oninput: render });
  const segments = h("div", { class: "segments", role: "group", "aria-label": "Status" }, Object.entries(STATUSES).map(([key, label]) =>
    h("button", { type: "button", dataset: { key }, onclick: () => choose(key) }, label)));
  const summary = h("p", { class: "muted", role: "status" });
  const note = h("div");
  const list = h("ul", { class: "incident-list", "aria-label": "Incidents" });
  const more = h("button", { type: "button", onclick: older, hidden: true }, "Older incidents");
  put(root, h("div", { class: "page-head" }, h("h1", null, "Incidents"), segments),
    h("div", { class: "row wrap filters" }, search, severity), summary, note, list, h("p", null, more));

  function choose(key) {
    status = key;
    history.replaceState(null, "", `#/incidents?status=${key}`);
    render();
  }

  function matches(incident) {
    const wanted = search.value.trim().toLowerCase();
    const inStatus = status === "all" || (status === "resolved") === (incident.status === "resolved");
    const words = [incident.title, incident.service_name, ...incident.affected_services].join(" ").toLowerCase();
    return inStatus && (!severity.value || incident.severity === severity.value) && words.includes(wanted);
  }

  function render() {
    for (const button of segments.children) button.setAttribute("aria-pressed", String(button.dataset.key === status));
    const shown = incidents.list().filter(matches);
    keyed(list, shown, (item) => item.id, incidentRow);
    text(summary, shown.length ? `${shown.length} shown` : `No ${status === "all" ? "" : `${status} `}incidents${search.value || severity.value ? " match" : ""}.`);
  }

  async function older() {
    more.disabled = true;
    try {
      const page = await get("/api/incidents", { limit: PAGE, cursor });
      if (left) return;
      cursor = page.next_cursor;
      more.hidden = cursor === null;
      incidents.take(page.items);
      put(note);
      render();
    } catch (error) {
      if (!left) put(note, failure(error));
    } finally {
      more.disabled = false;
    }
  }

  incidents.addEventListener("change", render);
  render();
  older();
  const timer = setInterval(render, TICK_MS);
  return () => {
    left = true;
    clearInterval(timer);
    incidents.removeEventListener("change", render);
  };
}
