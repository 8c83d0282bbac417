// What happened to an incident, with the many automatic changes folded.

import { all, isEngineer } from "./api.js";
import { isAutomatic, told } from "./changes.js";
import { commentForm } from "./comment.js";
import { failure, h, keyed, put, text } from "./dom.js";
import { Source } from "./freshness.js";
import { moment, momentWithZone } from "./times.js";

const REFRESH_MS = 10_000;
const FRESH_MS = 25_000;
/** So many of the automatic changes stay in sight, the newest. */
const IN_SIGHT = 4;

export class Timeline {
  node;
  #source = new Source("incidents", "timelines", FRESH_MS);
  #path;
  #list = h("ol", { class: "timeline" });
  #note = h("div");
  #fold = h("button", { type: "button", class: "ghost fold", "aria-expanded": "false", hidden: true, onclick: () => this.#turn() });
  #events = [];
  #isOpen = false;
  #timer;
  #left = false;

  constructor(incidentId) {
    this.#path = `/api/incidents/${incidentId}/timeline`;
    this.node = h("section", { class: "card stack", "aria-labelledby": "timeline-title" },
      h("div", { class: "row wrap" }, h("h2", { id: "timeline-title" }, "Timeline"), this.#fold, this.#source.node), this.#note, this.#list,
      isEngineer() ? commentForm(incidentId, () => this.load()) : null);
    this.#timer = setInterval(() => this.load(), REFRESH_MS);
    this.load();
  }

  /** Read it anew. */
  async load() {
    try {
      const found = await all(this.#path);
      if (this.#left) return;
      this.#source.heard();
      this.#events = found.map((event) => ({ event, words: told(event) })).filter(({ words }) => words !== null);
      put(this.#note);
      this.#show();
    } catch (error) {
      if (!this.#left && error.status !== 0) put(this.#note, failure(error));
    }
  }

  close() {
    this.#left = true;
    clearInterval(this.#timer);
    this.#source.close();
  }

  #turn() {
    this.#isOpen = !this.#isOpen;
    this.#show();
  }

  #show() {
    const automatic = this.#events.filter(({ event }) => isAutomatic(event));
    const folded = new Set(automatic.slice(0, -IN_SIGHT));
    this.#fold.hidden = folded.size === 0;
    this.#fold.setAttribute("aria-expanded", String(this.#isOpen));
    text(this.#fold, this.#isOpen ? "Fold automatic changes" : `Show ${folded.size} more automatic changes`);
    const shown = this.#isOpen ? this.#events : this.#events.filter((one) => !folded.has(one));
    keyed(this.#list, shown, ({ event }) => event.id, (one) => ({ node: line(one), update: () => null }));
  }
}

function line({ event, words: { headline, lines, prose, url } }) {
  const shown = url ? [...lines, h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, url)] : lines;
  const bullets = shown.length ? h("ul", { class: "plain small" }, shown.map((one) => h("li", null, one))) : null;
  return h("li", { dataset: { kind: event.kind } },
    h("div", { class: "row" }, h("strong", null, headline), h("time", { class: "muted small", datetime: event.at, title: momentWithZone(event.at) }, moment(event.at))),
    bullets, prose === null ? null : h("p", { class: "prose" }, prose), h("span", { class: "muted small" }, event.actor));
}
