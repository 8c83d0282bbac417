// Earlier incidents that looked like this one, and what came of them.

import { get } from "./api.js";
import { failure, h, put } from "./dom.js";
import { incidentHref, percent } from "./format.js";
import { duration, inZone, moment, momentWithZone } from "./times.js";

const MOST = 5;

/** A section that is hidden while there are none. */
export class Similar {
  #list = h("ul", { class: "similar" });
  node = h("section", { class: "card stack", "aria-labelledby": "similar-title", hidden: true },
    h("h2", { id: "similar-title" }, "Similar incidents before"), this.#list);
  #left = false;

  constructor(incidentId) {
    this.#load(incidentId);
  }

  close() {
    this.#left = true;
  }

  async #load(incidentId) {
    try {
      const { items } = await get(`/api/incidents/${encodeURIComponent(incidentId)}/similar`);
      if (this.#left) return;
      this.node.hidden = items.length === 0;
      put(this.#list, items.slice(0, MOST).map(row));
    } catch (error) {
      if (this.#left || error.status === 0 || error.status === 404) return;
      this.node.hidden = false;
      put(this.#list, h("li", null, failure(error)));
    }
  }
}

function row(one) {
  // Its marks of evidence lead nowhere here.
  const cause = one.confirmed_cause ?? (one.root_cause && inZone(one.root_cause).replace(/\s*\[E\d+\]/g, ""));
  return h("li", null,
    h("div", { class: "row wrap" }, h("a", { href: incidentHref(one.id) }, one.title),
      h("time", { class: "muted small", datetime: one.detected_at, title: momentWithZone(one.detected_at) }, moment(one.detected_at))),
    h("p", { class: "small" }, [outcome(one), `${percent(one.likeness)} of its metrics in common`].join(" · ")),
    cause ? h("p", { class: "small" }, h("span", { class: "muted" }, one.confirmed_cause ? "Cause: " : "Likely cause: "), cause, one.confirmed_cause ? h("span", { class: "muted" }, `, as ${one.confirmed_by} confirmed`) : null) : null,
    one.last_comment ? h("p", { class: "small prose" }, h("span", { class: "muted" }, "Last comment: "), one.last_comment) : null);
}

function outcome(one) {
  if (one.verdict === "not_an_incident") return "Was no incident";
  if (!one.resolved_at) return "Not resolved yet";
  const lasted = duration(Date.parse(one.resolved_at) - Date.parse(one.detected_at));
  const by = one.resolved_by === "correlator" ? "by itself" : one.resolved_by ? `by ${one.resolved_by}` : "";
  return `Resolved ${by} after ${lasted}`.replace("  ", " ");
}
