// One task, opened: how it stands, what can be done to it, and what happened to it so far.

import { DEEDS } from "./deeds.js";
import { entryOf, progressOf } from "./picture.js";
import { drawBar, remaining } from "./panels.js";
import { attribute, button, clockTime, make, set } from "./parts.js";

const EVENTS_MOST = 500;

export class Drawer {
  #task = null; // its row, when it is open
  #entries = new Map(); // its events by seq
  #form = null; // the deed whose field is filled in
  #offered = ""; // deeds on show

  constructor(dialog, { api, picture, requests }) {
    Object.assign(this, { dialog, api, picture, requests });
    this.find = (name) => dialog.querySelector(`[data-part="${name}"]`);
    this.find("close").onclick = () => this.close();
    this.find("page").hidden = !api.openTask;
    this.find("page").onclick = () => api.openTask(this.id);
    dialog.onclose = () => this.#closed();
    dialog.onclick = (click) => {
      if (click.target === dialog) this.close(); // the dark around it
    };
    dialog.addEventListener("keydown", (press) => this.#pressed(press));
  }

  get isOpen() {
    return this.dialog.open;
  }

  /** Open a task; `deed` is begun at once. */
  open(id, deed = null) {
    this.id = id;
    this.#task = this.picture.tasks.get(id) ?? { id, title: this.picture.title(id) };
    this.#entries.clear();
    this.#offered = null;
    this.#showForm(null);
    set(this.find("trouble"), "");
    if (!this.dialog.open) this.dialog.showModal();
    this.draw();
    this.#read(id);
    if (deed) this.begin(deed);
  }

  close() {
    this.dialog.close();
  }

  #closed() {
    this.id = this.#task = null;
    this.#showForm(null);
  }

