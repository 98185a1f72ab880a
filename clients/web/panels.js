// The panels of the monitor: what runs, what waits, who works, what is wrong. Each draws what the picture says.

import { progressOf, toMs } from "./picture.js";
import { attribute, button, make, number, Rows, set, span } from "./parts.js";

const MOST = { running: 60, list: 100, agents: 60 };
const SLOTS = 12;
const STATES = ["ready", "running", "waiting", "review", "paused"];
const TITLES = { ready: "Queue", waiting: "Waiting", review: "To decide", paused: "Paused" };
const EMPTY = {
  ready: "The queue is empty: nothing waits for an agent.",
  waiting: "Nothing waits for time, for another task or for an approval.",
  review: "Nothing waits for a decision.",
  paused: "Nothing is paused.",
};

/** How many tasks are in each state; choosing one lists them. */
export class Counts {
  constructor(element, choose) {
    this.chips = STATES.map((state) => {
      const chip = make("button", "chip");
      chip.type = "button";
      chip.dataset.state = state;
      chip.append(make("b"), make("span", "", state));
      chip.onclick = () => choose(state);
      return chip;
    });
    element.replaceChildren(...this.chips);
  }

  draw(picture, chosen) {
    for (const chip of this.chips) {
      const count = picture.counts[chip.dataset.state] ?? 0;
      set(chip.firstChild, picture.loaded ? number(count) : "–"); // unknown is not zero
      chip.toggleAttribute("data-some", picture.loaded && count > 0);
      attribute(chip, "aria-pressed", String(chip.dataset.state === chosen));
    }
  }
}

/** A list of tasks; each row opens its task and tells what was asked of it. */
class TaskList {
  constructor(element, { requests, open, update }) {
    this.requests = requests;
    this.empty = make("p", "none");
    this.more = make("p", "none");
    const list = make("ul", "rows");
    element.replaceChildren(list, this.empty, this.more);
    this.rows = new Rows(list, ({ task }) => taskRow(task, open), (row, item) => this.#update(row, item, update));
  }

  #update(row, item, update) {
    const parts = row.parts;
    set(parts.name, item.task.title ?? item.task.id);
    const request = this.requests.of(item.task.id);
    parts.asked.hidden = !request;
    attribute(parts.asked, "data-state", request?.state ?? "");
    set(parts.asked, request?.text ?? "");
    update(parts, item);
  }

  show(items, count, most, picture, empty) {
    this.rows.show(items.slice(0, most), (item) => item.task.id);
    this.empty.hidden = items.length > 0;
    set(this.empty, picture.loaded ? empty : "Not known yet.");
    this.more.hidden = count <= Math.min(items.length, most);
    set(this.more, `and ${number(count - Math.min(items.length, most))} more`);
  }
}

function taskRow(task, open) {
  const row = make("li", "row");
  row.dataset.task = task.id;
  const head = make("div", "head");
  const name = make("button", "name");
  name.type = "button";
  name.onclick = () => open(task.id);
  const parts = { row, name, side: make("span", "side"), middle: make("div", "middle"), foot: make("div", "foot"), asked: make("span", "asked") };
  parts.left = make("span", "left");
  parts.right = make("span", "right");
  parts.foot.append(parts.left, parts.right);
  head.append(name, parts.side);
  row.append(head, parts.middle, parts.foot, parts.asked);
  row.parts = parts;
  return row;
}

