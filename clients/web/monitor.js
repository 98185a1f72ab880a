// The monitor: everything that happens in the house, as it happens.
//
//   const monitor = mount(element, api);  …  monitor.close();
//
// `api` is how the page reaches the house:
//   url                    address of the feed
//   name, rights, topics   who looks, the names of the routes that this person may use, and the topics that this person may follow
//   ticket({ fresh })      Promise of a ticket for the feed; throws SessionOver when one must log in
//   get(path)              Promise of the answer to GET
//   act(path, body, key)   Promise of the answer to POST, sent with this Idempotency-Key; an Error's message says why it was refused,
//                          and an Unreached that nobody knows whether it arrived
//   filters                what part of the feed is wanted; null: all of it
//   keys                   what listens to the keyboard: the document, or the element where the page is not ours alone
//   openTask(id)           show the task's own page; null where there is none
//   over(why)              the session has ended

import { DEEDS, Requests } from "./deeds.js";
import { Drawer } from "./drawer.js";
import { Feed } from "./feed.js";
import { Agents, Alerts, Counts, Open, Running } from "./panels.js";
import { attribute, clockTime, make, number, set, span } from "./parts.js";
import { Log, Picture } from "./picture.js";
import { VirtualList } from "./virtual.js";

const HISTORY = 300; // events before the first snapshot that the list begins with
const PANELS_MS = 200; // panels are drawn so often at most; the list of events with every frame
const QUEUE_MS = 3000; // the queue's own order is read so often at most, and only when it changed
const COUNTS_MS = 5000; // the same for counts that the picture is not sure of
const LEARN_MS = 500;
const UNSHOWN = ["inbox", "kpis"]; // topics that have pages of their own
const TOPICS = ["tasks", "agents", "alerts", "schedules", "postings", "bids", "users", "system"];

const SKELETON = `
  <header class="sign" data-part="sign" data-state="connecting">
    <i class="dot" aria-hidden="true"></i>
    <b data-part="word" role="status" aria-live="polite">Connecting</b>
    <span data-part="more"></span>
    <span class="tools">
      <button type="button" class="small" data-part="notify" aria-pressed="false" hidden>Notify me of alerts</button>
      <button type="button" class="small" data-part="help" aria-label="Keyboard help" aria-keyshortcuts="?">?</button>
    </span>
  </header>
  <section class="alerts" data-part="alerts-box" aria-label="Alerts" hidden><ul class="rows" data-part="alerts"></ul></section>
  <div class="queue" data-part="queue" role="group" aria-label="Open tasks by state"></div>
  <div class="halves">
    <div class="column">
      <section aria-labelledby="m-running"><h3 id="m-running">Running <small data-part="running-n"></small></h3><div data-part="running"></div></section>
      <section aria-labelledby="m-open"><h3 id="m-open"><span data-part="open-title"></span> <small data-part="open-n"></small></h3><div data-part="open"></div></section>
    </div>
    <section aria-labelledby="m-agents"><h3 id="m-agents">Agents <small data-part="agents-n"></small></h3><div data-part="agents"></div></section>
  </div>
  <section class="stream" aria-labelledby="m-events">
    <div class="title">
      <h3 id="m-events">Events <small data-part="events-n"></small></h3>
      <select data-part="topic" aria-label="Topic of events"></select>
      <input data-part="filter" type="search" placeholder="Search: kind, title, id, actor" aria-label="Search events" aria-keyshortcuts="/" />
    </div>
    <div class="scroll">
      <div class="events" data-part="events" role="listbox" tabindex="0" aria-labelledby="m-events"></div>
      <p class="none" data-part="no-events"></p>
      <button type="button" class="fresh" data-part="fresh" hidden></button>
    </div>
  </section>
  <dialog class="drawer" data-part="drawer" aria-labelledby="m-task">
    <div class="inner">
      <div class="top"><h3 id="m-task" data-part="task"></h3><button type="button" class="small" data-part="close" aria-label="Close" aria-keyshortcuts="Escape">✕</button></div>
      <p class="about"><b class="badge" data-part="badge"></b> <span data-part="about"></span></p>
      <p class="why" data-part="why"></p>
      <div class="progress" data-part="progress" hidden><div data-part="bar"></div><p data-part="stage"></p></div>
      <div class="deeds" data-part="deeds" role="group" aria-label="What you can do"></div>
      <form class="form" data-part="form" hidden></form>
      <p class="asked" data-part="request" role="status"></p>
      <p class="asked" data-part="trouble" data-state="refused" role="status"></p>
      <button type="button" class="link" data-part="page">Open the page of this task</button>
      <h4>Events</h4>
      <ol class="history" data-part="history"></ol>
    </div>
  </dialog>
  <dialog class="helper" data-part="helper" aria-labelledby="m-help">
    <h3 id="m-help">Keyboard</h3>
    <dl data-part="keys"></dl>
    <form method="dialog"><button class="small" autofocus>Close</button></form>
  </dialog>`;
