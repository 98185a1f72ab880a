// The live page: its own socket to the feed, its own copy of what is open, and a connection sign that never lies.
//
// Whenever a ticket or a snapshot is needed, the page asks Python by setting the trigger `wanted` to { n, ticket, snapshot }; `data` then brings
// { n, failed, ticket, url, snapshot } with the same n.
//
// Nothing falls between snapshot and feed: a ticket names the head of the journal, the snapshot is read after it, and the feed is asked for everything
// after that head. When only the snapshot is read again, events that come meanwhile are kept and applied on top of it. Patches are absolute values, so
// an event that the snapshot knew already changes nothing.
//
// All text from outside is set with textContent only.

const HEARTBEAT_MS = 15_000; // until the server says its own in `ready`
const SILENT_AFTER = 2.5; // heartbeats without a sign: the socket is dead, whatever the browser thinks
const BACKOFF = { first: 200, most: 10_000 }; // ms, doubling, full jitter
const KEPT = 1000; // events in memory
const SHOWN = 150; // events drawn
const STATES = ["ready", "running", "waiting", "review", "paused"];
const HISTORY = 100; // events before this moment that the list begins with
const TITLES = 5000; // titles in memory, for events about tasks that have ended
const RECOUNT = { usual: 2000, crowded: 30_000 }; // ms until the picture is read again after an event about a task that it does not hold
const ANSWER_MS = 20_000; // until the page's server is taken for dead
const CLOSED = { forbidden: 4403, cannotResume: 4409 };
const REASONS = {
  1012: "the server restarts",
  4008: "this page was too slow",
  4401: "the session had to be renewed",
  4409: "too much was missed, reading everything again",
};

export default function (component) {
  const root = component.parentElement;
  if (!root.live) {
    root.live = new Live(root, component.setTriggerValue);
  }
  root.live.send = component.setTriggerValue;
  root.live.take(component.data);
  return () => {
    root.live?.close();
    delete root.live;
  };
}

/** What is open now: the fold of the snapshot and of every event since. */
class Picture {
  constructor() {
    this.tasks = new Map();
    this.attempts = new Map();
    this.agents = new Map();
    this.counts = {};
    this.complete = true; // every open task is held here
    this.titles = new Map();
    this.unknown = false; // an event moved a task that is not held here, so the counts need a fresh look
  }

  load(snapshot) {
    const byId = (rows) => new Map(rows.map((row) => [row.id, row]));
    this.tasks = byId(snapshot.tasks);
    this.attempts = byId(snapshot.attempts);
    this.agents = byId(snapshot.agents);
    this.counts = { ...snapshot.counts };
    for (const [id, title] of Object.entries(snapshot.titles)) this.titles.set(id, title);
    this.complete = snapshot.complete;
    this.unknown = false;
  }

  apply(event) {
    if (event.entity === "tasks") this.applyTask(event);
    if (event.entity === "attempts") this.applyAttempt(event);
    if (event.entity === "agents") this.merge(this.agents, event);
  }

  applyTask(event) {
    const before = this.tasks.get(event.key);
    const state = event.patch.state;
    if (!before && event.kind !== "task.submitted") this.unknown = true;
    if (state && state !== before?.state) {
      if (before) this.count(before.state, -1);
      this.count(state, +1);
    }
    const row = this.merge(this.tasks, event);
    this.entitle(row.id, row.title);
    if (row.state === "done") this.tasks.delete(event.key);
  }

  entitle(id, title) {
    if (title) this.titles.set(id, title);
    if (this.titles.size > TITLES) this.titles.delete(this.titles.keys().next().value);
  }

  applyAttempt(event) {
    const row = this.merge(this.attempts, event);
    if (row.state && row.state !== "running") this.attempts.delete(event.key);
  }

  merge(table, event) {
    const row = { id: event.key, ...table.get(event.key), ...event.patch };
    table.set(event.key, row);
    return row;
  }

  count(state, by) {
    this.counts[state] = Math.max(0, (this.counts[state] ?? 0) + by);
  }

  busy(agentId) {
    let running = 0;
    for (const attempt of this.attempts.values()) if (attempt.agent_id === agentId) running += 1;
    return running;
  }
}

