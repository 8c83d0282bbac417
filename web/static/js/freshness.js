// How old what the page shows is: one source a panel, and the sum of them for the bar.

import { h, text } from "./dom.js";
import { age } from "./times.js";
import { trouble, workers } from "./workers.js";

const TICK_MS = 1_000;
/** Worst last. */
const ORDER = ["live", "polling", "connecting", "stale", "away"];
const sources = new Set();

/** Dispatches "change" every second and whenever a source or a worker changes. */
export const freshness = new EventTarget();

/**
 * What one panel shows: `what` (a plural noun) from `worker`, old after `limitMs` without an
 * answer. `node` tells the age; with `followed(state)` it also needs a socket.
 */
export class Source {
  node = h("span", { class: "fresh" });
  #at = null;
  #socket = "live";

  constructor(worker, what, limitMs) {
    Object.assign(this, { worker, what, limitMs });
    sources.add(this);
    this.show();
  }

  /** An answer or a message came. */
  heard() {
    this.#at = Date.now();
    changed();
  }

  /** The state of the socket: "live" or "polling". */
  followed(state) {
    this.#socket = state;
    changed();
  }

  close() {
    sources.delete(this);
    changed();
  }

  get ageMs() {
    return this.#at === null ? null : Date.now() - this.#at;
  }

  /** "live", "polling" (no socket), "connecting" (nothing yet), "stale" or "away". */
  get state() {
    if (trouble(this.worker)) return "away";
    if (this.#at === null) return "connecting";
    if (this.ageMs > this.limitMs) return "stale";
    return this.#socket === "live" ? "live" : this.#socket;
  }

  /** Why the worker is not followed, in words, and how old its data is. */
  get sentence() {
    // Auth is asked only when a token has to be renewed: without one nobody else can be asked.
    const why = trouble("auth") ?? trouble(this.worker) ?? `LiveOps ${this.worker} worker does not answer`;
    return [why, this.#at === null ? `there are no ${this.what} yet` : `${this.what} are ${age(this.ageMs)} old`];
  }

  show() {
    this.node.dataset.state = this.state;
    text(this.node, this.#at === null ? "not loaded yet" : this.ageMs < 3_000 ? "updated just now" : `${isBehind(this) ? "" : "updated "}${age(this.ageMs)} ${isBehind(this) ? "old" : "ago"}`);
  }
}

function isBehind(source) {
  return source.state === "away" || source.state === "stale";
}

/** The worst state of all sources on the page. */
export function overall() {
  const places = [...sources].map((source) => ORDER.indexOf(source.state));
  return places.length ? ORDER[Math.max(...places)] : "connecting";
}

/** One [why, how old] a worker that is behind, of its oldest source. */
export function outages() {
  const found = new Map();
  for (const source of sources) {
    const known = found.get(source.worker);
    if (isBehind(source) && (!known || (source.ageMs ?? 0) > (known.ageMs ?? 0))) found.set(source.worker, source);
  }
  return [...found].map(([worker, source]) => ({ worker, sentence: source.sentence }));
}

function changed() {
  for (const source of sources) source.show();
  freshness.dispatchEvent(new Event("change"));
}

workers.addEventListener("change", changed);
setInterval(changed, TICK_MS);
