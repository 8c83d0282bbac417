// uPlot in the colours of the page: lines with their gaps, a band, marks, shaded stretches.

/* global uPlot */
import { colour, h } from "./dom.js";
import { lone } from "./gaps.js";
import { moment, ticks, zone } from "./times.js";
import { number } from "./units.js";

const LINES = ["line-1", "line-2", "line-3", "line-4", "line-5", "line-6"];
const HEIGHT = 280;
const EXCURSION = { ink: "critical", dash: [4, 4], width: 1 };
const CHANGE = { ink: "line-4", dash: [2, 3], width: 2 };

/**
 * A chart in `node`. `show({times, lines, band, marks, stretches, from, to, write})`: times in
 * epoch seconds; a line is {label, values}; band is {lower, upper, labels} over the same
 * times; marks are {at, kind}: vertical lines, those of the kind "change" dotted; stretches are {from, to}: shaded; from and to fix
 * the x axis; `write(value)` gives a value its unit.
 */
export class Chart {
  node = h("div", { class: "chart", role: "img" });
  #label;
  #plot = null;
  #shape = "";
  #shown = null;
  #observer = new ResizeObserver(() => this.#resize());
  #repaint = () => this.#shown && (this.#destroy(), this.show(this.#shown));

  constructor(label) {
    this.#label = label;
    this.node.setAttribute("aria-label", label);
    this.#observer.observe(this.node);
    addEventListener("themechange", this.#repaint);
  }

  show(shown) {
    this.#shown = shown;
    const shape = JSON.stringify([shown.lines.map((line) => line.label), Boolean(shown.band)]);
    if (shape !== this.#shape) this.#destroy();
    this.#shape = shape;
    const data = [shown.times, ...shown.lines.map((line) => line.values)];
    if (shown.band) data.push(shown.band.upper, shown.band.lower);
    if (this.#plot) this.#plot.setData(data);
    else this.#plot = new uPlot(this.#options(shown), data, this.node);
    this.node.setAttribute("aria-label", `${this.#label}. ${newest(shown)}`);
  }

  close() {
    removeEventListener("themechange", this.#repaint);
    this.#observer.disconnect();
    this.#destroy();
  }

  #destroy() {
    this.#plot?.destroy();
    this.#plot = null;
  }

  #resize() {
    const width = this.node.clientWidth;
    if (this.#plot && width && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
  }

  #write = (value) => (value === null || value === undefined ? "–" : (this.#shown.write ?? number)(value));

  #options(shown) {
    const axis = { stroke: colour("muted"), grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    const time = { label: `Time (${zone()})`, value: (_, at) => (at === null ? "–" : moment(at * 1000)) };
    const series = [time, ...shown.lines.map((line, index) => this.#line(line, index, shown.lines.length))];
    const options = {
      width: this.node.clientWidth || 600,
      height: HEIGHT,
      cursor: { points: { size: 7 }, drag: { x: false, y: false } },
      scales: { x: { range: (_, low, high) => [this.#shown.from ?? low, this.#shown.to ?? high] }, y: { range: padded } },
      axes: [{ ...axis, size: 32, space: 84, values: (_, splits) => ticks(splits) }, { ...axis, size: 72, values: (_, splits) => splits.map(this.#write) }],
      series,
      hooks: { drawAxes: [(plot) => this.#shade(plot)], draw: [(plot) => this.#mark(plot)] },
    };
    if (shown.band) {
      series.push(this.#edge(shown.band.labels[0]), this.#edge(shown.band.labels[1]));
      options.bands = [{ series: [series.length - 2, series.length - 1], fill: colour("band") }];
    }
    return options;
  }

  #line(line, index, count) {
    const stroke = colour(LINES[index % LINES.length]);
    const fill = count === 1 ? colour("area") : undefined;
    const dots = { show: () => false, filter: (plot, place) => lone(plot.data[place]), size: 7, fill: stroke };
    return { label: line.label, stroke, fill, width: 1.75, spanGaps: false, points: dots, value: (_, value) => this.#write(value) };
  }

  #edge(label) {
    return { label, stroke: colour("edge"), width: 1, dash: [3, 3], spanGaps: false, points: { show: false }, value: (_, value) => this.#write(value) };
  }

  #shade(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.fillStyle = colour("silent");
    for (const { from, to } of this.#shown.stretches ?? []) {
      const left = Math.max(bbox.left, plot.valToPos(from, "x", true));
      const right = Math.min(bbox.left + bbox.width, plot.valToPos(to, "x", true));
      if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
    }
    ctx.restore();
  }

  #mark(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    for (const mark of this.#shown.marks ?? []) {
      const { ink, dash, width } = mark.kind === "change" ? CHANGE : EXCURSION;
      ctx.strokeStyle = colour(ink);
      ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
      ctx.lineWidth = width * devicePixelRatio;
      const x = Math.round(plot.valToPos(mark.at, "x", true)) + 0.5; // sharp
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  }
}

/** The last value of each line, for those who do not see the lines. */
function newest({ lines, write = number }) {
  const last = lines.map((line) => [line.label, line.values.findLast((value) => value !== null && value !== undefined)]);
  return last.map(([label, value]) => `${label}: ${value === undefined ? "no value" : write(value)}`).join(", ");
}

function padded(_, low, high) {
  if (low === null || high === null) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * 0.12;
  // Do not show negative numbers where there are none.
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
}
