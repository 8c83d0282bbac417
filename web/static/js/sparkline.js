// A small line without axes, drawn as SVG; it ends where the data does.

import { put, s } from "./dom.js";

const WIDTH = 160;
const HEIGHT = 36;
const PAD = 3;
/** A range below this share of the level does not fill the height: noise looks like noise. */
const FLOOR = 0.25;
/** A distance of more than so many steps is a gap. */
const GAP_STEPS = 1.5;

/** An SVG and `draw(points, {spanS, stepS, endS})`: points [time, value] in order of time. */
export function sparkline(label) {
  const svg = s("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label });
  return { node: svg, draw: (points, frame) => draw(svg, points, frame) };
}

function draw(svg, points, { spanS, stepS, endS }) {
  const x = (time) => (WIDTH * (1 - (endS - time) / spanS)).toFixed(1);
  const y = heights(points.map(([, value]) => value));
  const parts = runs(points, GAP_STEPS * stepS).flatMap((run) => {
    const line = run.map(([time, value], index) => `${index ? "L" : "M"}${x(time)} ${y(value)}`).join("");
    // A line to its own place has no length; round caps make it a dot.
    if (run.length === 1) return [s("path", { class: "spark-line spark-dot", d: `${line}h0`, "vector-effect": "non-scaling-stroke" })];
    const area = `${line}L${x(run.at(-1)[0])} ${HEIGHT}L${x(run[0][0])} ${HEIGHT}Z`;
    return [s("path", { class: "spark-area", d: area }), s("path", { class: "spark-line", d: line, "vector-effect": "non-scaling-stroke" })];
  });
  put(svg, parts);
}

/** Points in pieces, a gap between each. */
function runs(points, limitS) {
  const found = [];
  for (const point of points) {
    const last = found.at(-1);
    if (last && point[0] - last.at(-1)[0] <= limitS) last.push(point);
    else found.push([point]);
  }
  return found;
}

function heights(values) {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const range = Math.max(high - low, FLOOR * Math.max(Math.abs(low), Math.abs(high))) || 1;
  const middle = (low + high) / 2;
  return (value) => (HEIGHT / 2 - ((value - middle) / range) * (HEIGHT - 2 * PAD)).toFixed(1);
}
