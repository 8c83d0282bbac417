// The analysis of an incident: cause, both summaries, ranking, actions, evidence.

import { get, isEngineer, post } from "./api.js";
import { askForm } from "./ask.js";
import { citation, cited } from "./citations.js";
import { failure, h, put } from "./dom.js";
import { analyses } from "./analysisfeed.js";
import { postmortemButton } from "./postmortem.js";
import { Source } from "./freshness.js";
import { metricName, percent, serviceHref } from "./format.js";
import { inZone, moment } from "./times.js";

const PENDING_MS = 5_000;
/** Asking now and then tells that the worker is there, besides. */
const REFRESH_MS = 15_000;
const FRESH_MS = 35_000;
const PLAIN_RISKS = { low: "a safe step", medium: "some risk", high: "a great risk" };

export class AnalysisView {
  node = h("div", { class: "stack wide" });
  /** Candidates and evidence, to be placed apart. */
  proof = h("div", { class: "stack wide" });
  #incidentId;
  #onCompleted;
  /** Kept while the analysis around it is drawn anew. */
  #ask;
  /** What is left of the language model's budget for this incident and for the day. */
  #budget = h("span", { class: "muted small", id: "llm-budget" });
  #shown = "";
  #left = false;
  #isPending = false;
  #source = new Source("analysis", "analyses", FRESH_MS);
  /** The socket normally brings the end; asking now and then bears the loss of a message. */
  #timers = [setInterval(() => this.#isPending && this.load(), PENDING_MS), setInterval(() => this.load(), REFRESH_MS)];
  #onChange = (event) => event.detail.incident_id === this.#incidentId && this.#show(event.detail);
  #reload = () => this.load();
  #onState = () => this.#turn();

