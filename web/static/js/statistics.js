// How many incidents there were, how long they took, and how many were false alarms.

import { get, isEngineer } from "./api.js";
import { failure, h, put } from "./dom.js";
import { counted, percent } from "./format.js";
import { Source } from "./freshness.js";
import { howRight } from "./howright.js";
import { duration } from "./times.js";

const REFRESH_MS = 60_000;
const FRESH_MS = 150_000;
const SPANS = { 7: "7 d", 30: "30 d", 90: "90 d", 365: "1 y" };
const DAY_MS = 86_400_000;
const MOST_SERVICES = 50;
const WEEK = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric", timeZone: "UTC" });

/** Show the page; returns how to leave it. */
export function statisticsPage(main, asked) {
  let days = asked.get("days") in SPANS ? asked.get("days") : "90";
  let left = false;
  const source = new Source("incidents", "statistics", FRESH_MS);
  const note = h("div");
  const body = h("div", { class: "stack wide" });
  const analyses = howRight();
  const spans = h("div", { class: "segments", role: "group", "aria-label": "Time range" }, Object.entries(SPANS).map(([key, label]) =>
    h("button", { type: "button", dataset: { key }, onclick: () => choose(key) }, label)));
  put(main, h("div", { class: "page-head" }, h("h1", null, "Statistics"), h("div", { class: "row" }, source.node, spans)), note, h("div", { class: "stack wide" }, body, analyses.node));

  function choose(key) {
    days = key;
    history.replaceState(null, "", `#/statistics?days=${days}`);
    load();
  }

  async function load() {
    const chosen = days;
    analyses.load();
    for (const button of spans.children) button.setAttribute("aria-pressed", String(button.dataset.key === days));
    try {
      const found = await get("/api/incidents/stats", { from: new Date(Date.now() - Number(days) * DAY_MS).toISOString() });
      if (left || chosen !== days) return;
      source.heard();
      put(note);
      put(body, ...parts(found));
    } catch (error) {
      if (!left && error.status !== 0) put(note, failure(error));
    }
  }

  load();
  const timer = setInterval(load, REFRESH_MS);
  return () => {
    left = true;
    clearInterval(timer);
    source.close();
  };
}

function parts(found) {
  const names = isEngineer() ? { mtta: "Mean time to acknowledge", mttr: "Mean time to resolve" } : { mtta: "Until somebody had it, on average", mttr: "Until it was over, on average" };
  const weeks = found.by_week.toReversed().map((one) => [WEEK.format(new Date(one.week)), one]);
  const services = found.by_service.slice(0, MOST_SERVICES).map((one) => [
    h("a", { href: `#/incidents?${new URLSearchParams({ status: "all", service: one.service_name })}` }, one.service_name), one]);
  return [
    h("dl", { class: "figures card" }, [["Incidents", String(found.count)], [names.mtta, time(found.mtta_s)], [names.mttr, time(found.mttr_s)], ["False alarms", share(found)]]
      .map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value)))),
    h("p", { class: "muted small" }, `False alarms: what people called no incident, of all that they judged (${counted(found.judged, "incident")}).`),
    found.count ? [table("By week", "Week from", weeks), table("By service", "Service", services)] : h("p", { class: "notice" }, "There were no incidents in this time."),
  ];
}

function table(title, first, rows) {
  const id = `stats-${first.toLowerCase().replace(" ", "-")}`;
  const most = Math.max(...rows.map(([, one]) => one.count));
  return h("div", { class: "card stack" }, h("h2", { id }, title),
    h("div", { class: "scroll-x", tabindex: "0", role: "region", "aria-labelledby": id }, h("table", { class: "stats" },
      h("thead", null, h("tr", null, [first, "Incidents", "Acknowledged after", "Resolved after", "False alarms"].map((one) => h("th", { scope: "col" }, one)))),
      h("tbody", null, rows.map(([name, one]) => h("tr", null, h("th", { scope: "row" }, name),
        h("td", null, bar(one.count / most), String(one.count)), h("td", null, time(one.mtta_s)), h("td", null, time(one.mttr_s)), h("td", null, share(one))))))));
}

function bar(part) {
  const inner = h("span", { class: "bar-fill" });
  inner.style.setProperty("inline-size", percent(part));
  return h("span", { class: "bar", "aria-hidden": "true" }, inner);
}

function time(seconds) {
  return seconds === null ? "–" : duration(seconds * 1000);
}

function share({ judged, false_alarm_share: part }) {
  return judged ? `${percent(part)} of ${judged}` : "–";
}
