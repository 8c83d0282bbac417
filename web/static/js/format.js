// Numbers and times as people read them.

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

/** Four significant digits, thousands shortened: 0.01234, 12.3, 4.57k. */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e9) return `${trim(value / 1e9)}G`;
  if (size >= 1e6) return `${trim(value / 1e6)}M`;
  if (size >= 1e4) return `${trim(value / 1e3)}k`;
  return trim(value);
}

function trim(value) {
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

/** Clock time, with the day when it is not today. */
export function moment(iso) {
  if (!iso) return "–";
  const when = new Date(iso);
  const today = when.toDateString() === new Date().toDateString();
  return (today ? CLOCK : DAY).format(when);
}

/** "42s", "7m 05s", "3h 20m", "2d 4h". */
export function duration(ms) {
  const whole = Math.max(0, Math.round(ms / 1000));
  const pad = (value) => String(value).padStart(2, "0");
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${pad(whole % 60)}s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)}h ${pad(Math.floor((whole % 3600) / 60))}m`;
  return `${Math.floor(whole / 86400)}d ${Math.floor((whole % 86400) / 3600)}h`;
}

/** "just now", "12s ago", "5m ago", "3h ago", "2d ago". */
export function ago(iso) {
  if (!iso) return "never";
  const whole = Math.max(0, Math.round((Date.now() - Date.parse(iso)) / 1000));
  if (whole < 3) return "just now";
  if (whole < 60) return `${whole}s ago`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ago`;
  if (whole < 86400) return `${Math.floor(whole / 3600)}h ago`;
  return `${Math.floor(whole / 86400)}d ago`;
}

/** A share in [0, 1] as whole percent. */
export function percent(share) {
  return `${Math.round(100 * share)}%`;
}

/** `{a: 1, b: 2}` → "a=1, b=2". */
export function labels(tags) {
  return Object.entries(tags ?? {}).map(([name, value]) => `${name}=${value}`).join(", ");
}
