// The raw values of one service as they come: a socket, and by HTTP what was before it.

import { get } from "./api.js";
import { LiveBuffer } from "./buffer.js";
import { LiveSocket } from "./live.js";

/** The live chart's span, seconds. */
export const LIVE_SPAN_S = 300;
const PAGE = 500;
const MAX_PAGES = 8;
/** The archive is this far behind the socket at most; then what lies between is fetched. */
const ARCHIVED_MS = 4_000;

/** `onValues()` after news, `onState("live"|"polling")` of the socket, `onHeard()` on an answer. */
export class LiveValues {
  buffer = new LiveBuffer();
  /** Metric type → since when (epoch seconds) its values are here without a hole. */
  #since = new Map();
  #service;
  #metric = null;
  #handlers;
  #socket;
  #again = null;
  #left = false;

  constructor(service, handlers) {
    this.#service = service;
    this.#handlers = handlers;
    this.#socket = new LiveSocket(`/api/metrics/live?${new URLSearchParams({ service })}`, {
      onMessage: (message) => this.#hear(message),
      onState: (state) => this.#turn(state),
      poll: () => this.fill(),
    });
  }

  close() {
    this.#left = true;
    clearTimeout(this.#again);
    this.#socket.close();
  }

  /** The metric that is shown; its last minutes are fetched. */
  follow(metric) {
    if (metric === this.#metric) return;
    this.#metric = metric;
    this.fill();
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.fill(), ARCHIVED_MS);
  }

  /** Since when (epoch seconds) the shown metric is here without a hole; null before the answer. */
  get sinceS() {
    return this.#since.get(this.#metric) ?? null;
  }

  /** Fetch the last minutes of the shown metric: the socket's first message holds too few. */
  async fill() {
    const metric = this.#metric;
    if (metric === null) return;
    const from = new Date(Date.now() - LIVE_SPAN_S * 1000);
    let cursor = null;
    let since = from.getTime() / 1000;
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const page = await get("/api/metrics/raw", { service: this.#service, metric, from: from.toISOString(), limit: PAGE, cursor }).catch(() => null);
      if (!page || this.#left) return;
      this.#take(page.items);
      cursor = page.next_cursor;
      if (!cursor) break;
      if (pages === MAX_PAGES - 1) since = Date.parse(page.items.at(-1).timestamp) / 1000;
    }
    this.#since.set(metric, since);
    this.#handlers.onHeard();
  }

  #hear(message) {
    this.#handlers.onHeard();
    if (message.type === "dropped") this.fill();
    else this.#take(message.metrics ?? []);
  }

  #take(metrics) {
    this.buffer.add(metrics);
    this.#handlers.onValues();
  }

  #turn(state) {
    this.#handlers.onState(state);
    if (state === "live") this.fill(); // what came while it was down
  }
}
