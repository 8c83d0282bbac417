// Small pieces of text.

/** A share in [0, 1] as whole percent. */
export function percent(share) {
  return `${Math.round(100 * share)}%`;
}

/** `{b: 2, a: 1}` → "a=1, b=2". */
export function labels(tags) {
  return Object.entries(tags ?? {}).map(([name, value]) => `${name}=${value}`).sort().join(", ");
}

/** The name of a metric; "*" stands for a service as a whole. */
export function metricName(metricType) {
  return metricType === "*" ? "all metrics" : metricType;
}

/** "1 incident", "3 incidents". */
export function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** The address of a service's page. */
export function serviceHref(name) {
  return `#/services/${encodeURIComponent(name)}`;
}

/** The address of an incident's page. */
export function incidentHref(id) {
  return `#/incidents/${encodeURIComponent(id)}`;
}
