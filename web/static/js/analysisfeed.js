// Newest analysis of an incident, shared by all pages: one socket, HTTP besides.

import { get } from "./api.js";
import { LiveSocket } from "./live.js";

/** By incident id. Dispatches "change" (detail: one), "state" and "poll". */
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

export const analyses = new AnalysisFeed();