  async #read(id) {
    try {
      const detail = await this.api.get(`/tasks/${encodeURIComponent(id)}`);
      if (this.id !== id) return;
      this.picture.learn(detail.task);
      this.#task = { ...detail.task, ...this.picture.tasks.get(id), why: detail.task.why };
      for (const event of detail.events) this.#note(event);
    } catch (error) {
      if (this.id === id) set(this.find("trouble"), error.message);
    }
    this.draw();
  }

  /** Read again: what is known came before a new snapshot. */
  again() {
    if (this.id) this.#read(this.id);
  }

  /** An event of the feed. */
  hear(event) {
    if (!this.id || !(event.entity === "tasks" ? event.key === this.id : event.facts?.task_id === this.id)) return;
    if (event.entity === "tasks") this.#task = { ...this.#task, ...event.patch };
    this.#note(event);
  }

  #note(event) {
    if (event.kind === "attempt.progressed") return;
    this.#entries.set(event.seq, entryOf({ entity: "tasks", key: this.id, facts: {}, patch: {}, ...event }, this.picture));
    if (this.#entries.size > EVENTS_MOST) this.#entries.delete(Math.min(...this.#entries.keys()));
  }

  // --- drawing

  draw() {
    if (!this.id) return;
    const task = this.#task;
    set(this.find("task"), task.title ?? task.id);
    set(this.find("badge"), task.outcome ?? (task.state === "running" && task.hold_at ? "paused" : (task.state ?? "")));
    attribute(this.find("badge"), "data-state", task.outcome ?? task.state ?? "");
    set(this.find("about"), [task.client, task.category, task.wanted_agent, task.priority ? `priority ${task.priority}` : "", task.id].filter(Boolean).join(" · "));
    set(this.find("why"), task.why ?? "");
    this.#drawProgress();
    this.#drawDeeds(task);
    this.#drawEvents();
  }

  #drawProgress() {
    const attempt = [...this.picture.attempts.values()].find((one) => one.task_id === this.id);
    this.find("progress").hidden = !attempt;
    if (!attempt) return;
    const { share, left } = progressOf(attempt, Date.now());
    drawBar(this.find("bar"), share, this.#task.title);
    set(this.find("stage"), [attempt.agent_id, attempt.stage, share === null ? "" : `${Math.round(share * 100)} %`, remaining(left)].filter(Boolean).join(" · "));
  }

  #drawDeeds(task) {
    const request = this.requests.of(this.id);
    set(this.find("request"), request?.text ?? "");
    attribute(this.find("request"), "data-state", request?.state ?? "");
    const possible = task.state ? this.requests.possible(task) : [];
    if (this.#offered === possible.join()) return;
    this.#offered = possible.join();
    const buttons = possible.map((name) => {
      const deed = DEEDS[name];
      const one = button(deed.name, deed.danger ? "deed danger" : "deed", () => this.begin(name), deed.key);
      one.dataset.deed = name;
      return one;
    });
    const held = this.find("deeds").contains(this.dialog.getRootNode().activeElement);
    this.find("deeds").replaceChildren(...buttons);
    if (held) (buttons[0] ?? this.find("close")).focus();
    if (this.#form && !possible.includes(this.#form)) this.#showForm(null);
  }

  #drawEvents() {
    const entries = [...this.#entries.values()].sort((a, b) => b.seq - a.seq);
    if (this.shown === `${this.id} ${entries[0]?.seq} ${entries.length}`) return;
    this.shown = `${this.id} ${entries[0]?.seq} ${entries.length}`;
    this.find("history").replaceChildren(...entries.map(historyRow));
  }

  // --- doing

  /** Do a deed to the open task, or ask for what it needs first. */
  begin(name) {
    if (!this.requests.possible(this.#task).includes(name)) return;
    if (DEEDS[name].field) this.#showForm(name);
    else this.requests.ask(this.id, name);
  }

  #showForm(name) {
    this.#form = name;
    const form = this.find("form");
    form.hidden = !name;
    if (!name) return form.replaceChildren();
    const deed = DEEDS[name];
    const isNumber = deed.field === "priority";
    const field = make(deed.choices ? "select" : "input");
    field.required = Boolean(deed.must || deed.choices) || isNumber;
    if (deed.choices) this.#choices(field, deed.choices);
    else Object.assign(field, { type: isNumber ? "number" : "text", maxLength: 1000, autocomplete: "off" });
    if (isNumber) Object.assign(field, { min: -1000, max: 1000, step: 1, value: this.#task.priority ?? 0 });
    const label = make("label", "", deed.label);
    label.append(field);
    const send = button(deed.name, deed.danger ? "deed danger" : "deed", null);
    send.type = "submit";
    form.replaceChildren(label, send, button("Back", "deed quiet", () => this.#showForm(null)));
    form.onsubmit = (submit) => {
      submit.preventDefault();
      this.requests.ask(this.id, name, { [deed.field]: isNumber ? field.valueAsNumber : field.value });
      this.#showForm(null);
      this.find("close").focus();
    };
    field.focus();
  }

  async #choices(field, path) {
    try {
      const { items } = await this.api.get(path);
      field.replaceChildren(...items.map((item) => new Option(item, item, false, item === this.#task?.category)));
    } catch (error) {
      set(this.find("trouble"), error.message);
    }
  }

  #pressed(press) {
    press.stopPropagation(); // what is behind does not listen while this is open
    if (press.target.matches("input, select") || press.ctrlKey || press.metaKey || press.altKey) return;
    const name = Object.keys(DEEDS).find((one) => DEEDS[one].key === press.key && this.requests.possible(this.#task).includes(one));
    if (!name) return;
    press.preventDefault();
    this.begin(name);
  }
}

function historyRow(entry) {
  const row = make("li");
  row.dataset.tone = entry.tone;
  const time = make("time", "", clockTime(entry.at));
  time.title = new Date(entry.at).toLocaleString();
  row.append(time, make("b", "", entry.words), make("span", "actor", entry.actor));
  if (entry.why) row.append(make("span", "why", entry.why));
  return row;
}
