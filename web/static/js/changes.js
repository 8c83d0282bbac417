// An event of a timeline in words: a headline and short lines, never whole texts.

import { percent } from "./format.js";

const NAMED = 5;

/** {headline, lines: [text], prose: text or null, url?}; null when there is nothing to tell. */
export function told({ kind, data, actor }) {
  if (kind === "created") return { headline: data.source === "manual" ? "Opened by hand" : "Detected", lines: [data.title].filter(Boolean), prose: null };
  if (kind === "comment") return { headline: "Comment", lines: [], prose: data.text };
  if (kind === "analysis") return { headline: "Analysis", lines: [conclusion(data)].filter(Boolean), prose: null };
  if (kind === "notified") return { headline: `${data.receiver} was told: ${data.event}`, lines: data.attempts > 1 ? [`after ${data.attempts} tries`] : [], prose: null };
  if (kind === "notification_failed") return { headline: `${data.receiver} could not be told: ${data.event}`, lines: [short(data.error)], prose: null };
  if (kind === "event") return { headline: `${sentenceCase(data.change)}: ${data.service_name}`, lines: [data.title].filter(Boolean), prose: null, url: data.url };
  if (kind === "feedback") return { headline: `Feedback: ${data.verdict.replaceAll("_", " ")}`, lines: [data.true_cause && `True cause: ${data.true_cause}`].filter(Boolean), prose: data.comment };
  if (kind === "silenced") return { headline: `Silenced: ${data.service}`, lines: [data.reason].filter(Boolean), prose: null };
  if (kind === "silence") return { headline: `Silence ${data.state}: ${data.service}`, lines: [data.reason].filter(Boolean), prose: null };
  if (kind === "split") return { headline: "Split", lines: [`${data.services.slice(0, NAMED).join(", ")}${data.services.length > NAMED ? " and more" : ""}: incident ${data.other}`], prose: null };
  if (kind === "undo") return { headline: "Split or merge undone", lines: [`with incident ${data.other}`], prose: null };
  if (kind !== "updated") return { headline: kind, lines: [], prose: null };
  const lines = Object.entries(data).flatMap(([name, pair]) => (isTold(name, pair, actor) ? change(name, ...pair) : []));
  if (data.status && !isSame(...data.status)) return { headline: `Status: ${data.status[1]}`, lines, prose: null };
  if (!lines.length) return null;
  // One change needs no headline above it.
  return lines.length === 1 ? { headline: lines[0], lines: [], prose: null } : { headline: actor === "correlator" ? "Went on" : "Changed", lines, prose: null };
}

/** Whether an event is one of the many that the correlator makes while an incident goes on. */
export function isAutomatic({ kind, data, actor }) {
  return kind === "updated" && actor === "correlator" && !data.status;
}

/** The correlator words title and description anew whenever a value moves: that is no event. */
function isTold(name, pair, actor) {
  if (!Array.isArray(pair) || isSame(...pair)) return false;
  return actor !== "correlator" || (name !== "title" && name !== "description");
}

function change(name, before, after) {
  switch (name) {
    case "status": return [];
    case "title": return ["Title reworded"];
    case "description": return ["Description reworded"];
    case "stale": return [after ? "No data any more" : "Data again"];
    case "affected_services": return [moved(after, before, "joined"), moved(before, after, "left")].filter(Boolean);
    default: return [`${sentenceCase(name)}: ${short(before)} → ${short(after)}`];
  }
}

/** "cart, payment joined". */
function moved(these, others, verb) {
  const found = (these ?? []).filter((name) => !(others ?? []).includes(name));
  if (!found.length) return null;
  const more = found.length - NAMED;
  return `${found.slice(0, NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""} ${verb}`;
}

function isSame(before, after) {
  return JSON.stringify(before) === JSON.stringify(after);
}

function sentenceCase(name) {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function short(value) {
  const words = value === null || value === "" ? "none" : String(value);
  return words.length > 60 ? `${words.slice(0, 59)}…` : words;
}

function conclusion(data) {
  return [data.verdict?.replace("_", " "), data.root_cause_service, Number.isFinite(data.confidence) && percent(data.confidence), data.source].filter(Boolean).join(" · ");
}