class Live {
  constructor(root, send) {
    this.root = root;
    this.send = send;
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.picture = new Picture();
    this.events = []; // newest first: { seq, at, kind, title, key, actor, tone }
    this.state = "connecting";
    this.epoch = null;
    this.seq = null; // the last event or heartbeat that was heard
    this.newest = 0; // seq of the first of `events`
    this.base = 0; // where the snapshot stands in the journal
    this.loaded = false; // the picture has had its snapshot
    this.broken = false; // the feed could not be resumed once
    this.kept = null; // events since a snapshot was asked for; null while none is
    this.goal = null; // catching up to this seq
    this.tries = 0;
    this.asked = 0;
    this.lastSign = null; // ms, when the server was last heard
    this.frame = 0;
    this.heartbeat = HEARTBEAT_MS;
    this.filter = this.find("filter");
    this.filter.oninput = () => this.draw();
    root.onclick = (click) => this.opened(click);
    this.offline = () => this.lost("this computer is offline");
    window.addEventListener("offline", this.offline);
    this.clock = setInterval(() => this.tick(), 1000);
    this.ask({ ticket: true, snapshot: true });
  }

  close() {
    clearInterval(this.clock);
    clearTimeout(this.timer);
    clearTimeout(this.recount);
    cancelAnimationFrame(this.frame);
    window.removeEventListener("offline", this.offline);
    this.drop();
    this.closed = true;
  }

  // --- asking Python ---------------------------------------------------------------------------------------------------------------------------

