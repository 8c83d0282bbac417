// The bar: whether all that the page shows is live, how many incidents need somebody, the
// title of the window, the theme.

import { h, put, text } from "./dom.js";
import { freshness, outages, overall } from "./freshness.js";
import { incidents } from "./incidentfeed.js";

const STATES = { live: "Live", polling: "Polling", connecting: "Connecting", stale: "Not live", away: "Not live" };
const THEMES = ["auto", "light", "dark"];
const linkState = document.getElementById("link-state");
const outage = document.getElementById("outage");
const badge = document.getElementById("open-count");
const themeToggle = document.getElementById("theme-toggle");
let name = "LiveOps AI";

/** Name the page in the window's title, after the number of unresolved incidents. */
export function retitle(page) {
  name = page;
  const open = incidents.unresolved?.total ?? 0;
  const title = `${open ? `(${open}) ` : ""}${name} · LiveOps AI`;
  if (document.title !== title) document.title = title;
}

function countOpen() {
  const open = incidents.unresolved?.total ?? 0;
  badge.hidden = open === 0;
  text(badge, String(open));
  badge.setAttribute("aria-label", `${open} not resolved`);
  retitle(name);
}

function showLink() {
  const state = overall();
  linkState.dataset.state = state;
  text(linkState, STATES[state]);
  showOutages();
}

/** The reason is announced once; the age beside it runs on in silence. */
function showOutages() {
  const found = outages();
  const workers = found.map((one) => one.worker).join(" ") + found.map((one) => one.sentence[0]).join(" ");
  outage.hidden = found.length === 0;
  if (outage.dataset.workers !== workers) {
    outage.dataset.workers = workers;
    put(outage, found.map((one) => h("p", null, h("span", { role: "status" }, one.sentence[0]), h("span", null))));
  }
  found.forEach((one, index) => text(outage.children[index].lastChild, `: ${one.sentence[1]}.`));
}

function showTheme() {
  text(themeToggle, `Theme: ${document.documentElement.dataset.theme ?? "auto"}`);
}

function turnTheme() {
  const now = document.documentElement.dataset.theme ?? "auto";
  const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
  if (next === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem("liveops.theme", next);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  showTheme();
  dispatchEvent(new Event("themechange"));
}

/** Bring the bar to life. */
export function startBar() {
  showTheme();
  showLink();
  themeToggle.addEventListener("click", turnTheme);
  incidents.addEventListener("count", countOpen);
  freshness.addEventListener("change", showLink);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("themechange")));
}
