// Deploys and other changes of services: marks on a chart, and the same in words below it.

import { get } from "./api.js";
import { h, put } from "./dom.js";
import { moment } from "./times.js";

const AGAIN_MS = 30_000;
const MOST = 100;
const LISTED = 5;

/** `onChange()` is called when others than before are known. */
export class ChangeMarks {
  node = h("ul", { class: "changes small", "aria-label": "Changes", hidden: true });
  #onChange;
  #asked = "";
  #askedAt = 0;
  #shown = "";
  #found = [];
  #left = false;

  constructor(onChange) {
    this.#onChange = onChange;
  }

  close() {
    this.#left = true;
  }

  /** Marks {at, kind} for `chart.show`, in epoch seconds. */
  get marks() {
    return this.#found.map((one) => ({ at: Date.parse(one.at) / 1000, kind: "change" }));
  }

  /** Ask for the changes of a service in [from, to] (epoch seconds): at once for another `span`, else now and then. */
  async follow(service, from, to, span) {
    const asked = `${service} ${span}`;
    if (asked === this.#asked && Date.now() - this.#askedAt < AGAIN_MS) return;
    this.#asked = asked;
    this.#askedAt = Date.now();
    const iso = (seconds) => new Date(seconds * 1000).toISOString();
    const page = await get("/api/events", { service, from: iso(from), to: iso(to), limit: MOST }).catch(() => null);
    if (!page || this.#left || asked !== this.#asked) return;
    this.#show(page.items);
  }

  #show(items) {
    const whole = JSON.stringify(items);
    if (whole === this.#shown) return; // leaves the focus alone
    this.#shown = whole;
    this.#found = items;
    this.node.hidden = items.length === 0;
    put(this.node, items.slice(0, LISTED).map(line), items.length > LISTED ? h("li", { class: "muted" }, `and ${items.length - LISTED} earlier`) : null);
    this.#onChange();
  }
}

function line(one) {
  const title = one.url ? h("a", { href: one.url, target: "_blank", rel: "noopener noreferrer" }, one.title) : one.title;
  return h("li", null, `${one.kind.charAt(0).toUpperCase()}${one.kind.slice(1)} ${moment(one.at)}: `, title);
}