  ask(what) {
    if (this.closed) return;
    this.asked = Math.max(Date.now(), this.asked + 1);
    if (what.snapshot) this.kept = [];
    this.send("wanted", { n: this.asked, ...what });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.lost("the page's server does not answer"), ANSWER_MS);
  }

  take(data) {
    if (!data || data.n !== this.asked || data.n === this.taken) return;
    this.taken = data.n;
    clearTimeout(this.timer);
    if (data.failed) return this.lost(data.failed);
    if (data.snapshot) this.load(data.snapshot);
    if (!data.ticket) return;
    if (data.snapshot) this.begin(data.ticket);
    this.connect(data.url, data.ticket.ticket);
  }

  /** Take the point where the snapshot stands; what was before it is history, for the list only. */
  begin({ head, epoch }) {
    this.base = head;
    this.epoch = epoch;
    this.seq = Math.max(0, head - (this.broken ? 0 : HISTORY));
  }

  load(snapshot) {
    this.picture.load(snapshot);
    for (const event of this.kept ?? []) this.picture.apply(event);
    this.kept = null;
    this.loaded = true;
    this.lastSign = Date.now(); // what is shown is as of now
    this.draw();
  }

  // --- the socket ------------------------------------------------------------------------------------------------------------------------------

  connect(url, ticket) {
    this.drop();
    const socket = new WebSocket(url);
    this.socket = socket;
    this.watched = Date.now();
    socket.onopen = () => socket.send(JSON.stringify({ type: "auth", ticket, after: this.seq, epoch: this.epoch }));
    socket.onmessage = (message) => this.hear(JSON.parse(message.data));
    socket.onclose = (close) => socket === this.socket && this.ended(close);
  }

  drop() {
    if (!this.socket) return;
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.socket = null;
  }

  ended(close) {
    this.socket = null;
    if (close.code === CLOSED.cannotResume) {
      this.broken = true; // the journal may begin after the history that was asked for
      this.loaded = false; // what was missed is no longer kept: begin again with a new snapshot
    }
    if (close.code === CLOSED.forbidden) return this.refuse(close.reason || "this page may not read the feed");
    this.lost(REASONS[close.code] ?? "the connection broke");
  }

  /** The connection is gone: say so at once, and come back after a while that doubles. */
  lost(why) {
    if (this.closed || this.state === "refused") return;
    this.drop();
    clearTimeout(this.timer);
    const most = Math.min(BACKOFF.most, BACKOFF.first * 2 ** this.tries);
    const wait = Math.random() * most;
    this.tries += 1;
    this.kept = null;
    this.become("reconnecting", why);
    this.timer = setTimeout(() => this.ask({ ticket: true, snapshot: !this.loaded }), wait);
  }

  refuse(why) {
    this.drop();
    this.become("refused", why);
  }

  hear(message) {
    this.lastSign = this.watched = Date.now();
    if (message.type === "ready") this.follow(message);
    else if (message.type === "event") this.meet(message);
    else if (message.type === "heartbeat") this.advance(message.seq);
  }

  follow(message) {
    this.tries = 0;
    this.epoch = message.epoch;
    this.heartbeat = message.heartbeat_s * 1000;
    this.goal = message.head;
    this.become(this.seq < this.goal ? "catching" : "live");
  }

  meet(event) {
    if (this.seq !== null && event.seq <= this.seq) return; // met before
    if (event.seq > this.base) this.picture.apply(event);
    else if (event.entity === "tasks") this.picture.entitle(event.key, event.patch.title);
    if (event.seq > this.base) this.kept?.push(event);
    this.remember(event);
    this.advance(event.seq);
    if (this.picture.unknown && !this.recount) this.recount = setTimeout(() => this.again(), this.picture.complete ? RECOUNT.usual : RECOUNT.crowded);
  }

  /** Read the picture again, because an event moved a task that it does not hold. */
  again() {
    this.recount = null;
    if (this.state === "live") this.ask({ snapshot: true });
  }

  advance(seq) {
    this.seq = Math.max(this.seq ?? 0, seq);
    if (this.state === "catching" && this.seq >= this.goal) this.become("live");
    this.draw();
  }

  remember(event) {
    if (event.seq <= this.newest || event.kind === "attempt.progressed") return; // met before a new snapshot; or shown as a bar, too many for a list
    this.newest = event.seq;
    const title = event.patch.title ?? this.picture.titles.get(taskOf(event)) ?? "";
    const outcome = event.patch.outcome ?? event.facts?.outcome ?? event.patch.state ?? "";
    this.events.unshift({ seq: event.seq, at: toDate(event.at), kind: event.kind, title, key: event.key, task: taskOf(event), actor: event.actor, outcome });
    this.events.length = Math.min(this.events.length, KEPT);
  }

  tick() {
    const deaf = Date.now() - (this.watched ?? Date.now());
    if (this.socket && deaf > SILENT_AFTER * this.heartbeat) this.lost("no sign of the server");
    this.drawState();
    this.drawTimes();
  }

  become(state, why = "") {
    this.state = state;
    this.why = why;
    this.drawState();
    this.draw();
  }

  opened(click) {
    const link = click.target.closest?.("[data-task]");
    if (!link) return;
    click.preventDefault();
    this.send("opened", link.dataset.task);
  }

  // --- drawing ---------------------------------------------------------------------------------------------------------------------------------

  draw() {
    if (this.frame || this.closed) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.drawQueue();
      this.drawRunning();
      this.drawAgents();
      this.drawEvents();
    });
  }

  drawState() {
    const sign = this.find("sign");
    const since = this.lastSign ? ` · stale since ${clockTime(new Date(this.lastSign))}` : "";
    const behind = Math.max(0, (this.goal ?? 0) - (this.seq ?? 0));
    const texts = {
      connecting: ["Connecting", ""],
      live: ["Live", `every event up to ${number(this.seq ?? 0)}`],
      catching: ["Catching up", `${number(behind)} events to go`],
      reconnecting: ["Reconnecting", `${this.why}${since}`],
      refused: ["Not allowed", this.why],
    };
    const [word, more] = texts[this.state];
    sign.dataset.state = this.state;
    set(this.find("word"), word);
    set(this.find("more"), more);
    this.root.querySelector(".page")?.classList.toggle("old", this.state === "reconnecting");
  }

  drawQueue() {
    const chips = STATES.map((state) => {
      const chip = make("div", "chip");
      const count = this.loaded ? number(this.picture.counts[state] ?? 0) : "–"; // unknown is not zero
      chip.dataset.state = state;
      if (this.loaded && this.picture.counts[state]) chip.dataset.some = "";
      chip.append(make("b", "", count), make("span", "", state));
      return chip;
    });
    this.find("queue").replaceChildren(...chips);
  }

  drawRunning() {
    const rows = [...this.picture.attempts.values()].sort((a, b) => toMs(a.started_at) - toMs(b.started_at));
    set(this.find("running-n"), rows.length ? String(rows.length) : "");
    const shown = rows.slice(0, 30).map((attempt) => this.runningRow(attempt));
    if (!rows.length) shown.push(this.nothing("Nothing runs at the moment. A task that an agent takes appears here at once."));
    if (rows.length > 30) shown.push(make("p", "none", `and ${rows.length - 30} more`));
    this.find("running").replaceChildren(...shown);
  }

  runningRow(attempt) {
    const row = make("div", "row");
    const head = make("div", "head");
    head.append(taskLink(attempt.task_id, this.picture.tasks.get(attempt.task_id)?.title ?? attempt.title ?? attempt.task_id), elapsed(attempt.started_at));
    const known = typeof attempt.progress === "number";
    const bar = make("div", known ? "bar" : "bar unknown");
    bar.setAttribute("role", "progressbar");
    const fill = make("i");
    if (known) {
      const share = Math.min(1, Math.max(0, attempt.progress));
      fill.style.width = `${share * 100}%`;
      bar.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    }
    bar.append(fill);
    const foot = make("div", "foot");
    const step = attempt.number > 1 ? `${attempt.agent_id} · attempt ${attempt.number}` : attempt.agent_id;
    foot.append(make("span", "", step), make("span", "stage", attempt.stage || (known ? `${Math.round(attempt.progress * 100)} %` : "working")));
    row.append(head, bar, foot);
    return row;
  }

  drawAgents() {
    const rows = [...this.picture.agents.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    const shown = rows.map((agent) => {
      const busy = this.picture.busy(agent.id);
      const row = make("div", "agent");
      row.dataset.state = agent.state;
      const slots = make("span", "slots");
      const most = Math.min(agent.capacity, 12);
      for (let slot = 0; slot < most; slot += 1) slots.append(make("i", slot < busy ? "busy" : ""));
      const load = agent.state === "online" ? `${busy} of ${agent.capacity}` : agent.state;
      row.append(make("span", "name", agent.id), slots, make("span", "load", load));
      if (agent.reason) row.title = agent.reason;
      return row;
    });
    if (!rows.length) shown.push(this.nothing("No agent is registered, or none that you may see."));
    this.find("agents").replaceChildren(...shown);
  }

  drawEvents() {
    const wanted = this.filter.value.trim().toLowerCase();
    const fits = (event) => [event.kind, words(event.kind), event.title, event.key, event.actor, event.outcome].join(" ").toLowerCase().includes(wanted);
    const found = wanted ? this.events.filter(fits) : this.events;
    const shown = found.slice(0, SHOWN).map(eventRow);
    if (!found.length) {
      const text = wanted ? "No recent event fits the filter." : "Nothing has happened yet. The first event appears here without a reload.";
      shown.push(this.nothing(text));
    }
    set(this.find("events-n"), found.length ? number(found.length) : "");
    this.find("events").replaceChildren(...shown);
  }

  /** Say that there is nothing; before the first snapshot nobody knows. */
  nothing(text) {
    return make("p", "none", this.loaded ? text : "Not known yet.");
  }

  drawTimes() {
    for (const element of this.root.querySelectorAll("[data-since]")) set(element, span(Date.now() - Number(element.dataset.since)));
  }
}