const HELP = [
  ["j  k", "next, previous (arrows too)"], ["Enter", "open the task"], ["/", "search events"], ["e", "go to the events"], ["p", "pause, or let it go on"],
  ["c", "cancel, with a reason"], ["r", "try again"], ["a  x", "approve, reject"], ["g", "choose the category"], ["?", "this help"], ["Esc", "close, leave the search"],
];

export function mount(root, api) {
  return new Monitor(root, api);
}

class Monitor {
  constructor(root, api) {
    this.api = { keys: document, filters: null, openTask: null, ...api, isLive: () => this.feed.state.name === "live" };
    this.element = make("div", "monitor themed");
    this.element.innerHTML = SKELETON; // ours alone: nothing from outside is in it
    root.append(this.element); // beside what is there: Streamlit keeps its style sheet there
    this.find = (name) => this.element.querySelector(`[data-part="${name}"]`);
    this.picture = new Picture();
    this.log = new Log();
    this.queue = { places: new Map(), whys: new Map() };
    this.viewers = [];
    this.chosen = "ready";
    this.timers = new Map();
    this.early = null; // events since a history was asked for that is not here yet
    this.#build();
    this.#listen();
    this.feed = new Feed(this.#feedOptions());
    this.feed.open();
    this.clock = setInterval(() => this.#tick(), 1000);
    this.draw();
  }

  close() {
    this.closed = true;
    this.feed.close();
    this.past?.close();
    clearInterval(this.clock);
    for (const timer of this.timers.values()) clearTimeout(timer);
    cancelAnimationFrame(this.frame);
    this.list.close();
    this.api.keys.removeEventListener("keydown", this.onKey);
    document.removeEventListener("visibilitychange", this.onSight);
    this.element.remove();
  }

  #build() {
    const { find } = this;
    this.requests = new Requests(this.api, () => this.draw());
    this.drawer = new Drawer(find("drawer"), { api: this.api, picture: this.picture, requests: this.requests });
    const tools = { requests: this.requests, open: (id) => this.drawer.open(id) };
    this.counts = new Counts(find("queue"), (state) => this.#choose(state));
    this.running = new Running(find("running"), find("running-n"), tools);
    this.open = new Open(find("open"), find("open-title"), find("open-n"), tools);
    this.agents = new Agents(find("agents"), find("agents-n"));
    this.alerts = new Alerts(find("alerts-box"), find("alerts"), this.api);
    const open = (entry) => entry.task && this.drawer.open(entry.task);
    this.list = new VirtualList(find("events"), { draw: drawEntry, open, more: find("fresh"), keyOf: (entry) => entry.seq });
    find("topic").append(new Option("all topics", ""), ...TOPICS.map((topic) => new Option(topic, topic)));
    find("topic").onchange = find("filter").oninput = () => this.#search();
    for (const [keys, meaning] of HELP) find("keys").append(make("dt", "", keys), make("dd", "", meaning));
    find("help").onclick = () => find("helper").showModal();
    find("notify").onclick = () => this.#allowNotices();
  }

  #listen() {
    this.onKey = (press) => this.#pressed(press);
    this.onSight = () => document.hidden || (this.feed.probe(), this.draw());
    if (this.api.keys === "element") this.api.keys = this.element;
    this.api.keys.addEventListener("keydown", this.onKey);
    document.addEventListener("visibilitychange", this.onSight);
  }

  // --- the feed

  #feedOptions() {
    return {
      url: this.api.url, filters: this.api.filters, ticket: this.api.ticket, topics: this.#topics,
      onReset: () => this.#forget(),
      onSnapshot: (snapshot) => this.#begin(snapshot),
      onEvent: (event) => this.#meet(event),
      onViewers: (viewers) => ((this.viewers = viewers), this.draw()),
      onState: (state) => this.#changed(state),
    };
  }

