// What people do to tasks, and what became of it: "asked" until the outcome arrives in the feed, or why it was refused.

import { decisionOn } from "./picture.js";

const SETTLE_MS = 4000; // an answer without an event for so long: nothing had to change
const RESEND_MS = [500, 2000, 5000]; // pauses before what may not have arrived is sent again
const KEPT_MS = { refused: 30_000, idle: 6000 }; // how long an outcome is shown that the feed will not replace

const isOpen = (task) => task.state !== "done";
const isHeld = (task) => task.state === "paused" || (task.state === "running" && Boolean(task.hold_at));
const isPresented = (task) => task.state === "review" && decisionOn(task) === "approval";

/** Nobody knows whether a request arrived. */
export class Unreached extends Error {}

/** Each deed: the key that does it, its route, the field of its body that a person fills in or chooses, and to which tasks it can be done. */
export const DEEDS = {
  pause: { key: "p", name: "Pause", asked: "asked to pause", route: "pause", fits: (task) => isOpen(task) && !isHeld(task) && !task.stop_at && !isPresented(task) },
  resume: { key: "p", name: "Resume", asked: "asked to go on", route: "resume", fits: isHeld },
  approve: { key: "a", name: "Approve", asked: "approval sent", route: "approve", fits: (task) => decisionOn(task) === "approval" },
  reject: { key: "x", name: "Reject", asked: "rejection sent", route: "reject", field: "note", label: "Why? Whoever does it again needs that", must: true, fits: (task) => decisionOn(task) === "approval" },
  review: { key: "g", name: "Choose category", asked: "category sent", route: "review", field: "category", label: "Category", choices: "/categories", fits: (task) => decisionOn(task) === "category" },
  retry: {
    key: "r", name: "Retry", asked: "asked to try again", route: "retry",
    fits: (task) => (task.state === "done" && task.outcome !== "succeeded") || (task.state === "waiting" && task.reason === "backoff"),
  },
  priority: { key: "", name: "Set priority", asked: "asked for another priority", route: "priority", field: "priority", label: "Priority, one point for one minute of waiting", fits: isOpen },
  cancel: { key: "c", name: "Cancel task", asked: "asked to cancel", route: "cancel", field: "why", label: "Why? Kept with the task", danger: true, fits: (task) => isOpen(task) && !task.stop_at },
};

/** What was asked of tasks. Each request has a key of its own, so that one that is sent twice is done once. */
export class Requests {
  #open = new Map(); // task → { deed, state, text, until }

  constructor(api, changed) {
    this.api = api;
    this.changed = changed;
  }

  may(name) {
    return this.api.rights.includes(`POST /tasks/{task_id}/${DEEDS[name].route}`);
  }

  /** The deeds that this person may do to a task as it stands. */
  possible(task) {
    return Object.keys(DEEDS).filter((name) => this.may(name) && DEEDS[name].fits(task));
  }

  /** What is to be said about a task: { state: "asked" | "refused" | "idle", text }, or undefined. */
  of(taskId) {
    const request = this.#open.get(taskId);
    if (request?.until < Date.now()) this.#open.delete(taskId);
    return this.#open.get(taskId);
  }

  async ask(taskId, name, body = {}) {
    const request = { name, state: "asked", text: `${DEEDS[name].asked} …`, until: Infinity };
    this.#open.set(taskId, request);
    this.changed();
    try {
      await this.#send(`/tasks/${encodeURIComponent(taskId)}/${DEEDS[name].route}`, body);
      setTimeout(() => this.#close(taskId, request, "idle", "nothing had to change"), SETTLE_MS);
    } catch (error) {
      this.#close(taskId, request, "refused", error.message);
    }
  }

  async #send(path, body) {
    const key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    for (let tries = 0; ; tries += 1) {
      try {
        return await this.api.act(path, body, key);
      } catch (error) {
        if (!(error instanceof Unreached) || tries === RESEND_MS.length) throw error;
        await new Promise((done) => setTimeout(done, RESEND_MS[tries]));
      }
    }
  }

  #close(taskId, request, state, text) {
    if (this.#open.get(taskId) !== request || request.state !== "asked") return;
    if (state === "idle" && !this.api.isLive()) return; // the outcome is on its way
    Object.assign(request, { state, text, until: Date.now() + KEPT_MS[state] });
    this.changed();
  }

  /** The feed tells what I did: that is the outcome. */
  hear(event) {
    if (event.entity !== "tasks" || event.actor !== `user:${this.api.name}`) return;
    if (this.#open.get(event.key)?.state !== "refused") this.#open.delete(event.key);
  }
}
