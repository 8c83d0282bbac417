// A list of incidents as the server has it: asked by filter, kept up by news, counted by
// the server.

import { get } from "./api.js";
import { Source } from "./freshness.js";
import { incidents, newestFirst } from "./incidentfeed.js";

const PAGE = 100;
const FRESH_MS = 25_000;

/**
 * Incidents that match `filters` ({status: [...], severity, service, q}). `follow`: how many
 * rows to fetch by following the cursor. `onChange()` is called whenever rows or counts change.
 */
export class IncidentQuery {
  /** {total, by_status, by_severity} of all that match; null before the first answer. */
  summary = null;
  /** Why the last call failed; null when it did not. */
  error = null;
  /** True when there are no rows behind those that are here. */
  isComplete = false;
  /** How old the list is. */
  source = new Source("incidents", "incidents", FRESH_MS);
  #filters;
  #target;
  #onChange;
  #rows = new Map();
  #turn = 0;
  #left = false;
  #onNews = ({ detail }) => this.#apply(detail.changed);
  #onRefresh = () => this.load();
  /** The feed counts soon after news, and every few seconds: then so do we. */
  #onCount = () => this.#count();

  constructor(filters, follow, onChange) {
    this.#filters = filters;
    this.#target = follow;
    this.#onChange = onChange;
    incidents.addEventListener("change", this.#onNews);
    incidents.addEventListener("refresh", this.#onRefresh);
    incidents.addEventListener("count", this.#onCount);
    this.load();
  }

  close() {
    this.#left = true;
    this.source.close();
    incidents.removeEventListener("change", this.#onNews);
    incidents.removeEventListener("refresh", this.#onRefresh);
    incidents.removeEventListener("count", this.#onCount);
  }

  /** Newest first. */
  get rows() {
    return newestFirst(this.#rows.values());
  }

  /** Ask for all rows anew; a newer call makes an older one void. */
  async load() {
    const turn = (this.#turn += 1);
    const rows = new Map();
    let cursor = null;
    try {
      const counting = get("/api/incidents/summary", this.#filters);
      counting.catch(() => null); // awaited below, unless a page fails first
      do {
        const page = await get("/api/incidents", { ...this.#filters, limit: Math.min(PAGE, this.#target), cursor });
        page.items.forEach((item) => this.#put(rows, item));
        cursor = page.next_cursor;
      } while (cursor && rows.size < this.#target && !this.#left && turn === this.#turn);
      const summary = await counting;
      if (this.#left || turn !== this.#turn) return;
      this.#rows = rows;
      this.isComplete = cursor === null;
      this.summary = summary;
      this.error = null;
      this.source.heard();
      incidents.take([...rows.values()]);
    } catch (error) {
      if (this.#left || turn !== this.#turn) return;
      this.error = error;
    }
    this.#onChange();
  }

  /** Fetch a further page. */
  async more() {
    this.#target = this.#rows.size + PAGE;
    await this.load();
  }

  /** News at once; the server then says how many there are, and is asked for all if that differs. */
  #apply(changed) {
    let touched = false;
    const oldest = this.isComplete ? 0 : Math.min(...[...this.#rows.values()].map((item) => Date.parse(item.detected_at)));
    for (const item of changed) {
      const old = this.#rows.get(item.id);
      if (old && old.version >= item.version) continue;
      if (this.#matches(item) && (old || Date.parse(item.detected_at) >= oldest)) this.#rows.set(item.id, item);
      else if (!this.#rows.delete(item.id)) continue;
      touched = true;
    }
    if (touched && this.summary !== null) this.#onChange();
  }

  async #count() {
    if (this.summary === null) return;
    const turn = this.#turn;
    const summary = await get("/api/incidents/summary", this.#filters).catch(() => null);
    if (!summary || this.#left || turn !== this.#turn) return;
    this.summary = summary;
    this.source.heard();
    if (this.isComplete && summary.total !== this.#rows.size) this.load();
    else this.#onChange();
  }

  /** A row of an answer; the socket may have brought a newer version meanwhile. */
  #put(rows, item) {
    const known = incidents.items.get(item.id);
    if (!known || known.version <= item.version) rows.set(item.id, item);
    else if (this.#matches(known)) rows.set(item.id, known);
  }

  /** The server's conditions, for news that it has not been asked about. */
  #matches(item) {
    const { status, severity, service, q } = this.#filters;
    const names = [item.service_name, ...item.affected_services];
    const words = [item.title, item.description, ...names].join(" ").toLowerCase();
    return (!status || status.includes(item.status)) && (!severity || severity === item.severity)
      && (!service || names.includes(service)) && (!q || words.includes(q.toLowerCase()));
  }
}
