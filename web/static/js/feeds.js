// Incidents and analyses shared by all pages: one socket each, newest version wins.

import { get } from "./api.js";
import { LiveSocket } from "./live.js";

const KEPT = 1000;
const RECENT = 100;
/** Live messages may be lost behind the socket (Redis keeps none); this closes the gap. */
const CATCH_UP_MS = 30_000;

/** Incidents by id. Dispatches "change" (detail: what came) and "state". */
class IncidentFeed extends EventTarget {
  items = new Map();
  state = "connecting";
  #socket = null;
  #catchUp = null;
  /** Greatest time of detection seen; null before the first answer. */
  #newest = null;

  start() {
    this.#socket = new LiveSocket("/api/incidents/live", {
      onMessage: (message) => message.incidents && this.take(message.incidents),
      onState: (state) => this.#turn(state),
      poll: () => this.load().catch(() => this.#turn("offline")),
    });
    this.load().catch(() => null);
    this.#catchUp = setInterval(() => this.load().catch(() => null), CATCH_UP_MS);
  }

  stop() {
    clearInterval(this.#catchUp);
    this.#socket?.close();
    this.items.clear();
    this.#newest = null;
    this.#turn("connecting");
  }

  /** Read the newest incidents by HTTP. */
  async load() {
    const page = await get("/api/incidents", { limit: RECENT });
    this.take(page.items);
    if (this.state === "offline") this.#turn("polling");
  }

  /** Merge incidents; older versions of known ones are ignored. */
  take(incidents) {
    const fresh = [];
    const newest = this.#newest;
    const changed = incidents.filter((incident) => {
      const old = this.items.get(incident.id);
      if (old && old.version >= incident.version) return false;
      const at = Date.parse(incident.detected_at);
      // Older pages and the first answer are history, not news.
      if (!old && newest !== null && at > newest) fresh.push(incident);
      this.#newest = Math.max(this.#newest ?? 0, at);
      this.items.set(incident.id, incident);
      return true;
    });
    this.#newest ??= 0;
    this.#forgetOldest();
    if (changed.length) this.dispatchEvent(new CustomEvent("change", { detail: { changed, fresh } }));
  }

  /** Newest first. */
  list() {
    return [...this.items.values()].sort((a, b) => Date.parse(b.detected_at) - Date.parse(a.detected_at) || (a.id < b.id ? 1 : -1));
  }

  /** How many are not resolved. */
  active() {
    return [...this.items.values()].filter((incident) => incident.status !== "resolved").length;
  }

  #forgetOldest() {
    if (this.items.size <= KEPT) return;
    for (const incident of this.list().slice(KEPT)) this.items.delete(incident.id);
  }

  #turn(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}

/** Newest analysis of an incident, by incident id. Dispatches "change" (detail: one). */
class AnalysisFeed extends EventTarget {
  items = new Map();
  state = "connecting";
  #socket = null;

  start() {
    this.#socket = new LiveSocket("/api/analysis/live", {
      // A snapshot and a batch hold a list, a single completion holds one.
      onMessage: (message) => this.#take(message.analyses ?? [message.analysis].filter(Boolean), message.type === "snapshot"),
      onState: (state) => this.#turn(state),
      poll: () => this.dispatchEvent(new Event("poll")),
    });
  }

  stop() {
    this.#socket?.close();
    this.items.clear();
    this.#turn("connecting");
  }

  /** Read one by HTTP; null when none was asked for. */
  async load(incidentId) {
    try {
      const found = await get(`/api/analysis/${incidentId}`);
      this.#take([found]);
      return found;
    } catch (error) {
      if (error.status === 404) return null;
      throw error;
    }
  }

  #take(analyses, isSnapshot = false) {
    for (const item of analyses) {
      const old = this.items.get(item.incident_id);
      // A slow HTTP answer may be older than what the socket brought since it was asked.
      if (old?.id === item.id && old.status !== "pending" && item.status === "pending") continue;
      // Snapshots hold finished analyses only; a newer one may be under way.
      if (isSnapshot && old && old.id !== item.id) continue;
      this.items.set(item.incident_id, item);
      this.dispatchEvent(new CustomEvent("change", { detail: item }));
    }
  }

  #turn(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}

export const incidents = new IncidentFeed();
export const analyses = new AnalysisFeed();
