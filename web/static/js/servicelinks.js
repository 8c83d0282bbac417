// Where to look further about a service: the names of its links, and the links themselves.

import { h } from "./dom.js";

export const LINK_NAMES = { runbook: "Runbook", dashboard: "Dashboard", repository: "Repository", logs: "Logs", traces: "Traces" };

/** Anchors with dots between them for {name: URL}; empty where there are none. */
export function linkList(links) {
  const known = Object.entries(LINK_NAMES).filter(([key]) => links[key]);
  return known.map(([key, label], index) => [index ? " · " : null, h("a", { href: links[key], target: "_blank", rel: "noopener noreferrer" }, label)]);
}