  get #topics() {
    return this.api.topics.filter((topic) => !UNSHOWN.includes(topic));
  }

  #forget() {
    this.past?.close();
    this.past = null;
    this.log.clear();
    this.restart = true;
    this.picture.loaded = false;
  }

  #begin(snapshot) {
    this.picture.load(snapshot);
    this.#readQueue();
    this.drawer.again();
    this.#readPast(snapshot.seq);
    this.drawPanels(); // at once: what is said to be live is on the screen by then
  }

  /** What happened before the snapshot, for the list alone: it is read by a connection of its own that ends there. */
  #readPast(seq) {
    if (this.log.all.length || seq === 0) return;
    const events = [];
    const past = new Feed({
      url: this.api.url, ticket: this.api.ticket, topics: this.#topics, snapshot: false, after: Math.max(0, seq - HISTORY), epoch: this.feed.epoch, filters: this.api.filters,
      onEvent: (event) => (event.seq <= seq ? events.push(event) : finish()),
      onReset: () => past.close(),
      onState: (state) => state.name === "live" && finish(), // and a connection that breaks goes on where it was
    });
    const finish = () => {
      past.close();
      if (this.past !== past) return;
      this.past = null;
      for (const event of events) this.picture.glance(event);
      this.log.prepend(events, this.picture);
      this.restart = true;
      this.draw();
    };
    this.past = past;
    past.open();
  }

  #meet(event) {
    const before = this.picture.tasks.get(event.key)?.state;
    this.picture.apply(event);
    this.requests.hear(event);
    this.drawer.hear(event);
    this.log.add(event, this.picture);
    if (event.entity === "tasks" && (before === "ready" || event.patch.state === "ready")) this.#later("queue", QUEUE_MS, () => this.#readQueue());
    if (event.entity === "tasks" && !this.picture.titles.has(event.key)) this.#later("learn", LEARN_MS, () => this.#learn());
    if (this.picture.unsure) this.#later("counts", COUNTS_MS, () => this.#readCounts());
    if (event.kind === "alert.opened") this.#notify(event.patch);
    this.draw();
  }

  #changed(state) {
    if (state.name === "over") this.api.over?.(state.why);
    this.draw();
    this.#drawSign();
  }

  // --- what the feed does not tell

  #may(route) {
    return this.api.rights.includes(route);
  }

  #later(name, ms, deed) {
    if (this.closed || this.timers.has(name)) return;
    const timer = setTimeout(() => {
      this.timers.delete(name);
      if (document.hidden) this.#later(name, ms, deed);
      else deed();
    }, ms);
    this.timers.set(name, timer);
  }

  async #readQueue() {
    if (!this.#may("GET /queue") || !this.picture.counts.ready) return;
    try {
      const { items } = await this.api.get("/queue");
      this.queue = { places: new Map(items.map((task) => [task.id, task.place])), whys: new Map(items.map((task) => [task.id, task.why])) };
      this.draw();
    } catch {
      this.queue = { places: new Map(), whys: new Map() }; // the order that the picture knows by itself stays
    }
  }

  async #readCounts() {
    this.picture.unsure = false;
    if (!this.#may("GET /tasks/counts")) return;
    try {
      this.picture.counts = await this.api.get("/tasks/counts");
      this.draw();
    } catch {
      this.picture.unsure = true;
    }
  }

  /** Tasks that were ended when the picture was taken come without their titles when they are tried again. */
  async #learn() {
    const nameless = [...this.picture.tasks.keys()].filter((id) => !this.picture.titles.has(id)).slice(0, 20);
    for (const id of nameless) {
      try {
        this.picture.learn((await this.api.get(`/tasks/${encodeURIComponent(id)}`)).task);
      } catch {
        this.picture.titles.set(id, id);
      }
    }
    this.draw();
  }

  // --- choosing

  #choose(state) {
    if (state === "running") return this.#rows("running")[0]?.focus();
    this.chosen = state;
    this.drawPanels();
  }

  #search() {
    this.log.search(this.find("topic").value, this.find("filter").value);
    this.restart = true;
    this.draw();
  }

  #rows(part) {
    const parts = part ? [part] : ["running", "open"];
    return parts.flatMap((name) => [...this.find(name).querySelectorAll("button.name")]);
  }

  #pressed(press) {
    if (press.ctrlKey || press.metaKey || press.altKey || this.element.querySelector("dialog[open]")) return;
    const target = press.composedPath()[0];
    if (target.matches?.("input, select, textarea")) return this.#leftSearch(press, target);
    const deed = this.#keys[press.key];
    if (!deed) return;
    if (deed(target) !== false) press.preventDefault();
    press.stopPropagation();
  }

  #leftSearch(press, target) {
    press.stopPropagation();
    if (press.key !== "Escape") return;
    if (target === this.find("filter")) (target.value = ""), this.#search();
    this.find("events").focus();
  }

  #keys = {
    j: () => this.#move(+1), ArrowDown: () => this.#move(+1), k: () => this.#move(-1), ArrowUp: () => this.#move(-1),
    "/": () => this.find("filter").focus(),
    "?": () => this.find("helper").showModal(),
    e: () => this.find("events").focus(),
    p: (target) => this.#act(target, "p"), c: (target) => this.#act(target, "c"), r: (target) => this.#act(target, "r"),
    a: (target) => this.#act(target, "a"), x: (target) => this.#act(target, "x"), g: (target) => this.#act(target, "g"),
  };

  #move(by) {
    const rows = this.#rows();
    const at = rows.indexOf(this.element.getRootNode().activeElement);
    const next = at < 0 ? rows[by > 0 ? 0 : rows.length - 1] : rows[at + by];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  /** Do to the task of a row what a key stands for. */
  #act(target, key) {
    const id = target.closest?.("[data-task]")?.dataset.task;
    const task = id && this.picture.tasks.get(id);
    const name = task && this.requests.possible(task).find((one) => DEEDS[one].key === key);
    if (!name) return false;
    if (DEEDS[name].field) this.drawer.open(id, name);
    else this.requests.ask(id, name);
    return true;
  }

  // --- notices of the desktop

  async #allowNotices() {
    const asked = this.notices ? "default" : await Notification.requestPermission();
    this.notices = asked === "granted";
    this.draw();
  }

  #notify(alert) {
    if (!this.notices) return;
    try {
      new Notification(alert.title ?? "Alert", { body: alert.advice ?? "", tag: alert.id });
    } catch {
      this.notices = false; // phones want a service worker for it
    }
  }

  // --- drawing

  draw() {
    if (this.frame || this.closed) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.#drawEvents();
      if (performance.now() - (this.drawn ?? -PANELS_MS) >= PANELS_MS) this.drawPanels();
      else this.#soon();
    });
  }

  #soon() {
    this.pending ??= setTimeout(() => {
      this.pending = null;
      if (!this.closed) this.drawPanels();
    }, PANELS_MS);
  }

  drawPanels() {
    this.drawn = performance.now();
    const { picture } = this;
    this.#drawSign();
    this.counts.draw(picture, this.chosen);
    this.running.draw(picture);
    this.open.draw(picture, this.chosen, this.queue);
    this.agents.draw(picture);
    this.alerts.draw(picture);
    this.drawer.draw();
    const notify = this.find("notify");
    notify.hidden = !globalThis.Notification || Notification.permission === "denied" || !this.#may("GET /alerts");
    attribute(notify, "aria-pressed", String(Boolean(this.notices)));
  }

  #drawEvents() {
    this.list.show(this.log.shown, this.restart ? null : this.log.dropped);
    this.restart = false;
    const { length } = this.log.shown;
    const searching = this.log.topic || this.log.words.length;
    set(this.find("events-n"), searching ? `${number(length)} of ${number(this.log.all.length)}` : number(length));
    this.find("no-events").hidden = length > 0;
    const text = searching ? "No recent event fits the search." : "Nothing has happened yet. The first event appears here without a reload.";
    set(this.find("no-events"), this.picture.loaded ? text : "Not known yet.");
  }

  #drawSign() {
    const { state } = this.feed;
    const [word, more] = signOf(state, this.feed);
    attribute(this.find("sign"), "data-state", state.name);
    set(this.find("word"), word);
    const others = this.viewers.length > 1 ? ` · ${this.viewers.length} people are looking` : "";
    set(this.find("more"), more + (state.name === "live" ? others : ""));
    this.element.classList.toggle("old", !["live", "catching"].includes(state.name));
  }

  #tick() {
    this.drawPanels();
  }
}

