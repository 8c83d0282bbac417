// Comments not sent yet: they outlive the end of a session in this tab, by person and incident.

import { me } from "./api.js";

const PREFIX = "liveops.draft.";

function key(incidentId) {
  return `${PREFIX}${me()?.username}.${incidentId}`;
}

/** What this person had written on this incident. */
export function draftOf(incidentId) {
  return sessionStorage.getItem(key(incidentId)) ?? "";
}

/** Keep what is being written; nothing is kept of an empty text. */
export function keepDraft(incidentId, text) {
  if (!me()) return;
  if (text.trim()) sessionStorage.setItem(key(incidentId), text);
  else sessionStorage.removeItem(key(incidentId));
}

/** Whether anything is kept at all. */
export function hasDrafts() {
  return Object.keys(sessionStorage).some((name) => name.startsWith(PREFIX));
}

/** Forget all, when a person signs out. */
export function dropDrafts() {
  for (const name of Object.keys(sessionStorage)) if (name.startsWith(PREFIX)) sessionStorage.removeItem(name);
}