  /** `onCompleted(analysis)` is called with each analysis shown. */
  constructor(incidentId, onCompleted) {
    this.#incidentId = incidentId;
    this.#ask = isEngineer() ? askForm(incidentId) : null;
    this.#onCompleted = onCompleted;
    analyses.addEventListener("change", this.#onChange);
    analyses.addEventListener("poll", this.#reload);
    analyses.addEventListener("state", this.#onState);
    this.#source.followed(analyses.state);
    this.load();
  }

  close() {
    this.#left = true;
    this.#timers.forEach(clearInterval);
    this.#source.close();
    analyses.removeEventListener("change", this.#onChange);
    analyses.removeEventListener("poll", this.#reload);
    analyses.removeEventListener("state", this.#onState);
  }

  async load() {
    try {
      const found = await analyses.load(this.#incidentId);
      if (this.#left) return;
      this.#source.heard();
      if (found === null) this.#none();
    } catch (error) {
      if (!this.#left && !this.#shown) put(this.node, card("Analysis", "analysis", this.#source.node, failure(error)));
    }
  }

  #turn() {
    this.#source.followed(analyses.state);
    if (analyses.state === "live") this.load();
  }

  #none() {
    this.#isPending = true; // a new incident's analysis comes within a second
    if (this.#shown === "none") return;
    this.#shown = "none";
    put(this.node, card("Analysis", "analysis", this.#source.node, h("p", { class: "muted" }, "No analysis has been asked for yet."), this.#again("Analyse")));
  }

  #show(found) {
    this.#isPending = found.status === "pending";
    const whole = JSON.stringify(found);
    if (whole === this.#shown) return; // leaves selections and focus alone
    this.#shown = whole;
    put(this.node, this.#cause(found));
    put(this.proof, ranking(found), evidence(found));
    this.#onCompleted(found);
    if (found.status !== "pending") this.#count();
  }

  /** Beside the analysis, not part of it: nothing is shown where it cannot be read. */
  async #count() {
    try {
      const { model, day, incident } = await get("/api/analysis/budget", { incident_id: this.#incidentId });
      put(this.#budget, model ? `model budget left: ${percent(incident.left)} for this incident, ${percent(day.left)} today` : "");
    } catch {
      put(this.#budget);
    }
  }

  #cause(found) {
    const technical = summary("Technical summary", "technical-summary", found.technical_summary);
    const executive = summary("Executive summary", "executive-summary", found.executive_summary);
    return card("Analysis", "analysis",
      this.#source.node, verdict(found),
      found.root_cause ? h("p", { class: "root-cause", id: "root-cause" }, cited(found.root_cause)) : null,
      isEngineer() ? [technical, executive] : [executive, technical],
      actions(found), this.#ask, this.#foot(found));
  }

  #foot(found) {
    const words = [
      found.source === "llm" ? `written with ${found.model ?? "a language model"}` : "written from the evidence alone",
      found.source_reason || null,
      found.analyzed_at ? moment(found.analyzed_at) : null,
      found.tokens ? `${found.tokens} tokens` : null,
      found.cost_usd ? `$${found.cost_usd.toFixed(4)}` : null,
    ];
    const done = found.status !== "pending";
    return h("div", { class: "row wrap" }, h("span", { class: "muted small" }, done ? words.filter(Boolean).join(" · ") : null), this.#budget, done ? [postmortemButton(this.#incidentId), this.#again("Analyse again")] : null);
  }

  #again(label) {
    if (!isEngineer()) return null;
    const button = h("button", { type: "button", onclick: ask }, label);
    const id = this.#incidentId;
    async function ask() {
      button.disabled = true;
      try {
        await post("/api/analysis/generate", { incident_id: id, force: true });
        await analyses.load(id);
      } catch (error) {
        button.after(failure(error));
      } finally {
        button.disabled = false;
      }
    }
    return button;
  }
}

/** `fresh`: a node that tells how old the panel is, or null. */
function card(title, id, fresh, ...children) {
  return h("section", { class: "card stack", "aria-labelledby": `${id}-title` },
    h("div", { class: "row wrap" }, h("h2", { id: `${id}-title` }, title), fresh), children);
}

function verdict(found) {
  if (found.status === "pending") {
    return h("p", { class: "verdict pending", role: "status" }, h("span", { class: "pulse", "aria-hidden": "true" }), "Analysing. The ranking below is already known.");
  }
  if (found.status === "failed") return h("p", { class: "verdict" }, "The analysis failed; the ranking below stands.");
  const service = found.root_cause_service;
  if (found.verdict !== "cause_found" || !service) return h("p", { class: "verdict" }, h("strong", null, "Inconclusive"), h("span", { class: "muted" }, found.confidence_text ? `confidence ${found.confidence_text}` : `confidence ${percent(found.confidence)}`));
  return h("p", { class: "verdict" }, h("span", { class: "muted" }, "Root cause"),
    h("a", { class: "cause", href: serviceHref(service) }, service), bar(found.confidence, found.confidence_text ? `confidence ${found.confidence_text}` : `confidence ${percent(found.confidence)}`));
}

function summary(title, id, text) {
  if (!text) return null;
  return h("div", null, h("h3", { id: `${id}-title` }, title), h("p", { class: "prose", id, "aria-labelledby": `${id}-title` }, cited(text)));
}

function actions(found) {
  // An analysis of an older version has the sentences alone.
  const items = found.actions?.length
    ? found.actions.map((one) => h("li", null, inZone(one.text), one.evidence.map(citation), " ", risk(one)))
    : found.suggested_actions.map((item) => h("li", null, cited(item)));
  return items.length ? h("div", null, h("h3", null, "Suggested actions"), h("ol", { class: "prose", id: "actions" }, items)) : null;
}

/** What an action may cost, in the words of who reads it. */
function risk(one) {
  if (!isEngineer()) return h("span", { class: "muted small" }, `${PLAIN_RISKS[one.risk]}; ${one.reversible ? "can be undone" : "cannot be undone"}`);
  return h("span", { class: "pill small", dataset: { risk: one.risk } }, `${one.risk} risk · ${one.reversible ? "reversible" : "not reversible"}`);
}

function bar(share, label) {
  const inner = h("span", { class: "bar-fill" });
  inner.style.setProperty("inline-size", percent(Math.min(1, Math.max(0, share))));
  return h("span", { class: "bar-with-label" }, h("span", { class: "bar", "aria-hidden": "true" }, inner), h("span", { class: "muted small" }, label));
}

function ranking(found) {
  if (!found.ranking.length) return null;
  const rows = found.ranking.slice(0, 10).map((item) => h("li", null,
    h("div", { class: "row wrap" }, h("a", { href: serviceHref(item.service_name) }, item.service_name),
      h("span", { class: "muted small" }, metricName(item.metric_type)), bar(item.score, item.score.toFixed(2))),
    h("div", { class: "cites" }, item.evidence.slice(0, 8).map(citation))));
  return card("Candidates", "ranking", null, h("ol", { class: "ranking" }, rows));
}

/** What a runbook says, folded. */
function runbook(item) {
  if (item.kind !== "runbook" || !item.ref.text) return null;
  return h("details", null, h("summary", null, "What it says"), h("p", { class: "prose" }, item.ref.text));
}

function evidence(found) {
  if (!found.evidence.length) return null;
  const rows = found.evidence.map((item) => h("li", { id: `evidence-${item.id}`, tabindex: "-1" },
    h("span", { class: "cite plain" }, item.id), h("span", null, inZone(item.text), runbook(item)), h("span", { class: "muted small" }, item.kind)));
  return card("Evidence", "evidence", null, h("ol", { class: "evidence" }, rows));
}
