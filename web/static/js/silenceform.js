// The form that makes or changes a silence, once or recurring, and tries it meanwhile.

import { post, put as replace } from "./api.js";
import { failure, h, put, text } from "./dom.js";
import { SilencePreview } from "./silencepreview.js";
import { DAYS } from "./silencewords.js";
import { toast } from "./toasts.js";

const SEVERITIES = ["critical", "high", "medium", "low"];
const RECURS = { once: "Once", daily: "Every day", weekly: "On days of the week", rule: "By a rule (RFC 5545)" };
const HOUR_MS = 3_600_000;
const MONTH_MS = 30 * 24 * HOUR_MS;

/** A form in `node`; `onSaved()` is called after each silence that was made or changed. */
export class SilenceForm {
  node;
  #onSaved;
  #edited = null;
  #kind = "once";
  #fields;
  #days = Object.entries(DAYS).map(([key, label]) => [key, h("input", { type: "checkbox", id: `silence-${key}` }), label.slice(0, 3)]);
  #title = h("h2", { id: "silence-form" });
  #preview = new SilencePreview();
  #note = h("div");
  #save = h("button", { type: "submit", class: "primary" });
  #cancel = h("button", { type: "button", onclick: () => this.fill({}) }, "Cancel");
  #recurring = h("div", { class: "stack" });

