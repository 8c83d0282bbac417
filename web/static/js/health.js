// The word for how a service fares: the gravest unresolved incident's own, if there is one.

import { text } from "./dom.js";

/** Worst first. */
const ORDER = ["critical", "high", "medium", "low", "silent", "ok"];
const WORDS = { critical: "Critical", high: "High", medium: "Medium", low: "Low", silent: "Silent", ok: "Healthy" };

/** A key of `ORDER` for a service of the list. */
export function standing(service) {
  return service.severity ?? service.health;
}

/** Where a service comes in a list, worst first. */
export function rank(service) {
  return ORDER.indexOf(standing(service));
}

/** Put word and colour into an element of class "health". */
export function showHealth(node, service) {
  node.dataset.health = standing(service);
  text(node, WORDS[standing(service)] ?? standing(service));
}

/** "1 critical · 2 silent · 9 healthy". */
export function tally(services) {
  const counts = ORDER.map((key) => [services.filter((one) => standing(one) === key).length, WORDS[key].toLowerCase()]);
  return counts.filter(([count]) => count).map(([count, word]) => `${count} ${word}`).join(" · ");
}
