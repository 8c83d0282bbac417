// All services: health, when last seen, and a sparkline of the metric that matters most.

import { all, get } from "./api.js";
import { failure, h, keyed, put, text } from "./dom.js";
import { incidents } from "./feeds.js";
import { foremost } from "./foremost.js";
import { ago, number } from "./format.js";
import { sparkline } from "./sparkline.js";

const REFRESH_MS = 5_000;
const SPARK_MS = 10_000;
/** Scrolling and typing rest this long before charts are asked for. */
const SCROLL_MS = 200;
const SPAN_S = 1_800;
/** Services asked for their windows at the same time. */
const PARALLEL = 4;
const ORDER = ["critical", "degraded", "silent", "ok"];
const WORDS = { ok: "Healthy", degraded: "Degraded", critical: "Critical", silent: "Silent" };

/** Show the page; returns how to leave it. */
export function servicesPage(root) {
  document.title = "Services · LiveOps AI";
  const summary = h("p", { class: "muted", role: "status" });
  const search = h("input", { type: "search", placeholder: "Filter services", "aria-label": "Filter services" });
  const list = h("ul", { class: "service-grid" });
  const note = h("div");
  put(root, h("div", { class: "page-head" }, h("h1", null, "Services"), search), summary, note, list);
  let services = [];
  let left = false;
  let soon = null;

  function render() {
    const wanted = search.value.trim().toLowerCase();
    const shown = services.filter((item) => item.service_name.toLowerCase().includes(wanted));
    keyed(list, shown, (item) => item.service_name, card);
    text(summary, tally(services));
  }

  async function load() {
    try {
      const items = await all("/api/services");
      if (left) return;
      services = items.sort((a, b) => ORDER.indexOf(a.health) - ORDER.indexOf(b.health) || a.service_name.localeCompare(b.service_name));
      put(note, services.length ? null : empty());
      render();
    } catch (error) {
      if (!left) put(note, failure(error));
    }
  }

  /** Ask for the windows of the cards in sight. */
  async function draw() {
    const queue = [...list.keyedViews?.values() ?? []].filter((view) => inSight(view.node));
    const worker = async () => {
      while (queue.length && !left) await queue.shift().draw().catch(() => null);
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
  }

  function drawSoon() {
    clearTimeout(soon);
    soon = setTimeout(draw, SCROLL_MS);
  }

  search.addEventListener("input", () => (render(), drawSoon()));
  addEventListener("scroll", drawSoon, { passive: true });
  incidents.addEventListener("change", load);
  load().then(draw);
  const timers = [setInterval(load, REFRESH_MS), setInterval(draw, SPARK_MS)];
  return () => {
    left = true;
    timers.forEach(clearInterval);
    clearTimeout(soon);
    removeEventListener("scroll", drawSoon);
    incidents.removeEventListener("change", load);
  };
}

function tally(services) {
  const counts = ORDER.map((health) => [services.filter((item) => item.health === health).length, WORDS[health].toLowerCase()]);
  return counts.filter(([count]) => count).map(([count, word]) => `${count} ${word}`).join(" · ");
}

function empty() {
  return h("p", { class: "notice" }, "No service has reported yet. Send metrics with ", h("code", null, "POST /api/metrics"), " or start the demo.");
}

function inSight(node) {
  const box = node.getBoundingClientRect();
  return box.bottom > -200 && box.top < innerHeight + 200;
}

function card(first) {
  const name = first.service_name;
  const health = h("span", { class: "health" });
  const metric = h("span", { class: "muted" });
  const value = h("span", { class: "value" });
  const seen = h("span", { class: "muted" });
  const open = h("span", { class: "pill" });
  const spark = sparkline(`Last 30 minutes of ${name}`);
  const link = h("a", { class: "card service", href: `#/services/${encodeURIComponent(name)}` },
    h("span", { class: "row" }, h("strong", { class: "name" }, name), health),
    h("span", { class: "row" }, metric, value), spark.node,
    h("span", { class: "row small" }, seen, open));
  let item = first;
  return {
    node: h("li", null, link),
    update(next) {
      item = next;
      health.dataset.health = item.health;
      link.dataset.health = item.health;
      text(health, WORDS[item.health] ?? item.health);
      text(seen, `seen ${ago(item.last_seen)}`);
      open.hidden = !item.open_incidents;
      text(open, `${item.open_incidents} open`);
    },
    async draw() {
      const series = await recent(name);
      if (!series.length) return;
      const chosen = foremost(series.map((one) => one.metric_type), name);
      const points = merged(series.filter((one) => one.metric_type === chosen));
      text(metric, chosen);
      text(value, number(points.at(-1)?.[1]));
      spark.draw(points, SPAN_S);
    },
  };
}

async function recent(name) {
  const from = new Date(Date.now() - SPAN_S * 1000).toISOString();
  const answer = await get("/api/metrics/aggregated", { service: name, window: "1m", from });
  return answer.series;
}

/** Mean by minute over all tag sets, weighted by count. */
function merged(series) {
  const minutes = new Map();
  for (const point of series.flatMap((one) => one.points)) {
    const time = Date.parse(point.start) / 1000;
    const found = minutes.get(time) ?? { sum: 0, count: 0 };
    minutes.set(time, { sum: found.sum + point.sum, count: found.count + point.count });
  }
  return [...minutes].sort(([a], [b]) => a - b).map(([time, { sum, count }]) => [time, sum / count]);
}
