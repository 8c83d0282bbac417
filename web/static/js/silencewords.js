// Silences in words: what is muted, and when.

import { moment, momentWithZone, duration } from "./times.js";

/** How long a silence made from incidents lasts: [seconds, words]. */
export const DURATIONS = [[1800, "30 minutes"], [3600, "1 hour"], [4 * 3600, "4 hours"], [86_400, "1 day"], [7 * 86_400, "1 week"]];
export const DAYS = { MO: "Monday", TU: "Tuesday", WE: "Wednesday", TH: "Thursday", FR: "Friday", SA: "Saturday", SU: "Sunday" };

/** "checkout, metric latency_ms, low only, az=1". */
export function scopeOf({ service, metric, severity, tags }) {
  return [
    service === "*" ? "All services" : service,
    metric === "*" ? "all metrics" : `metric ${metric}`,
    severity && `${severity} only`,
    ...Object.entries(tags ?? {}).map(([name, value]) => `${name}=${value}`),
  ].filter(Boolean).join(", ");
}

/** "Muted now, until 14:00", "Begins 18:00", "Over". */
export function stateOf({ active, changes_at: at }) {
  if (active) return `Muted now, until ${moment(at)}`;
  return at ? `Begins ${moment(at)}` : "Over";
}

/** "From … to …", or how it recurs. */
export function spanOf({ starts_at: from, ends_at: to, rrule, duration_s: lastsS, zone }) {
  if (!rrule) return `From ${momentWithZone(from)} to ${momentWithZone(to)}`;
  return `${recurrence(rrule)} at ${clockIn(from, zone)} for ${duration(lastsS * 1000)} (${zone}), until ${momentWithZone(to)}`;
}

function recurrence(rrule) {
  const parts = Object.fromEntries(rrule.split(";").map((part) => part.split("=")));
  const rest = Object.keys(parts).filter((name) => name !== "FREQ" && name !== "BYDAY");
  const days = parts.BYDAY?.split(",").map((day) => DAYS[day]);
  if (!rest.length && parts.FREQ === "DAILY" && !days) return "Every day";
  if (!rest.length && parts.FREQ === "WEEKLY" && days?.every(Boolean)) return `Every ${days.join(", ")}`;
  return `By the rule ${rrule}`;
}

function clockIn(iso, zone) {
  return new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone }).format(new Date(iso));
}
