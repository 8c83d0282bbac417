// What is muted, by whom and until when; engineers add, change and end silences.

import { all, isEngineer, remove } from "./api.js";
import { confirmButton } from "./confirm.js";
import { failure, h, keyed, put, text } from "./dom.js";
import { Source } from "./freshness.js";
import { SilenceForm } from "./silenceform.js";
import { scopeOf, spanOf, stateOf } from "./silencewords.js";
import { toast } from "./toasts.js";

const REFRESH_MS = 10_000;
const FRESH_MS = 25_000;

/** The page; `asked` may name what a new silence begins with. Returns what to call when it is left. */
export function silencesPage(main, asked) {
  const source = new Source("incidents", "silences", FRESH_MS);
  const note = h("div");
  const list = h("ul", { class: "plain stack silences" });
  const empty = h("p", { class: "muted", hidden: true }, "Nothing is muted.");
  const form = isEngineer() ? new SilenceForm(load) : null;
  let left = false;

  async function load() {
    try {
      const found = await all("/api/silences");
      if (left) return;
      source.heard();
      put(note);
      empty.hidden = found.length > 0;
      keyed(list, found.sort((a, b) => b.active - a.active), (one) => one.id, (one) => silenceCard(one, form, load));
    } catch (error) {
      if (!left && error.status !== 0) put(note, failure(error));
    }
  }

  put(main, h("div", { class: "page-head" }, h("h1", null, "Silences"), source.node),
    h("p", { class: "muted" }, "Alarms that people have muted: they open no incident and tell nobody. What still fires when a silence ends is told then."),
    note, empty, list, form?.node);
  if (asked.size) form?.fill(Object.fromEntries(asked));
  load();
  const timer = setInterval(load, REFRESH_MS);
  return () => {
    left = true;
    clearInterval(timer);
    source.close();
  };
}

function silenceCard(first, form, reload) {
  let item = first;
  const scope = h("strong");
  const state = h("span", { class: "silence-state" });
  const span = h("p", { class: "small" });
  const about = h("p", { class: "muted small" });
  const edit = h("button", { type: "button", onclick: change }, "Change");
  const end = confirmButton("End", async () => {
    await remove(`/api/silences/${item.id}`);
    toast("The silence is ended.");
    await reload();
  });

  function change() {
    form.fill(item);
    form.node.scrollIntoView({ block: "nearest" });
    form.node.querySelector("input").focus();
  }

  return {
    node: h("li", { class: "card stack" }, h("div", { class: "row wrap" }, scope, state, form ? h("span", { class: "row" }, edit, end) : null), span, about),
    update(next) {
      item = next;
      text(scope, scopeOf(item));
      state.dataset.state = item.active ? "active" : "waiting";
      text(state, stateOf(item));
      text(span, spanOf(item));
      text(about, [item.reason, `by ${item.created_by}`].filter(Boolean).join(" · "));
      edit.setAttribute("aria-label", `Change the silence of ${scopeOf(item)}`);
      end.setAttribute("aria-label", `End the silence of ${scopeOf(item)}`);
    },
  };
}
