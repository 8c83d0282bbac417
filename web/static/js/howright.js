// How often analyses were right, beside how sure they said they were.

import { get, isEngineer } from "./api.js";
import { h, put } from "./dom.js";
import { percent } from "./format.js";

const SOURCES = { llm: "Written with a language model", fallback: "Written from the evidence alone" };

/** A card {node, load()}, hidden until somebody has judged an analysis. */
export function howRight() {
  const body = h("div", { class: "stack" });
  const node = h("section", { class: "card stack", "aria-labelledby": "how-right", hidden: true },
    h("h2", { id: "how-right" }, "How right the analyses were"), body);
  return {
    node,
    async load() {
      try {
        const { sources } = await get("/api/analysis/stats");
        const judged = sources.filter((one) => one.verdicts);
        node.hidden = judged.length === 0;
        put(body, judged.map(part));
      } catch {
        node.hidden = true; // the rest of the page does not depend on it
      }
    },
  };
}

function part(one) {
  const id = `how-right-${one.source}`;
  const rows = one.curve.map((bin) => h("tr", null,
    h("th", { scope: "row" }, `${percent(bin.from)} to ${percent(bin.to)}`), h("td", null, percent(bin.said)),
    h("td", null, `${percent(bin.right)} (${percent(bin.right_low)} to ${percent(bin.right_high)})`), h("td", null, String(bin.count))));
  return h("div", { class: "stack" },
    h("h3", { id }, SOURCES[one.source]),
    h("p", null, `Of ${one.verdicts} that people judged, ${one.right} were right. `, h("span", { class: "muted" }, state(one))),
    h("div", { class: "scroll-x", tabindex: "0", role: "region", "aria-labelledby": id }, h("table", { class: "stats" },
      h("thead", null, h("tr", null, ["How sure", "Said on average", "Were right (95 % sure)", "Analyses"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", null, rows))));
}

function state(one) {
  if (!one.calibrated) return `How sure they are is not calibrated yet: that takes ${one.needed} verdicts.`;
  const told = "How sure they are is calibrated by these verdicts.";
  return isEngineer() ? `${told} Mean error of what was said: ${percent(one.error)}; log odds × ${one.slope} + ${one.offset}.` : told;
}
