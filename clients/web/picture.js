// What the monitor knows: the fold of a snapshot and of every event since, and the events themselves. No DOM.

const HIDDEN = new Set(["attempt.progressed", "request.answered", "reader.advanced"]); // shown as a bar, and what keeps the books
const TITLES_MOST = 20_000;
const TOPIC_OF = {
  tasks: "tasks", attempts: "tasks", dependencies: "tasks", decisions: "tasks", artifacts: "tasks", agents: "agents", policies: "agents", preferences: "agents", circuits: "agents", postings: "postings", bids: "bids",
  users: "users", requests: "system", bulks: "system", categories: "system", labels: "system", categorizers: "system", schedules: "schedules", backfills: "schedules", fires: "schedules", freezes: "schedules",
  alerts: "alerts", notices: "inbox",
};
const BAD = new Set(["failed", "timeout", "expired", "lost", "critical"]);
const ODD = new Set(["task.questioned", "task.unrouted", "task.retried", "task.returned", "task.escalated", "task.rejected", "alert.opened"]);

/** What is open now. */
export class Picture {
  constructor() {
    this.titles = new Map(); // outlive a snapshot: the list of events needs those of tasks that have ended
    this.load({ tasks: [], attempts: [], agents: [], alerts: [], counts: {}, complete: true });
    this.loaded = false;
  }

  /** Take a snapshot; what was known before is void. */
  load(snapshot) {
    const byId = (rows) => new Map((rows ?? []).map((row) => [row.id, { ...row }]));
    this.tasks = byId(snapshot.tasks);
    this.attempts = byId(snapshot.attempts);
    this.agents = byId(snapshot.agents);
    this.alerts = byId(snapshot.alerts);
    this.counts = { ...snapshot.counts };
    this.complete = snapshot.complete;
    this.unsure = false; // the counts: a task moved that is not held here
    this.loaded = true;
    for (const task of this.tasks.values()) this.#entitle(task.id, task.title);
  }

  /** Apply what happened. Patches are absolute values. */
  apply(event) {
    if (event.entity === "tasks") this.#applyTask(event);
    else if (event.entity === "attempts") this.#applyAttempt(event);
    else if (event.entity === "agents") this.#merge(this.agents, event);
    else if (event.entity === "alerts" && this.#merge(this.alerts, event).state === "resolved") this.alerts.delete(event.key);
  }

  #applyTask(event) {
    const before = this.tasks.get(event.key);
    const { state } = event.patch;
    if (!before && event.kind !== "task.submitted") {
      if (!this.complete) this.unsure = true; // every open task is held where the picture is complete, so there it had ended before
      if (state === undefined || state === "done") return;
    }
    const row = this.#merge(this.tasks, event);
    if (state && state !== before?.state) {
      if (before) this.#count(before.state, -1);
      this.#count(state, +1);
    }
    this.#entitle(row.id, row.title);
    if (row.state === "done") this.tasks.delete(event.key);
  }

  #applyAttempt(event) {
    const row = this.#merge(this.attempts, event);
    if (event.patch.progress !== undefined) row.progressAt = event.at;
    if (row.state && row.state !== "running") this.attempts.delete(event.key);
  }

  #merge(table, event) {
    const row = { id: event.key, ...table.get(event.key), ...event.patch };
    table.set(event.key, row);
    return row;
  }

  #count(state, by) {
    this.counts[state] = Math.max(0, (this.counts[state] ?? 0) + by);
  }

  #entitle(id, title) {
    if (!title) return;
    this.titles.set(id, title);
    if (this.titles.size > TITLES_MOST) this.titles.delete(this.titles.keys().next().value);
  }

  /** Learn the title of a task from an event that is older than the snapshot. */
  glance(event) {
    if (event.entity === "tasks" && !this.titles.has(event.key)) this.#entitle(event.key, event.patch.title);
  }

  /** Take the row of a task that is shown without its title, as the API tells it. */
  learn(row) {
    this.#entitle(row.id, row.title);
    const known = this.tasks.get(row.id);
    if (known) this.tasks.set(row.id, { ...row, ...known });
  }

  title(id) {
    return this.tasks.get(id)?.title ?? this.titles.get(id) ?? id;
  }

  /** Tasks that run, the longest first: [{ attempt, task }]. */
  running() {
    const rows = [...this.attempts.values()].sort((a, b) => toMs(a.started_at) - toMs(b.started_at) || order(a.id, b.id));
    return rows.map((attempt) => ({ attempt, task: this.tasks.get(attempt.task_id) ?? { id: attempt.task_id, title: this.title(attempt.task_id) } }));
  }

  /** Tasks in a state; those that are ready in the order in which they start. `places` are the queue's own, by id. */
  inState(state, places = new Map()) {
    const rows = [...this.tasks.values()].filter((task) => task.state === state);
    const key = state === "ready" ? queueKey : (task) => toMs(task.created_at);
    return rows.sort((a, b) => (places.get(a.id) ?? Infinity) - (places.get(b.id) ?? Infinity) || key(a) - key(b) || order(a.id, b.id));
  }

  /** How many attempts an agent has running. */
  busy(agentId) {
    let running = 0;
    for (const attempt of this.attempts.values()) if (attempt.agent_id === agentId) running += 1;
    return running;
  }
}

