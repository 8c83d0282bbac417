// Numbers as people read them, with the unit that a metric's name tells.

const MARKS = ["", "k", "M", "G", "T", "P", "E"];
/** Ending of a metric's name → how its values are written. */
const UNITS = [
  [/(^|_)(ms|milliseconds|millis)$/, (value) => time(value)],
  [/(^|_)(s|sec|secs|seconds)$/, (value) => time(value * 1000)],
  [/(^|_)(kb|kib)$/, (value) => bytes(value * 1024)],
  [/(^|_)(mb|mib)$/, (value) => bytes(value * 1024 ** 2)],
  [/(^|_)(gb|gib)$/, (value) => bytes(value * 1024 ** 3)],
  [/(^|_)bytes(_total)?$/, (value) => bytes(value)],
  [/(^|_)(percent|pct)$/, (value) => `${plain(value)} %`],
  [/(^|_)ratio$/, (value) => `${plain(100 * value)} %`],
  [/(^|_)(per_s|per_second|rps|qps)$/, (value) => `${number(value)}/s`],
];

/** Four significant digits, thousands shortened: 0.01234, 12.3, 4.57k, 604.5M. */
export function number(value) {
  if (!isNumber(value)) return "–";
  const size = Math.abs(value);
  if (size < 1e4) return plain(value);
  const step = Math.floor(Math.log10(size) / 3);
  if (step < MARKS.length) return plain(value / 1000 ** step) + MARKS[step];
  const exponent = Math.floor(Math.log10(size));
  return `${plain(value / 10 ** exponent)}×10^${exponent}`;
}

/** A value of a metric with its unit: `_ms`, `_s`, `_mb`, `_bytes`, `_percent`, `_ratio` and so on. */
export function quantity(value, metricType = "") {
  if (!isNumber(value)) return "–";
  const found = UNITS.find(([ending]) => ending.test(metricType.toLowerCase()));
  return found ? found[1](value) : number(value);
}

/** A figure of a window: rates are values or increases a second, the others are in the metric's unit. */
export function figure(field, value, metricType) {
  if (field === "rate_per_s") return isNumber(value) ? `${quantity(value, metricType)}/s` : "–";
  if (field === "rate") return isNumber(value) ? `${number(value)}/s` : "–";
  return field === "count" ? number(value) : quantity(value, metricType);
}

function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

/** Four significant digits, never with an exponent. */
function plain(value) {
  const size = Math.abs(value);
  if (size !== 0 && size < 1e-6) return value < 0 ? ">-0.000001" : "<0.000001";
  const rounded = Number(value.toPrecision(4));
  return size >= 1e-4 || size === 0 ? String(rounded) : rounded.toFixed(8).replace(/0+$/, "");
}

function time(ms) {
  const size = Math.abs(ms);
  if (size < 10_000) return size < 1 && size > 0 ? `${plain(ms * 1000)} µs` : `${plain(ms)} ms`;
  if (size < 600_000) return `${plain(ms / 1000)} s`;
  return size < 36_000_000 ? `${plain(ms / 60_000)} min` : `${number(ms / 3_600_000)} h`;
}

function bytes(value) {
  const size = Math.abs(value);
  const step = size < 1024 ? 0 : Math.min(5, Math.floor(Math.log2(size) / 10));
  return `${step === 5 ? number(value / 1024 ** 5) : plain(value / 1024 ** step)} ${["B", "KB", "MB", "GB", "TB", "PB"][step]}`;
}
