// For engineers: incidents of a list are ticked and changed together.

import { isEngineer, post } from "./api.js";
import { h, put, text } from "./dom.js";
import { counted } from "./format.js";
import { incidentRow, STATUS_WORDS } from "./incidentrow.js";
import { DURATIONS } from "./silencewords.js";
import { toast } from "./toasts.js";

/** So many one call takes. */
const MOST = 500;

/** The bar in `node`, and `row(incident)`: a view for `keyed` with a box to tick. */
export class Bulk {
  node = h("section", { class: "card stack bulk", "aria-label": "Change the selected incidents", hidden: true });
  /** Ticks all rows that are shown. */
  all = h("input", { type: "checkbox", id: "bulk-all", onchange: () => this.#tickAll(this.all.checked) });
  #onChanged;
  #rows = [];
  #ticked = new Set();
  #boxes = new Map();
  #count = h("strong", { role: "status" });
  #assignee = h("input", { id: "bulk-assignee", maxlength: 200, placeholder: "Nobody" });
  #silence = h("select", { id: "bulk-silence" }, DURATIONS.map(([seconds, label]) => h("option", { value: seconds }, label)));
  #problems = h("div", { role: "alert" });

  /** `onChanged()` is called when the server has changed some. */
  constructor(onChanged) {
    this.#onChanged = onChanged;
    const button = (label, act) => h("button", { type: "button", onclick: (event) => this.#run(event.target, act) }, label);
    put(this.node,
      h("div", { class: "row wrap" }, this.#count, h("div", { class: "row wrap start" },
        button("Acknowledge", () => this.#change({ status: "acknowledged" }, STATUS_WORDS.acknowledged)),
        button("Resolve", () => this.#change({ status: "resolved" }, STATUS_WORDS.resolved)),
        h("button", { type: "button", class: "ghost", onclick: () => this.#tickAll(false) }, "Clear selection"))),
      h("div", { class: "row wrap start" },
        h("label", { class: "row", for: "bulk-assignee" }, h("span", { class: "muted" }, "Assignee"), this.#assignee),
        button("Assign", () => this.#assign()),
        h("label", { class: "row", for: "bulk-silence" }, h("span", { class: "muted" }, "Silence for"), this.#silence),
        button("Silence", () => this.#mute())),
      this.#problems);
  }

  /** Views for a list: plain rows where nothing may be changed. */
  row = (incident) => {
    const view = incidentRow(incident);
    if (!isEngineer()) return view;
    const box = h("input", { type: "checkbox", onchange: () => this.#tick(incident.id, box.checked) });
    box.checked = this.#ticked.has(incident.id);
    this.#boxes.set(incident.id, box);
    view.node.classList.add("with-box");
    view.node.prepend(h("span", { class: "box" }, box));
    return { node: view.node, update: (next) => { view.update(next); box.setAttribute("aria-label", `Select ${next.title}`); } };
  };

  /** The rows that are shown: what is no longer among them is not changed either. */
  show(incidents) {
    this.#rows = incidents;
    const shown = new Set(incidents.map((one) => one.id));
    for (const id of this.#ticked) if (!shown.has(id)) this.#ticked.delete(id);
    for (const id of this.#boxes.keys()) if (!shown.has(id)) this.#boxes.delete(id);
    this.#draw();
  }

  #tick(id, isOn) {
    if (isOn) this.#ticked.add(id);
    else this.#ticked.delete(id);
    this.#draw();
  }

  #tickAll(isOn) {
    this.#ticked = new Set(isOn ? this.#rows.map((one) => one.id) : []);
    for (const [id, box] of this.#boxes) box.checked = this.#ticked.has(id);
    this.#draw();
  }

  #draw() {
    const count = this.#ticked.size;
    this.node.hidden = count === 0;
    if (!count) put(this.#problems);
    text(this.#count, `${count} selected`);
    this.all.checked = count > 0 && count === this.#rows.length;
    this.all.indeterminate = count > 0 && count < this.#rows.length;
  }

  async #run(button, act) {
    button.disabled = true;
    put(this.#problems);
    try {
      await act();
    } catch (error) {
      this.#failed([error.message]);
    } finally {
      button.disabled = false;
    }
    this.#onChanged();
  }

  #assign() {
    const assignee = this.#assignee.value.trim() || null;
    return this.#change({ assignee }, assignee === null ? "Assigned to nobody" : `Assigned to ${assignee}`);
  }

  async #change(values, done) {
    const ids = [...this.#ticked];
    const failed = [];
    let changed = 0;
    for (let first = 0; first < ids.length; first += MOST) {
      const answer = await post("/api/incidents/bulk", { ids: ids.slice(first, first + MOST), ...values });
      changed += answer.changed.length;
      failed.push(...answer.failed);
      for (const id of answer.changed) this.#untick(id);
    }
    if (changed) toast(`${done}: ${counted(changed, "incident")}`);
    this.#failed(failed.map((one) => `${this.#title(one.id)}: ${one.detail}`));
  }

  /** One silence a service and metric would do, but each incident tells of its own. */
  async #mute() {
    const failed = [];
    let made = 0;
    for (const id of [...this.#ticked]) {
      try {
        await post(`/api/incidents/${id}/silence`, { duration_s: Number(this.#silence.value) });
        this.#untick(id);
        made += 1;
      } catch (error) {
        failed.push(`${this.#title(id)}: ${error.message}`);
      }
    }
    if (made) toast(`Silenced: ${counted(made, "incident")}`, "info", "#/silences");
    this.#failed(failed);
  }

  #untick(id) {
    this.#ticked.delete(id);
    const box = this.#boxes.get(id);
    if (box) box.checked = false;
    this.#draw();
  }

  #title(id) {
    return this.#rows.find((one) => one.id === id)?.title ?? id;
  }

  #failed(lines) {
    if (lines.length) put(this.#problems, h("ul", { class: "notice error" }, lines.slice(0, 5).map((one) => h("li", null, one)), lines.length > 5 ? h("li", null, `and ${lines.length - 5} more`) : null));
  }
}