export class Running {
  constructor(element, heading, tools) {
    this.heading = heading;
    this.list = new TaskList(element, { ...tools, update: (parts, item) => this.#update(parts, item) });
  }

  draw(picture) {
    const items = picture.running();
    set(this.heading, items.length ? number(items.length) : "");
    this.list.show(items, items.length, MOST.running, picture, "Nothing runs at the moment. A task that an agent takes appears here at once.");
  }

  #update(parts, { attempt, task }) {
    const now = Date.now();
    const { share, left } = progressOf(attempt, now);
    set(parts.side, span(now - toMs(attempt.started_at)));
    drawBar(parts.middle, share, task.title);
    const held = task.hold_at ? "paused" : task.stop_at ? "stopping" : "";
    set(parts.left, [attempt.agent_id, attempt.number > 1 ? `attempt ${attempt.number}` : "", held].filter(Boolean).join(" · "));
    const percent = share === null ? "" : `${Math.round(share * 100)} %`;
    set(parts.right, [attempt.stage || (share === null ? "working" : ""), percent, held ? "" : remaining(left)].filter(Boolean).join(" · "));
  }
}

export function drawBar(element, share, title) {
  const bar = element.firstChild ?? make("div", "bar");
  if (!bar.firstChild) {
    bar.setAttribute("role", "progressbar");
    bar.setAttribute("aria-valuemin", "0");
    bar.setAttribute("aria-valuemax", "100");
    bar.append(make("i"));
    element.append(bar);
  }
  attribute(bar, "aria-label", `Progress of ${title ?? "the task"}`);
  bar.classList.toggle("unknown", share === null);
  bar.firstChild.style.width = share === null ? "" : `${share * 100}%`;
  if (share === null) bar.removeAttribute("aria-valuenow");
  else attribute(bar, "aria-valuenow", String(Math.round(share * 100)));
}

export function remaining(left) {
  if (left === null) return "";
  return left > 0 ? `about ${span(left)} left` : "longer than it looked";
}

/** The tasks of one state: what is ready in its order, each with the sentence why it does not run. */
export class Open {
  constructor(element, heading, amount, tools) {
    Object.assign(this, { heading, amount });
    this.list = new TaskList(element, { ...tools, update: (parts, item) => this.#update(parts, item) });
  }

  draw(picture, state, queue) {
    const tasks = picture.inState(state, state === "ready" ? queue.places : undefined);
    set(this.heading, TITLES[state]);
    const count = Math.max(tasks.length, picture.counts[state] ?? 0);
    set(this.amount, count ? number(count) : "");
    this.place = 0;
    this.state = state;
    this.list.show(tasks.map((task) => ({ task, why: state === "ready" ? queue.whys.get(task.id) : undefined })), count, MOST.list, picture, EMPTY[state]);
  }

  #update(parts, { task, why }) {
    this.place += 1;
    set(parts.side, this.state === "ready" ? `#${this.place}` : "");
    set(parts.left, [task.client, task.category].filter(Boolean).join(" · "));
    set(parts.right, task.priority ? `priority ${task.priority}` : "");
    set(parts.middle, why ?? task.why ?? "");
    parts.middle.classList.add("why");
  }
}

export class Agents {
  constructor(element, heading) {
    this.heading = heading;
    this.empty = make("p", "none");
    const list = make("ul", "rows");
    element.replaceChildren(list, this.empty);
    this.rows = new Rows(list, () => this.#build(), (row, item) => this.#update(row, item));
  }

  draw(picture) {
    const items = [...picture.agents.values()].sort((a, b) => (a.id < b.id ? -1 : 1)).map((agent) => ({ agent, busy: picture.busy(agent.id) }));
    const online = items.filter(({ agent }) => agent.state === "online").length;
    set(this.heading, items.length ? `${online} of ${items.length} online` : "");
    this.empty.hidden = items.length > 0;
    set(this.empty, picture.loaded ? "No agent is registered, or none that you may see." : "Not known yet.");
    this.rows.show(items.slice(0, MOST.agents), ({ agent }) => agent.id);
  }

  #build() {
    const row = make("li", "agent");
    const slots = make("span", "slots");
    slots.setAttribute("aria-hidden", "true");
    row.append(make("span", "name"), slots, make("span", "load"), make("span", "reason"));
    return row;
  }

  #update(row, { agent, busy }) {
    const [name, slots, load, reason] = row.children;
    attribute(row, "data-state", agent.state);
    set(name, agent.id);
    const shown = Math.min(agent.capacity, SLOTS);
    while (slots.children.length > shown) slots.lastChild.remove();
    while (slots.children.length < shown) slots.append(make("i"));
    [...slots.children].forEach((slot, place) => slot.classList.toggle("busy", place < busy));
    set(load, agent.state === "online" ? `${busy} of ${agent.capacity}` : `${agent.state}${busy ? `, ${busy} still running` : ""}`);
    set(reason, agent.state === "online" ? "" : (agent.reason ?? ""));
  }
}

const isCritical = (alert) => Number(alert.severity === "critical");
const ACKNOWLEDGE = /^POST \/inbox\/\{\w+\}\/acknowledge$/;

/** What is wrong, and what to do about it. Whoever may acknowledge an alert gets a button for it. */
export class Alerts {
  constructor(section, element, api) {
    this.section = section;
    this.api = api;
    this.acknowledged = new Set(); // alerts
    this.mayAcknowledge = api.rights.some((right) => ACKNOWLEDGE.test(right));
    this.rows = new Rows(element, (alert) => this.#build(alert), (row, alert) => this.#update(row, alert));
  }

  draw(picture) {
    const alerts = [...picture.alerts.values()].sort((a, b) => isCritical(b) - isCritical(a) || toMs(b.opened_at) - toMs(a.opened_at));
    this.section.hidden = !alerts.length;
    this.rows.show(alerts, (alert) => alert.id);
  }

  #build(alert) {
    const row = make("li", "alert");
    const said = make("span", "asked");
    const deed = button("Acknowledge", "small", () => this.#acknowledge(alert.id, deed, said));
    row.append(make("b"), make("span", "advice"), make("time"), deed, said);
    return row;
  }

  #update(row, alert) {
    const [title, advice, time, deed] = row.children;
    attribute(row, "data-severity", alert.severity ?? "warning");
    set(title, alert.title ?? alert.name);
    set(advice, alert.advice ?? "");
    set(time, `${span(Date.now() - toMs(alert.opened_at))} ago`);
    deed.hidden = !this.mayAcknowledge || this.acknowledged.has(alert.id);
  }

  /** An alert is acknowledged through the notice of it in one's own inbox. */
  async #acknowledge(id, deed, said) {
    set(said, "asked …");
    try {
      const inbox = await this.api.get("/inbox");
      const notice = inbox.items.find((one) => one.entity === "alerts" && one.entity_id === id && one.state === "open");
      if (!notice) return set(said, "your inbox has no open notice of it");
      await this.api.act(`/inbox/${encodeURIComponent(notice.id)}/acknowledge`, {}, `acknowledge-${notice.id}`);
      this.acknowledged.add(id);
      deed.hidden = true;
      set(said, "acknowledged");
    } catch (error) {
      set(said, error.message);
    }
  }
}
