// The call graph around an incident, left to right from callers to callees.

import { get } from "./api.js";
import { h, put, s } from "./dom.js";
import { serviceHref } from "./format.js";
import { Source } from "./freshness.js";

const MAX_NODES = 24;
const REFRESH_MS = 30_000;
const FRESH_MS = 75_000;
const BOX = { width: 148, height: 30, gapX: 44, gapY: 12, pad: 8 };
const MAX_CHARS = 19;

export class TopologyStrip {
  node = h("section", { class: "card stack", "aria-labelledby": "topology-title", hidden: true });
  #edges = null;
  #left = false;
  #marks = { affected: [], cause: null };

  #source = new Source("metrics", "dependencies", FRESH_MS);
  #timer = setInterval(() => this.#load(), REFRESH_MS);

  constructor() {
    this.#load();
  }

  close() {
    this.#left = true;
    clearInterval(this.#timer);
    this.#source.close();
  }

  async #load() {
    const found = await get("/api/topology").catch(() => null); // an extra: without it the strip stays hidden
    if (!found || this.#left) return;
    this.#source.heard();
    const isNew = JSON.stringify(found.edges) !== JSON.stringify(this.#edges);
    this.#edges = found.edges;
    if (isNew) this.#draw();
  }

  /** Which services to colour. */
  mark(affected, cause) {
    if (JSON.stringify({ affected, cause }) === JSON.stringify(this.#marks)) return;
    this.#marks = { affected, cause };
    this.#draw();
  }

  #draw() {
    if (this.#left || this.#edges === null) return;
    const { affected, cause } = this.#marks;
    const core = new Set([...affected, cause].filter(Boolean));
    const edges = around(this.#edges, core);
    this.node.hidden = edges.length === 0;
    if (!edges.length) return;
    const places = layout(edges, core);
    put(this.node, h("div", { class: "row wrap" }, h("h2", { id: "topology-title" }, "Dependencies"), this.#source.node), h("div", { class: "scroll-x", tabindex: "0", role: "group", "aria-label": "Call graph" }, picture(edges, places, core, cause)),
      h("p", { class: "muted small legend" }, h("span", { class: "key cause" }), "cause", h("span", { class: "key affected" }), "affected", h("span", { class: "key" }), "neighbour; callers left, what they call right; dashed: learned from metrics"));
  }
}

/** Edges with an end in the core, whole core first, at most MAX_NODES services. */
function around(edges, core) {
  const inside = edges.filter((edge) => core.has(edge.from) && core.has(edge.to));
  const touching = edges.filter((edge) => core.has(edge.from) !== core.has(edge.to));
  const names = new Set();
  return [...inside, ...touching].filter((edge) => {
    const fresh = [edge.from, edge.to].filter((name) => !names.has(name));
    if (edge.from === edge.to || names.size + fresh.length > MAX_NODES) return false;
    fresh.forEach((name) => names.add(name));
    return true;
  });
}

/** Column = longest way from a caller nobody here calls, cycles end the walk; the core on top. */
function layout(edges, core) {
  const weight = (name) => (core.has(name) ? 0 : 1);
  const all = new Set(edges.flatMap((edge) => [edge.from, edge.to]));
  const names = [...all].sort((a, b) => weight(a) - weight(b) || a.localeCompare(b));
  const depth = new Map(names.map((name) => [name, 0]));
  for (let round = 0; round < names.length; round += 1) {
    let moved = false;
    for (const { from, to } of edges) {
      if (depth.get(to) <= depth.get(from) && depth.get(from) + 1 < names.length) {
        depth.set(to, depth.get(from) + 1);
        moved = true;
      }
    }
    if (!moved) break;
  }
  const columns = [...new Set(depth.values())].sort((a, b) => a - b);
  const filled = columns.map(() => 0);
  return new Map(names.map((name) => {
    const column = columns.indexOf(depth.get(name));
    filled[column] += 1;
    return [name, { column, row: filled[column] - 1 }];
  }));
}

function picture(edges, places, core, cause) {
  const spots = [...places.values()];
  const width = (Math.max(...spots.map((at) => at.column)) + 1) * (BOX.width + BOX.gapX) - BOX.gapX + 2 * BOX.pad;
  const height = (Math.max(...spots.map((at) => at.row)) + 1) * (BOX.height + BOX.gapY) - BOX.gapY + 2 * BOX.pad;
  const x = (name) => BOX.pad + places.get(name).column * (BOX.width + BOX.gapX);
  const y = (name) => BOX.pad + places.get(name).row * (BOX.height + BOX.gapY);
  const declared = new Set(edges.filter((edge) => edge.source === "declared").map((edge) => JSON.stringify([edge.from, edge.to])));
  const lines = edges.map(({ from, to }) => {
    const [x1, y1, x2, y2] = [x(from) + BOX.width, y(from) + BOX.height / 2, x(to), y(to) + BOX.height / 2];
    const hot = core.has(from) && core.has(to);
    return s("path", { class: `edge${hot ? " hot" : ""}${declared.has(JSON.stringify([from, to])) ? "" : " learned"}`, d: `M${x1} ${y1}C${x1 + BOX.gapX / 2} ${y1} ${x2 - BOX.gapX / 2} ${y2} ${x2} ${y2}` });
  });
  const boxes = [...places.keys()].map((name) => box(name, x(name), y(name), core, cause));
  return s("svg", { class: "topology", width, height, viewBox: `0 0 ${width} ${height}` }, lines, boxes);
}

function box(name, x, y, core, cause) {
  const kind = name === cause ? "cause" : core.has(name) ? "affected" : "neighbour";
  const short = name.length > MAX_CHARS ? `${name.slice(0, MAX_CHARS - 1)}…` : name;
  return s("a", { href: serviceHref(name), class: `box ${kind}`, "aria-label": `${name}, ${kind}` }, s("title", null, name),
    s("rect", { x, y, width: BOX.width, height: BOX.height, rx: 6 }),
    s("text", { x: x + BOX.width / 2, y: y + BOX.height / 2, "text-anchor": "middle", "dominant-baseline": "central" }, short));
}
