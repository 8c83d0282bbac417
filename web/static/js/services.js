// All services: worst first, each as a card; their sparklines come with one request.

import { all, get } from "./api.js";
import { failure, h, keyed, put, text } from "./dom.js";
import { freshness, Source } from "./freshness.js";
import { rank, tally } from "./health.js";
import { incidents } from "./incidentfeed.js";
import { serviceCard, SPAN_S } from "./servicecard.js";

const REFRESH_MS = 5_000;
const SPARK_MS = 10_000;
const FRESH_MS = 15_000;
/** Scrolling and typing rest this long before charts are asked for. */
const SCROLL_MS = 200;
/** The most services, and the longest names together, that one request may hold. */
const MOST = { services: 100, characters: 4_000 };

/** Show the page; returns how to leave it. */
export function servicesPage(root) {
  const source = new Source("metrics", "figures", FRESH_MS);
  const summary = h("p", { class: "muted", role: "status" }, "Loading…");
  const search = h("input", { type: "search", placeholder: "Filter services", "aria-label": "Filter services" });
  const list = h("ul", { class: "service-grid" });
  const note = h("div");
  put(root, h("div", { class: "page-head" }, h("h1", null, "Services"), search), h("div", { class: "row wrap" }, summary, source.node), note, list);
  let services = null;
  let left = false;
  let soon = null;

  const views = () => [...(list.keyedViews?.entries() ?? [])];

  function render() {
    if (services === null) return;
    const wanted = search.value.trim().toLowerCase();
    const shown = services.filter((item) => item.service_name.toLowerCase().includes(wanted));
    keyed(list, shown, (item) => item.service_name, serviceCard);
    text(summary, tally(services) || "No services");
    if (shown.length) put(note);
    else if (!note.firstChild || note.dataset.for !== wanted) put(note, services.length ? noMatch() : empty());
    note.dataset.for = wanted;
  }

  function noMatch() {
    const clear = () => {
      search.value = "";
      render();
      search.focus();
    };
    return h("p", { class: "notice" }, `No service has “${search.value.trim()}” in its name. `, h("button", { type: "button", onclick: clear }, "Show all"));
  }

  async function load() {
    try {
      const items = await all("/api/services");
      if (left) return;
      services = items.sort((a, b) => rank(a) - rank(b) || a.service_name.localeCompare(b.service_name));
      source.heard();
      render();
    } catch (error) {
      // A worker that is away is named above the page; the cards stay, marked as old.
      if (!left && error.status !== 0) put(note, failure(error));
    }
  }

  /** Ask for the windows of all cards, of very many those in sight: one request, unless names are long. */
  async function draw() {
    const known = views();
    const seen = known.length <= MOST.services ? known : known.filter(([, view]) => inSight(view.node));
    for (const part of portions(seen)) {
      const answer = left ? null : await get("/api/metrics/aggregated", windowsOf(part)).catch(() => null);
      if (!answer || left) return;
      const found = Map.groupBy(answer.series, (one) => one.service_name);
      for (const [name, view] of part) view.draw(found.get(name) ?? []);
    }
  }

  function drawSoon() {
    clearTimeout(soon);
    soon = setTimeout(draw, SCROLL_MS);
  }

  function tick() {
    const isBehind = source.state === "away" || source.state === "stale";
    for (const [, view] of views()) view.tick(isBehind);
  }

  search.addEventListener("input", () => (render(), drawSoon()));
  addEventListener("scroll", drawSoon, { passive: true });
  incidents.addEventListener("count", load);
  freshness.addEventListener("change", tick);
  load().then(draw);
  const timers = [setInterval(load, REFRESH_MS), setInterval(draw, SPARK_MS)];
  return () => {
    left = true;
    timers.forEach(clearInterval);
    clearTimeout(soon);
    removeEventListener("scroll", drawSoon);
    incidents.removeEventListener("count", load);
    freshness.removeEventListener("change", tick);
    source.close();
  };
}

function windowsOf(entries) {
  const metrics = entries.map(([, view]) => view.wanted());
  return {
    service: entries.map(([name]) => name),
    // Of a service too young for a closed window nobody knows the metrics yet.
    metric: metrics.includes(undefined) ? null : [...new Set(metrics)],
    window: "1m",
    from: new Date(Date.now() - SPAN_S * 1000).toISOString(),
    fields: "mean,count",
  };
}

function portions(entries) {
  const found = [];
  let room = 0;
  for (const entry of entries) {
    room -= entry[0].length;
    if (room < 0 || found.at(-1).length >= MOST.services) {
      found.push([]);
      room = MOST.characters - entry[0].length;
    }
    found.at(-1).push(entry);
  }
  return found;
}

function empty() {
  return h("p", { class: "notice" }, "No service has reported yet. Send metrics with ", h("code", null, "POST /api/metrics"), " or start the demo.");
}

function inSight(node) {
  const box = node.getBoundingClientRect();
  return box.bottom > -200 && box.top < innerHeight + 200;
}
