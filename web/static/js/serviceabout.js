// What a service reports, who owns it, where to look further and what to do; engineers may say so.

import { isEngineer, patch } from "./api.js";
import { failure, h, put } from "./dom.js";
import { counted } from "./format.js";
import { LINK_NAMES, linkList } from "./servicelinks.js";
import { toast } from "./toasts.js";
import { quantity } from "./units.js";

const PLACES = "{service}, {metric}, {from}, {to}, {from_ms}, {to_ms}, {incident}";
const HOUR_MS = 3_600_000;

/** A section in `node`; `show(service, metric)` fills it unless it is being edited. */
export function serviceAbout(name) {
  let known = null;
  let editing = false;
  const body = h("div", { class: "stack" });
  const edit = h("button", { type: "button", onclick: () => open() }, "Edit");
  const node = h("section", { class: "card stack", "aria-labelledby": "service-about", hidden: true },
    h("div", { class: "row" }, h("h2", { id: "service-about" }, "About"), edit), body);

  function open() {
    editing = true;
    edit.hidden = true;
    put(body, form(name, known, close));
    body.querySelector("input").focus();
  }

  function close(changed) {
    editing = false;
    if (changed) known = { ...known, ...changed };
    draw();
    edit.focus();
  }

  function draw() {
    edit.hidden = !isEngineer();
    put(body, h("dl", { class: "facts" }, facts(known).map(([term, value]) => h("div", null, h("dt", null, term), h("dd", null, value)))));
  }

  return {
    node,
    show(service, metric) {
      node.hidden = service === null;
      if (service === null || editing) return;
      known = { ...service, metric };
      draw();
    },
  };
}

function facts(service) {
  const kinds = Object.values(service.kinds);
  const told = [...new Set(kinds)].sort().map((kind) => counted(kinds.filter((one) => one === kind).length, kind));
  const links = linkList(Object.fromEntries(Object.entries(service.links).map(([key, template]) => [key, filled(template, service)])));
  return [
    ["Owner", service.owner || "nobody said"],
    ["Reports", told.length ? `${told.join(", ")}; ${service.series} series, ${quantity(service.rate_per_s, "")} metrics a second` : "no closed window yet"],
    ["Links", links.length ? links : "none"],
    ["In trouble", service.runbook_text ? h("div", { class: "prose", id: "runbook-text" }, service.runbook_text) : "nobody said what to do"],
  ];
}

/** A link for this service and the last hour. */
function filled(template, { service_name: service, metric }) {
  const now = Date.now();
  const values = {
    service, metric: metric ?? "", from: new Date(now - HOUR_MS).toISOString(), to: new Date(now).toISOString(),
    from_ms: String(now - HOUR_MS), to_ms: String(now), incident: "",
  };
  return template.replace(/\{(\w+)\}/g, (_, place) => encodeURIComponent(values[place] ?? ""));
}

function form(name, service, onDone) {
  const owner = h("input", { id: "about-owner", maxlength: 200, value: service.owner });
  const inputs = Object.entries(LINK_NAMES).map(([key, label]) => [key, label, h("input", { id: `about-${key}`, maxlength: 2000, inputmode: "url", placeholder: "https://", value: service.links[key] ?? "" })]);
  const runbook = h("textarea", { id: "about-runbook-text", maxlength: 4000, rows: 6, placeholder: "Steps; commands in `backticks` or on lines of their own" });
  runbook.value = service.runbook_text;
  const note = h("div");
  const save = h("button", { type: "submit" }, "Save");

  async function submit(event) {
    event.preventDefault();
    const wrong = inputs.find(([, , input]) => input.value.trim() && !isLink(input.value.trim()));
    if (wrong) {
      put(note, h("p", { class: "notice error", role: "alert" }, `${wrong[1]}: give an http or https URL; in braces only ${PLACES}.`));
      return wrong[2].focus();
    }
    const links = Object.fromEntries(inputs.map(([key, , input]) => [key, input.value.trim() || null]));
    save.disabled = true;
    try {
      const found = await patch(`/api/services/${encodeURIComponent(name)}`, { owner: owner.value, links, runbook_text: runbook.value }, service.version);
      toast(`${name} is described.`);
      onDone(found);
    } catch (error) {
      put(note, failure(error.status === 412 ? { message: "Somebody else has changed this meanwhile: cancel, look, and edit again." } : error));
    } finally {
      save.disabled = false;
    }
  }

  const row = (id, label, input) => h("div", { class: "row" }, h("label", { class: "muted", for: id }, label), input);
  return h("form", { class: "stack about", onsubmit: submit, novalidate: true },
    row(owner.id, "Owner", owner), inputs.map(([, label, input]) => row(input.id, label, input)),
    h("label", { class: "stack" }, h("span", { class: "muted" }, "What to do in trouble"), runbook),
    h("p", { class: "muted small" }, `Links may hold ${PLACES}. Analyses cite what to do in trouble, and take commands from nowhere else.`), note,
    h("div", { class: "row start" }, save, h("button", { type: "button", onclick: () => onDone(null) }, "Cancel")));
}

function isLink(template) {
  const plain = template.replace(/\{(service|metric|from|to|from_ms|to_ms|incident)\}/g, "x");
  try {
    return ["http:", "https:"].includes(new URL(plain).protocol) && !/[{}\s]/.test(plain);
  } catch {
    return false;
  }
}
