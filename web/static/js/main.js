// Entry: session, routes, top bar.

import { loadConfig, me, resume, session, signOut } from "./api.js";
import { failure, h, put, text, toast } from "./dom.js";
import { analyses, incidents } from "./feeds.js";
import { incidentPage } from "./incident.js";
import { incidentsPage } from "./incidents.js";
import { servicePage } from "./service.js";
import { servicesPage } from "./services.js";
import { signInPage } from "./signin.js";

const main = document.getElementById("main");
const topbar = document.getElementById("topbar");
const linkState = document.getElementById("link-state");
const themeToggle = document.getElementById("theme-toggle");
const STATES = { live: "Live", polling: "Polling", offline: "Offline", connecting: "Connecting" };
const THEMES = ["auto", "light", "dark"];

let leave = () => null;

/** "#/incidents/ID?x=1" → {parts: ["incidents", "ID"], query}. */
function route() {
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return { parts, query: new URLSearchParams(search) };
}

function show() {
  leave();
  leave = () => null;
  topbar.hidden = me() === null;
  if (me() === null) {
    document.title = "Sign in · LiveOps AI";
    leave = signInPage(main);
    return;
  }
  const { parts, query } = route();
  const [page = "services", name] = parts;
  for (const link of topbar.querySelectorAll("[data-nav]")) {
    if (link.dataset.nav === page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (page === "services") leave = name ? servicePage(main, name, query) : servicesPage(main);
  else if (page === "incidents") leave = name ? incidentPage(main, name) : incidentsPage(main, query);
  else put(main, h("p", { class: "notice" }, "There is no such page. ", h("a", { href: "#/services" }, "Services")));
  countOpen();
}

function navigate() {
  if (location.hash === "#main") return;
  show();
  window.scrollTo(0, 0);
  main.focus({ preventScroll: true });
}

function countOpen() {
  const open = incidents.active();
  const badge = document.getElementById("open-count");
  badge.hidden = open === 0;
  text(badge, String(open));
  badge.setAttribute("aria-label", `${open} not resolved`);
  document.title = document.title.replace(/^(\(\d+\) )?/, open ? `(${open}) ` : "");
}

function showLink() {
  linkState.dataset.state = incidents.state;
  text(linkState, STATES[incidents.state]);
}

function enter() {
  const { username, roles } = me();
  text(document.getElementById("who"), `${username} · ${roles.map((role) => role.toLowerCase()).join(", ")}`);
  incidents.start();
  analyses.start();
  show();
}

function exit() {
  incidents.stop();
  analyses.stop();
  show();
}

function showTheme() {
  const theme = document.documentElement.dataset.theme ?? "auto";
  text(themeToggle, `Theme: ${theme}`);
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

incidents.addEventListener("change", ({ detail }) => {
  countOpen();
  for (const incident of detail.fresh) toast(`New ${incident.severity} incident: ${incident.title}`, incident.severity, `#/incidents/${incident.id}`);
});
incidents.addEventListener("state", showLink);
session.addEventListener("signed-in", enter);
session.addEventListener("signed-out", exit);
addEventListener("hashchange", navigate);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("themechange")));
themeToggle.addEventListener("click", turnTheme);
document.getElementById("sign-out").addEventListener("click", signOut);

async function begin() {
  showTheme();
  showLink();
  try {
    await loadConfig();
    if (!(await resume())) show();
  } catch (error) {
    put(main, failure(error), h("p", null, h("button", { type: "button", onclick: begin }, "Try again")));
  }
}

begin();