/** The last events, oldest first, and which of them fit a search. */
export class Log {
  constructor(most = 10_000) {
    this.most = most;
    this.clear();
    this.topic = "";
    this.words = [];
  }

  clear() {
    this.all = [];
    this.shown = [];
    this.dropped = 0; // how many of those shown fell out at the top, ever
  }

  /** Add what just happened; tell whether it is shown. */
  add(event, picture) {
    if (HIDDEN.has(event.kind)) return false;
    const entry = entryOf(event, picture);
    this.all.push(entry);
    if (this.all.length > this.most) this.#drop();
    const fits = this.#fits(entry);
    if (fits) this.shown.push(entry);
    return fits;
  }

  #drop() {
    const oldest = this.all.splice(0, this.all.length - this.most);
    while (this.shown.length && this.shown[0].seq <= oldest.at(-1).seq) {
      this.shown.shift();
      this.dropped += 1;
    }
  }

  /** Add what happened before all that is known. */
  prepend(events, picture) {
    const first = this.all[0]?.seq ?? Infinity;
    const entries = events.filter((event) => !HIDDEN.has(event.kind) && event.seq < first).map((event) => entryOf(event, picture));
    this.all = [...entries, ...this.all].slice(-this.most);
    this.#choose();
  }

  /** Show what is of a topic (all: "") and has all words of a text. */
  search(topic, text) {
    this.topic = topic;
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.#choose();
  }

  #choose() {
    this.shown = this.all.filter((entry) => this.#fits(entry));
    this.dropped = 0;
  }

  #fits(entry) {
    if (this.topic && entry.topic !== this.topic) return false;
    return this.words.every((word) => entry.haystack.includes(word));
  }
}

export function entryOf(event, picture) {
  const task = event.entity === "tasks" ? event.key : (event.facts?.task_id ?? event.patch.task_id ?? null);
  const title = event.patch.title ?? (task ? picture.titles.get(task) : undefined) ?? event.key;
  const words = wordsOf(event.kind);
  const outcome = event.patch.outcome ?? event.facts?.outcome ?? event.patch.state ?? "";
  const entry = { seq: event.seq, at: toMs(event.at), kind: event.kind, words, topic: TOPIC_OF[event.entity] ?? event.entity, title, task, actor: event.actor };
  entry.why = event.patch.why ?? event.patch.error ?? event.facts?.note ?? "";
  entry.tone = toneOf(event, outcome);
  entry.haystack = [event.kind, words, title, event.key, task, event.actor, outcome, entry.why].join(" ").toLowerCase();
  return entry;
}

function toneOf(event, outcome) {
  if (BAD.has(outcome) || BAD.has(event.patch.severity)) return "bad";
  if (outcome === "succeeded" || event.kind === "alert.resolved") return "good";
  return ODD.has(event.kind) ? "odd" : "plain";
}

/** Progress and what is left, of an attempt that says how far it is: { share, left } with `left` in milliseconds, null where nobody can know. */
export function progressOf(attempt, now) {
  if (typeof attempt.progress !== "number") return { share: null, left: null };
  const share = Math.min(1, Math.max(0, attempt.progress));
  const told = toMs(attempt.progressAt ?? NaN);
  if (!(share > 0 && share < 1) || Number.isNaN(told)) return { share, left: null };
  return { share, left: ((told - toMs(attempt.started_at)) / share) * (1 - share) - (now - told) };
}

/** What a task waits for that a person can give: "approval", "category", or null. */
export function decisionOn(task) {
  if (task.state === "review") return task.reason === "unsure" || task.reason === "category" ? "category" : "approval";
  return task.reason === "approval" ? "approval" : null;
}

export function wordsOf(kind) {
  return kind.replace(".", " ").replaceAll("_", " ");
}

/** An instant of the API (ISO 8601) or of the journal (microseconds), in milliseconds. */
export function toMs(value) {
  return typeof value === "number" ? value / 1000 : Date.parse(value);
}

function queueKey(task) {
  return task.queue_key ? task.queue_key / 1000 : toMs(task.ready_at ?? task.created_at) - (task.priority ?? 0) * 60_000;
}

function order(a, b) {
  return a < b ? -1 : Number(a > b);
}