/** What the sign says: the word, and since when. */
function signOf(state, feed) {
  const stale = state.heard ? `stale since ${clockTime(state.heard)}` : "";
  const join = (...parts) => parts.filter(Boolean).join(" · ");
  const retry = state.retry === null ? "trying now" : `again in ${span(state.retry - Date.now())}`;
  const signs = {
    connecting: () => ["Connecting", ""],
    catching: () => ["Catching up", `${number(feed.behind)} to go`],
    live: () => ["Live", join(`since ${clockTime(state.since)}`, `every event up to ${number(feed.seq ?? 0)}`)],
    stale: () => ["No sign", join(stale, "asking the server")],
    reconnecting: () => ["Reconnecting", join(retry, stale, state.why)],
    over: () => ["Session over", join("log in again", stale)],
    refused: () => ["Not connected", join(state.why, stale)],
    closed: () => ["Closed", stale],
  };
  return signs[state.name]();
}

function drawEntry(row, entry) {
  row.dataset.tone = entry.tone;
  row.classList.toggle("opens", Boolean(entry.task));
  const time = make("time", "", clockTime(entry.at));
  time.title = `${new Date(entry.at).toLocaleString()} · event ${entry.seq}`;
  const whom = make("span", "whom", entry.title);
  row.append(time, make("span", "what", entry.words), whom, make("span", "actor", entry.actor));
  if (entry.why) row.title = entry.why;
}
