// A small line without axes, drawn as SVG.

import { put, s } from "./dom.js";

const WIDTH = 160;
const HEIGHT = 36;
const PAD = 3;

/** An SVG and `draw(points)`, points being [time, value] in order of time. */
export function sparkline(label) {
  const svg = s("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label });
  return { node: svg, draw: (points, spanS) => draw(svg, points, spanS) };
}

function draw(svg, points, spanS) {
  if (points.length < 2) return put(svg);
  const values = points.map(([, value]) => value);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const last = points.at(-1)[0];
  const x = (time) => WIDTH * (1 - (last - time) / spanS);
  // A flat line belongs in the middle, not at the bottom.
  const y = (value) => (high === low ? HEIGHT / 2 : HEIGHT - PAD - ((value - low) / (high - low)) * (HEIGHT - 2 * PAD));
  const line = points.map(([time, value], index) => `${index ? "L" : "M"}${x(time).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const area = `${line}L${WIDTH} ${HEIGHT}L${x(points[0][0]).toFixed(1)} ${HEIGHT}Z`;
  put(svg, s("path", { class: "spark-area", d: area }), s("path", { class: "spark-line", d: line, "vector-effect": "non-scaling-stroke" }));
}
