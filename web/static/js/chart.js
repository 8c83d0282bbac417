// uPlot in the colours of the page: lines over time, a band, marks of detections.

/* global uPlot */
import { colour, h } from "./dom.js";
import { moment, number } from "./format.js";

const LINES = ["line-1", "line-2", "line-3", "line-4", "line-5", "line-6"];
const HEIGHT = 280;

/**
 * A chart in `node`. `show({times, lines, band, marks, from, to})`: times in epoch seconds; a
 * line is {label, values}; band is {lower, upper}: two arrays over the same times;
 * marks are {at, label}: vertical lines; from and to fix the x axis.
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
    this.node.setAttribute("aria-label", `${this.#label}. ${newest(shown.lines)}`);
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

  #options(shown) {
    const axis = { stroke: colour("muted"), grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    const series = [{ value: (_, at) => (at === null ? "–" : moment(at * 1000)) }, ...shown.lines.map((line, index) => lineSeries(line, index, shown.lines.length))];
    const options = {
      width: this.node.clientWidth || 600,
      height: HEIGHT,
      cursor: { points: { size: 7 }, drag: { x: false, y: false } },
      scales: { x: { range: (_, low, high) => [this.#shown.from ?? low, this.#shown.to ?? high] }, y: { range: padded } },
      axes: [{ ...axis, size: 32, space: 84, values: (_, splits) => splits.map(clock) }, { ...axis, size: 62, values: (_, splits) => splits.map(number) }],
      series,
      hooks: { draw: [(plot) => this.#mark(plot)] },
    };
    if (shown.band) {
      series.push(edge(shown.band.labels?.[0] ?? "upper"), edge(shown.band.labels?.[1] ?? "lower"));
      options.bands = [{ series: [series.length - 2, series.length - 1], fill: colour("band") }];
    }
    return options;
  }

  #mark(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = colour("critical");
    ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.lineWidth = devicePixelRatio;
    for (const mark of this.#shown.marks ?? []) {
      const x = plot.valToPos(mark.at, "x", true);
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
function newest(lines) {
  const last = lines.map((line) => [line.label, line.values.findLast((value) => value !== null)]);
  return last.map(([label, value]) => `${label}: ${number(value)}`).join(", ");
}

function lineSeries(line, index, count) {
  const stroke = colour(LINES[index % LINES.length]);
  const fill = count === 1 ? colour("area") : undefined;
  return { label: line.label, stroke, fill, width: 1.75, spanGaps: true, points: { show: false }, value: (_, value) => number(value) };
}

function edge(label) {
  return { label, stroke: colour("edge"), width: 1, dash: [3, 3], spanGaps: true, points: { show: false }, value: (_, value) => number(value) };
}

function padded(_, low, high) {
  if (low === null || high === null) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * 0.12;
  // Do not show negative numbers where there are none.
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
}

function clock(at) {
  const when = new Date(at * 1000);
  const pad = (value) => String(value).padStart(2, "0");
  const time = `${pad(when.getHours())}:${pad(when.getMinutes())}`;
  return when.getSeconds() ? `${time}:${pad(when.getSeconds())}` : time;
}

/** Series of points over different times as columns over their union. */
export function aligned(series) {
  const times = [...new Set(series.flatMap((points) => points.map(([time]) => time)))].sort((a, b) => a - b);
  const columns = series.map((points) => {
    const values = new Map(points);
    return times.map((time) => values.get(time) ?? null);
  });
  return { times, columns };
}
