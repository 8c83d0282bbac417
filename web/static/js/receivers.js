// For engineers: who is told of incidents, whether they could be, and a test message.

import { all, isEngineer, post, put as replace, remove } from "./api.js";
import { confirmButton } from "./confirm.js";
import { failure, h, keyed, put, text } from "./dom.js";
import { ago } from "./times.js";
import { toast } from "./toasts.js";

const REFRESH_MS = 10_000;
const KINDS = { webhook: "Webhook", slack: "Slack", pagerduty: "PagerDuty", alertmanager: "Alertmanager", apprise: "E-mail and others" };
const SEVERITIES = ["critical", "high", "medium", "low"];
/** Kinds that can be told when silences begin and end; the others hold alerts. */
const TOLD_OF_SILENCES = ["webhook", "slack", "apprise"];

/** The page; returns what to call when it is left. */
export function receiversPage(main) {
  if (!isEngineer()) {
    put(main, h("h1", null, "Receivers"), h("p", { class: "muted" }, "Receivers hold secrets, so they are for engineers."));
    return () => null;
  }
  const note = h("div");
  const list = h("ul", { class: "plain stack receivers" });
  const empty = h("p", { class: "muted", hidden: true }, "Nobody is told of incidents yet.");
  let left = false;

  async function load() {
    try {
      const found = await all("/api/receivers");
      if (left) return;
      put(note);
      empty.hidden = found.length > 0;
      keyed(list, found, (one) => one.id, (one) => receiverCard(one, load));
    } catch (error) {
      if (!left) put(note, failure(error));
    }
  }

  put(main, h("div", { class: "page-head" }, h("h1", null, "Receivers")), note, empty, list, addForm(load));
  load();
  const timer = setInterval(load, REFRESH_MS);
  return () => {
    left = true;
    clearInterval(timer);
  };
}

function receiverCard(first, reload) {
  let item = first;
  const state = h("span", { class: "receiver-state" });
  const about = h("p", { class: "muted small" });
  const fault = h("p", { class: "small receiver-fault", hidden: true });
  const test = h("button", { type: "button", onclick: tryIt }, "Send a test");
  const toggle = h("button", { type: "button", onclick: turn });
  const drop = confirmButton("Remove", async () => {
    await remove(`/api/receivers/${item.id}`);
    await reload();
  });

  async function run(button, step) {
    button.disabled = true;
    try {
      await step();
      await reload();
    } catch (error) {
      toast(error.message, "high");
    } finally {
      button.disabled = false;
    }
  }

  function tryIt() {
    return run(test, async () => {
      const answer = await post(`/api/receivers/${item.id}/test`);
      toast(answer.delivered ? `${item.name} took the test message.` : `${item.name}: ${answer.detail}`, answer.delivered ? undefined : "high");
    });
  }

  function turn() {
    const { name, kind, url, match, after_s, silences } = item;
    return run(toggle, () => replace(`/api/receivers/${item.id}`, { name, kind, url, match, after_s, silences, enabled: !item.enabled }, item.version));
  }

  return {
    node: h("li", { class: "card stack" },
      h("div", { class: "row wrap" }, h("strong", null, first.name), state, h("span", { class: "row" }, test, toggle, drop)), about, fault),
    update(next) {
      item = next;
      state.dataset.state = item.enabled ? (item.failing ? "failing" : "well") : "off";
      text(state, item.enabled ? (item.failing ? "Failing" : item.last_delivered_at ? `Told ${ago(item.last_delivered_at)}` : "Not told yet") : "Off");
      text(about, described(item));
      fault.hidden = !item.failing;
      text(fault, item.failing ? `${ago(item.last_failure.at)}: ${item.last_failure.detail}` : "");
      text(toggle, item.enabled ? "Turn off" : "Turn on");
      test.setAttribute("aria-label", `Send a test to ${item.name}`);
      toggle.setAttribute("aria-label", `Turn ${item.enabled ? "off" : "on"} ${item.name}`);
      drop.setAttribute("aria-label", `Remove ${item.name}`);
    },
  };
}

function described({ kind, url, match, after_s, silences }) {
  const parts = [KINDS[kind], url, `services ${match.service}`];
  if (match.severities.length) parts.push(match.severities.join(", "));
  if (match.hours) parts.push(`${match.hours.from}–${match.hours.to} ${match.hours.zone}`);
  if (after_s) parts.push(`when nobody acknowledged within ${Math.round(after_s / 60)} min`);
  if (silences) parts.push("silences too");
  return parts.join(" · ");
}

function addForm(reload) {
  const name = h("input", { id: "receiver-name", maxlength: 200, required: true });
  const kind = h("select", { id: "receiver-kind" }, Object.entries(KINDS).map(([value, label]) => h("option", { value }, label)));
  const url = h("input", { id: "receiver-url", maxlength: 2000, inputmode: "url" });
  const secret = h("input", { id: "receiver-secret", type: "password", autocomplete: "new-password", maxlength: 1000 });
  const service = h("input", { id: "receiver-service", maxlength: 128, value: "*" });
  const minutes = h("input", { id: "receiver-after", type: "number", min: 0, max: 10080, value: 0 });
  const severities = SEVERITIES.map((one) => [one, h("input", { type: "checkbox", id: `receiver-${one}`, checked: true })]);
  const silences = h("input", { type: "checkbox", id: "receiver-silences" });
  const note = h("div");
  const save = h("button", { type: "submit" }, "Add receiver");

  function offerSilences() {
    silences.disabled = !TOLD_OF_SILENCES.includes(kind.value);
    if (silences.disabled) silences.checked = false;
  }
  kind.addEventListener("change", offerSilences);

  async function submit(event) {
    event.preventDefault();
    const chosen = severities.filter(([, box]) => box.checked).map(([one]) => one);
    save.disabled = true;
    try {
      await post("/api/receivers", {
        name: name.value, kind: kind.value, url: url.value.trim(), after_s: Number(minutes.value) * 60, silences: silences.checked,
        match: { service: service.value.trim() || "*", severities: chosen.length === SEVERITIES.length ? [] : chosen },
        ...(secret.value ? { secret: secret.value } : {}),
      });
      put(note);
      form.reset();
      offerSilences();
      await reload();
    } catch (error) {
      put(note, failure(error));
    } finally {
      save.disabled = false;
    }
  }

  const field = (input, label) => h("label", { for: input.id, class: "stack" }, h("span", { class: "small" }, label), input);
  const form = h("form", { class: "card stack", onsubmit: submit, "aria-labelledby": "receiver-add" },
    h("h2", { id: "receiver-add" }, "Add a receiver"),
    h("div", { class: "fields" }, field(name, "Name"), field(kind, "Kind"), field(url, "URL"), field(secret, "Secret (written, never shown)"),
      field(service, "Services (pattern)"), field(minutes, "Only when nobody acknowledged within, minutes")),
    h("div", { class: "row start wrap" }, severities.map(([one, box]) => h("label", { class: "row", for: box.id }, box, one))),
    h("label", { class: "row start", for: silences.id }, silences, "Also when silences begin and end"), note, h("div", null, save));
  return form;
}
