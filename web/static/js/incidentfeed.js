// News of incidents, shared by all pages: one socket, newest version wins; and how many
// are unresolved, as the server counts them.

import { get } from "./api.js";
import { Source } from "./freshness.js";
import { LiveSocket } from "./live.js";

/** The statuses of what needs somebody. */
export const UNRESOLVED = ["open", "acknowledged"];
const KEPT = 1000;
const NEWEST = 100;
/** After news the server is asked for its counts, at most this often. */
const COUNT_SOON_MS = 400;
const COUNT_MS = 10_000;
const FRESH_MS = 25_000;
/** Live messages may be lost behind the socket (Redis keeps none); this closes the gap. */
const CATCH_UP_MS = 30_000;

/**
 * Incidents by id, as far as they came by. Dispatches "change" (detail: {changed, fresh}),
 * "silence" (detail: {state, silence}) when one begins or ends, "count" when `unresolved` was asked anew, and "refresh" when pages should ask again.
 */
class IncidentFeed extends EventTarget {
  items = new Map();
  /** {total, by_status, by_severity} of unresolved incidents; null before the first answer. */
  unresolved = null;
  /** How old what is known of incidents is; null before the start. */
  source = null;
  #socket = null;
  #timers = [];
  #soon = null;
  /** Ids ever seen, and the greatest time of detection that was history. */
  #known = new Set();
  #history = 0;
  /** Where the first answer has come from already: what it holds is history, not news. */
  #settled = new Set();

  start() {
    this.source = new Source("incidents", "incidents", FRESH_MS);
    this.#socket = new LiveSocket("/api/incidents/live", {
      onMessage: (message) => this.#hear(message),
      onState: (state) => this.#turn(state),
      poll: () => this.refresh(),
    });
    this.#timers = [setInterval(() => this.#count(), COUNT_MS), setInterval(() => this.refresh(), CATCH_UP_MS)];
    this.refresh();
  }

  stop() {
    this.#timers.forEach(clearInterval);
    clearTimeout(this.#soon);
    this.#soon = null;
    this.#socket?.close();
    this.source?.close();
    this.items.clear();
    this.unresolved = null;
    this.#known.clear();
    this.#settled.clear();
    this.#history = 0;
  }

  /** Ask anew, and let pages do the same. */
  async refresh() {
    this.dispatchEvent(new Event("refresh"));
    await Promise.all([this.#load(), this.#count()]);
  }

  async #load() {
    const page = await get("/api/incidents", { status: UNRESOLVED, limit: NEWEST }).catch(() => null);
    if (page) this.take(page.items, "list");
  }

  async #count() {
    const found = await get("/api/incidents/summary", { status: UNRESOLVED }).catch(() => null);
    if (!found) return;
    this.unresolved = found;
    this.source.heard();
    this.dispatchEvent(new Event("count"));
  }

  #countSoon() {
    this.#soon ??= setTimeout(() => {
      this.#soon = null;
      this.#count();
    }, COUNT_SOON_MS);
  }

  #hear(message) {
    if (message.type === "dropped") this.refresh();
    if (message.type === "silence") this.dispatchEvent(new CustomEvent("silence", { detail: message }));
    if (message.incidents) this.take(message.incidents, "socket");
  }

  #turn(state) {
    this.source.followed(state);
    if (state === "live") this.refresh(); // what happened while it was down
  }

  /** Merge incidents; older versions of known ones are ignored. `origin`: who asked. */
  take(incidents, origin = "page") {
    const fresh = [];
    const isHistory = origin === "page" ? this.#settled.size < 2 : !this.#settled.has(origin);
    const changed = incidents.filter((incident) => {
      const old = this.items.get(incident.id);
      if (old && old.version >= incident.version) return false;
      const at = Date.parse(incident.detected_at);
      if (isHistory) this.#history = Math.max(this.#history, at);
      // News may come out of order; older pages hold no news.
      else if (!this.#known.has(incident.id) && at > this.#history) fresh.push(incident);
      this.#known.add(incident.id);
      this.items.set(incident.id, incident);
      return true;
    });
    if (origin !== "page") this.#settled.add(origin);
    this.#forgetOldest();
    if (!changed.length) return;
    this.#countSoon();
    this.dispatchEvent(new CustomEvent("change", { detail: { changed, fresh } }));
  }

  #forgetOldest() {
    if (this.items.size <= KEPT) return;
    for (const incident of newestFirst(this.items.values()).slice(KEPT)) this.items.delete(incident.id);
  }
}

/** Incidents in the order of the server's lists. */
export function newestFirst(incidents) {
  return [...incidents].sort((a, b) => Date.parse(b.detected_at) - Date.parse(a.detected_at) || (a.id < b.id ? 1 : -1));
}

export const incidents = new IncidentFeed();