  constructor(onSaved) {
    this.#onSaved = onSaved;
    const input = (id, more = {}) => h("input", { id: `silence-${id}`, ...more });
    const fields = (this.#fields = {
      service: input("service", { maxlength: 128 }),
      metric: input("metric", { maxlength: 128 }),
      severity: h("select", { id: "silence-severity" }, h("option", { value: "" }, "Any"), SEVERITIES.map((one) => h("option", { value: one }, one))),
      tags: input("tags", { placeholder: "az=1, host=a", maxlength: 2000 }),
      reason: input("reason", { maxlength: 1000 }),
      recurs: h("select", { id: "silence-recurs" }, Object.entries(RECURS).map(([key, label]) => h("option", { value: key }, label))),
      starts: input("starts", { type: "datetime-local" }),
      ends: input("ends", { type: "datetime-local", required: true }),
      minutes: input("minutes", { type: "number", min: 1, max: 10080, value: 60 }),
      zone: input("zone", { maxlength: 64 }),
      rule: input("rule", { placeholder: "FREQ=MONTHLY;BYDAY=1SU", maxlength: 300 }),
    });
    const field = (node, label, more = null) => h("label", { for: node.id, class: "stack", dataset: more ?? {} }, h("span", { class: "small" }, label), node);
    put(this.#recurring,
      h("div", { class: "row start wrap", role: "group", "aria-label": "Days", dataset: { of: "weekly" } }, this.#days.map(([, box, label]) => h("label", { class: "row", for: box.id }, box, label))),
      h("div", { class: "fields" }, field(fields.rule, "Rule", { of: "rule" }), field(fields.minutes, "Minutes each time"), field(fields.zone, "Time zone of the rule")));
    this.node = h("form", { class: "card stack", onsubmit: (event) => this.#submit(event), onchange: () => this.#changed(), "aria-labelledby": this.#title.id, novalidate: true },
      this.#title,
      h("div", { class: "fields" }, field(fields.service, "Services (pattern)"), field(fields.metric, "Metrics (pattern)"), field(fields.severity, "Severity"), field(fields.tags, "Tags"), field(fields.reason, "Reason")),
      h("div", { class: "fields" }, field(fields.recurs, "When"), field(fields.starts, "Begins (your time; empty: now)"), field(fields.ends, "Ends for good (your time)")),
      this.#recurring, this.#preview.node, this.#note, h("div", { class: "row start" }, this.#save, this.#cancel));
    this.fill({});
  }

  /** Show a silence to be changed (with an id), or what a new one begins with. */
  fill(silence) {
    this.#edited = silence.id ?? null;
    const { rrule = null, zone, duration_s: lastsS } = silence;
    const recurs = kindOf(rrule);
    const fields = this.#fields;
    const now = Date.now();
    fields.service.value = silence.service ?? "*";
    fields.metric.value = silence.metric ?? "*";
    fields.severity.value = silence.severity ?? "";
    fields.tags.value = Object.entries(silence.tags ?? {}).map((pair) => pair.join("=")).join(", ");
    fields.reason.value = silence.reason ?? "";
    fields.recurs.value = this.#kind = recurs;
    fields.starts.value = silence.starts_at ? local(Date.parse(silence.starts_at)) : "";
    fields.ends.value = local(silence.ends_at ? Date.parse(silence.ends_at) : now + HOUR_MS);
    fields.minutes.value = Math.round((lastsS ?? 3600) / 60);
    fields.zone.value = zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
    fields.rule.value = recurs === "rule" ? rrule : "";
    const days = recurs === "weekly" ? /BYDAY=([^;]*)/.exec(rrule)[1].split(",") : [];
    for (const [key, box] of this.#days) box.checked = days.includes(key);
    text(this.#title, this.#edited ? "Change the silence" : "Add a silence");
    text(this.#save, this.#edited ? "Save" : "Add silence");
    this.#cancel.hidden = this.#edited === null;
    put(this.#note);
    this.#changed();
  }

  #changed() {
    const { recurs, ends } = this.#fields;
    const kind = recurs.value;
    this.#recurring.hidden = kind === "once";
    for (const part of this.#recurring.querySelectorAll("[data-of]")) part.hidden = part.dataset.of !== kind;
    // What recurs would be over within the hour that a single one lasts.
    if (kind !== this.#kind && kind !== "once" && Date.parse(ends.value) - Date.now() < 24 * HOUR_MS) ends.value = local(Date.now() + MONTH_MS);
    this.#kind = kind;
    const { body, fault } = this.#read();
    if (!fault) this.#preview.ask(body);
  }

  /** {body} as the API takes it, or {fault, field}: what is missing and where. */
  #read() {
    const { service, metric, severity, tags, reason, recurs, starts, ends, minutes, zone, rule } = this.#fields;
    const pairs = tags.value.split(",").map((one) => one.trim()).filter(Boolean).map((one) => one.split("="));
    if (pairs.some((pair) => pair.length !== 2 || !pair[0] || !pair[1])) return { fault: "Tags are written name=value, with commas between them.", field: tags };
    if (!ends.value) return { fault: "Say when the silence ends.", field: ends };
    const body = { service: service.value.trim() || "*", metric: metric.value.trim() || "*", tags: Object.fromEntries(pairs), reason: reason.value.trim(), ends_at: utc(ends.value) };
    if (severity.value) body.severity = severity.value;
    if (starts.value) body.starts_at = utc(starts.value);
    if (recurs.value === "once") return { body };
    const days = this.#days.filter(([, box]) => box.checked).map(([key]) => key);
    if (recurs.value === "weekly" && !days.length) return { fault: "Choose the days.", field: this.#days[0][1] };
    if (recurs.value === "rule" && !rule.value.trim()) return { fault: "Write the rule, such as FREQ=MONTHLY;BYDAY=1SU.", field: rule };
    const rrule = { daily: "FREQ=DAILY", weekly: `FREQ=WEEKLY;BYDAY=${days.join(",")}`, rule: rule.value.trim() }[recurs.value];
    return { body: { ...body, rrule, duration_s: Number(minutes.value) * 60, zone: zone.value.trim() || "UTC" } };
  }

  async #submit(event) {
    event.preventDefault();
    const { body, fault, field } = this.#read();
    if (fault) {
      put(this.#note, failure({ message: fault }));
      return field.focus();
    }
    this.#save.disabled = true;
    try {
      if (this.#edited) await replace(`/api/silences/${this.#edited}`, body);
      else await post("/api/silences", body);
      toast(this.#edited ? "The silence is changed." : "The silence is added.");
      this.fill({});
      await this.#onSaved();
    } catch (error) {
      put(this.#note, failure(error));
    } finally {
      this.#save.disabled = false;
    }
  }
}

/** Which of the choices a rule is. */
function kindOf(rrule) {
  if (!rrule) return "once";
  if (rrule === "FREQ=DAILY") return "daily";
  return /^FREQ=WEEKLY;BYDAY=[A-Z]{2}(,[A-Z]{2})*$/.test(rrule) ? "weekly" : "rule";
}

/** Epoch milliseconds as an input of the reader's time has them. */
function local(ms) {
  const when = new Date(ms);
  return new Date(ms - when.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function utc(written) {
  return new Date(written).toISOString();
}