// --- small pieces ------------------------------------------------------------------------------------------------------------------------------

function eventRow(event) {
  const row = make("div", "event");
  row.dataset.tone = toneOf(event);
  const time = make("time", "", clockTime(event.at));
  time.title = `${event.at.toLocaleString()} · event ${event.seq}`;
  const what = make("span", "what", words(event.kind));
  const whom = event.task ? taskLink(event.task, event.title || event.task) : make("span", "whom", event.title || event.key);
  row.append(time, what, whom, make("span", "actor", event.actor));
  return row;
}

function words(kind) {
  return kind.replace(".", " ").replaceAll("_", " ");
}

function toneOf(event) {
  if (["failed", "timeout", "expired", "lost"].includes(event.outcome)) return "bad";
  if (event.outcome === "succeeded") return "good";
  if (["task.questioned", "task.unrouted", "task.retried", "task.returned"].includes(event.kind)) return "odd";
  return "plain";
}

function taskOf(event) {
  return event.entity === "tasks" ? event.key : (event.facts?.task_id ?? null);
}

function taskLink(id, title) {
  const link = make("a", "whom", title);
  link.href = `/tasks?task=${encodeURIComponent(id)}`;
  link.dataset.task = id;
  return link;
}

function elapsed(startedAt) {
  const since = toMs(startedAt);
  const element = make("span", "elapsed", span(Date.now() - since));
  element.dataset.since = String(since);
  return element;
}

function make(name, className = "", text = "") {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function toMs(value) {
  return typeof value === "number" ? value / 1000 : Date.parse(value);
}

function toDate(value) {
  return new Date(toMs(value));
}

function clockTime(date) {
  return date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

function number(value) {
  return value.toLocaleString("en");
}
