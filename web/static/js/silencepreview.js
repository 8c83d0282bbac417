// What a silence would have muted in the last week, in words.

import { post } from "./api.js";
import { h, put } from "./dom.js";
import { counted, incidentHref } from "./format.js";

const NAMED = 5;

/** A box in `node`; `ask(body)` tries a silence: a newer call makes an older one void. */
export class SilencePreview {
  node = h("div", { class: "small preview", role: "status" });
  #turn = 0;

  async ask(body) {
    const turn = (this.#turn += 1);
    try {
      const found = await post("/api/silences/preview", body);
      if (turn === this.#turn) put(this.node, h("p", null, sentence(found)), list(found.items));
    } catch (error) {
      if (turn === this.#turn) put(this.node, h("p", { class: "muted" }, `No preview: ${error.message}`));
    }
  }
}

function sentence({ detections, incidents, items }) {
  if (!detections) return "Would have muted nothing in the last week.";
  const whole = incidents ? ` ${counted(incidents, "incident")} would not have been opened.` : "";
  return `Would have muted ${counted(detections, "detection")} of ${counted(items.length, "incident")}${items.length === 50 ? " or more" : ""} in the last week.${whole}`;
}

function list(items) {
  if (!items.length) return null;
  const more = items.length - NAMED;
  return h("ul", null, items.slice(0, NAMED).map((one) => h("li", null, h("a", { href: incidentHref(one.id) }, one.title), ` (${one.muted} of ${one.detections})`)),
    more > 0 ? h("li", { class: "muted" }, `and ${more} more`) : null);
}
