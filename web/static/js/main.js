// Entry: session and routes.

import { analyses } from "./analysisfeed.js";
import { isEngineer, me, resume, session, signOut } from "./api.js";
import { failure, h, put, text } from "./dom.js";
import { dropDrafts, hasDrafts } from "./drafts.js";
import { incidentHref } from "./format.js";
import { incidentPage } from "./incident.js";
import { incidents } from "./incidentfeed.js";
import { incidentsPage } from "./incidents.js";
import { receiversPage } from "./receivers.js";
import { servicePage } from "./service.js";
import { servicesPage } from "./services.js";
import { signInPage } from "./signin.js";
import { silencesPage } from "./silences.js";
import { scopeOf } from "./silencewords.js";
import { statisticsPage } from "./statistics.js";
import { zoneInWords } from "./times.js";
import { clearToasts, toast } from "./toasts.js";
import { retitle, startBar } from "./topbar.js";
import { loadConfig } from "./workers.js";

const main = document.getElementById("main");
const topbar = document.getElementById("topbar");

let leave = () => null;
/** Why the sign-in page is shown; null when nobody was signed in. */
let reason = null;

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
  document.body.dataset.session = me() === null ? "out" : "in";
  if (me() === null) {
    retitle("Sign in");
    leave = signInPage(main, reason);
    return;
  }
  const { parts, query } = route();
  const [page = "services", name] = parts;
  for (const link of topbar.querySelectorAll("[data-nav]")) {
    if (link.dataset.nav === page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  leave = open(page, name, query);
}

function open(page, name, query) {
  if (page === "services") {
    retitle(name ?? "Services");
    return name ? servicePage(main, name, query) : servicesPage(main);
  }
  if (page === "incidents") {
    retitle(name ? "Incident" : "Incidents");
    return name ? incidentPage(main, name) : incidentsPage(main, query);
  }
  if (page === "silences") {
    retitle("Silences");
    return silencesPage(main, query);
  }
  if (page === "statistics") {
    retitle("Statistics");
    return statisticsPage(main, query);
  }
  if (page === "receivers") {
    retitle("Receivers");
    return receiversPage(main);
  }
  retitle("No such page");
  put(main, h("h1", null, "There is no such page"), h("p", null, h("a", { href: "#/services" }, "Services")));
  return () => null;
}

function navigate() {
  show();
  window.scrollTo(0, 0);
  main.focus({ preventScroll: true });
}

function enter() {
  reason = null;
  const { username, roles } = me();
  text(document.getElementById("who"), `${username} · ${roles.map((role) => role.toLowerCase()).join(", ")}`);
  topbar.querySelector("[data-nav=receivers]").hidden = !isEngineer();
  incidents.start();
  analyses.start();
  show();
}

function exit({ detail }) {
  incidents.stop();
  analyses.stop();
  clearToasts();
  if (detail.byUser) dropDrafts();
  reason = detail.byUser ? null : `Your session has ended: it has expired or was ended elsewhere. Sign in to go on where you were.${hasDrafts() ? " What you had written is kept." : ""}`;
  show();
}

incidents.addEventListener("change", ({ detail }) => {
  for (const incident of detail.fresh) toast(`New ${incident.severity} incident: ${incident.title}`, incident.severity, incidentHref(incident.id));
});
incidents.addEventListener("silence", ({ detail: { state, silence } }) => toast(`Silence ${state}: ${scopeOf(silence)}`, "info", "#/silences"));
session.addEventListener("signed-in", enter);
session.addEventListener("signed-out", exit);
addEventListener("hashchange", navigate);
document.getElementById("sign-out").addEventListener("click", signOut);
// The hash names the page, so the link moves the focus by itself.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

async function begin() {
  text(document.getElementById("zone"), `Times are in ${zoneInWords()}`);
  startBar();
  await connect();
}

async function connect() {
  try {
    await loadConfig();
    if (!(await resume())) show();
  } catch (error) {
    put(main, failure(error), h("p", null, h("button", { type: "button", onclick: connect }, "Try again")));
  }
}

begin();
