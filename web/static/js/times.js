// Times as people read them: in the reader's zone, which is named.

const TIME = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const CLOCK = new Intl.DateTimeFormat(undefined, TIME);
const DATE = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const YEAR = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
const SHORT_ZONE = new Intl.DateTimeFormat(undefined, { timeZoneName: "short" });

/** "CET", "GMT+2": the reader's zone at a time. */
export function zone(when = new Date()) {
  return SHORT_ZONE.formatToParts(when).find((part) => part.type === "timeZoneName")?.value ?? "";
}

/** "Europe/Berlin (CET)". */
export function zoneInWords() {
  const [name, short] = [Intl.DateTimeFormat().resolvedOptions().timeZone, zone()];
  return name === short ? name : `${name} (${short})`;
}

/** Clock time, with the day when it is not today, with the year when it is not this one. */
export function moment(iso) {
  if (!iso) return "–";
  const when = new Date(iso);
  const now = new Date();
  if (when.toDateString() === now.toDateString()) return CLOCK.format(when);
  return `${date(when, now)}, ${CLOCK.format(when)}`;
}

/** The same with the zone's name. */
export function momentWithZone(iso) {
  return iso ? `${moment(iso)} ${zone(new Date(iso))}` : "–";
}

/** A text of the server with its UTC times as the reader has them. */
export function inZone(words) {
  return words.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, momentWithZone);
}

function date(when, now) {
  return (when.getFullYear() === now.getFullYear() ? DATE : YEAR).format(when);
}

/** Labels of a chart's time axis (epoch seconds): the date at midnight, else the clock. */
export function ticks(splits) {
  const pad = (value) => String(value).padStart(2, "0");
  return splits.map((at) => {
    const when = new Date(at * 1000);
    const [hours, minutes, seconds] = [when.getHours(), when.getMinutes(), when.getSeconds()];
    if (!hours && !minutes && !seconds) return date(when, new Date());
    return `${pad(hours)}:${pad(minutes)}${seconds ? `:${pad(seconds)}` : ""}`;
  });
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
  return whole < 3 ? "just now" : `${age(whole * 1000)} ago`;
}

/** "12s", "5m", "3h", "2d". */
export function age(ms) {
  const whole = Math.max(0, Math.round(ms / 1000));
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m`;
  if (whole < 86400) return `${Math.floor(whole / 3600)}h`;
  return `${Math.floor(whole / 86400)}d`;
}
