// The workers of LiveOps: where each is, and whether it answers.

/** First path segments after /api and the worker that owns them. */
const OWNERS = { auth: "auth", metrics: "metrics", services: "metrics", topology: "metrics", incidents: "incidents", detectors: "incidents", silences: "incidents", events: "incidents", receivers: "incidents", analysis: "analysis" };

let bases = null;
/** Worker → its trouble in words; absent while it answers. */
const away = new Map();

/** Dispatches "change" when a worker stops or begins to answer. */
export const workers = new EventTarget();

/** Learn where they are; throws an Error with words for people. */
export async function loadConfig() {
  let response;
  try {
    response = await fetch("config.json", { cache: "no-cache" });
  } catch {
    throw new Error("LiveOps auth worker does not answer.");
  }
  if (!response.ok) throw new Error("The configuration cannot be read.");
  bases = await response.json();
}

/** The worker that serves an API path. */
export function ownerOf(path) {
  return OWNERS[path.split("/")[2].split("?")[0]];
}

/** Full address of an API path, for HTTP or (`ws`) WebSockets. */
export function address(path, { ws = false } = {}) {
  const url = new URL((bases[ownerOf(path)] || location.origin) + path);
  if (ws) url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** Note that a worker has answered. */
export function answered(worker) {
  if (away.delete(worker)) workers.dispatchEvent(new Event("change"));
}

/** Note that a worker has not answered, or cannot do its work; returns the sentence to show. */
export function failed(worker, why = "does not answer") {
  const sentence = `LiveOps ${worker} worker ${why}`;
  if (away.get(worker) !== sentence) {
    away.set(worker, sentence);
    workers.dispatchEvent(new Event("change"));
  }
  return sentence;
}

/** The trouble of a worker in words, null while it answers. */
export function trouble(worker) {
  return away.get(worker) ?? null;
}
