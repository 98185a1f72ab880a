/**
 * A client of Arbiter's live feed, for browsers and for programs. It depends on nothing and knows nothing of pages.
 *
 *   import { Feed, SessionOver } from "/monitor/feed.js";
 *
 *   const feed = new Feed({
 *     url: "wss://arbiter.example.com/feed",
 *     ticket: async () => (await post("/feed/ticket")).ticket, // throw SessionOver when one must log in again
 *     onSnapshot: (snapshot) => …, // how things are at snapshot.seq: forget what you had
 *     onEvent: (event) => …,       // what happened after it: each event once, in order
 *     onState: (state) => …,       // whether you can believe what you have
 *   });
 *   feed.open();
 *
 * Options, all but the first two may be left out:
 *   url       address of the feed
 *   ticket    ({ fresh }) => Promise of a new ticket; `fresh`: the connection is about to end, so renew the session first
 *   topics    those to follow; null: all that the role may, but those that must be asked for (kpis, presence, inbox)
 *   filters   { client, category, agent, task, mine }; null: everything
 *   snapshot  begin with a snapshot, and again whenever the stream cannot be continued (true)
 *   after     with `snapshot: false`, the sequence number to go on from ("now")
 *   epoch     the stream that `after` is of
 *   onReset   () => …, what was known is void: the stream is another one, or too much was missed
 *   onViewers, onKpis, onReady   take those messages of the server
 *   clock     () => milliseconds, for tests
 *
 * A connection that breaks is taken up again at the last sequence number that was heard, so that nothing is lost, and events that were heard already are
 * left out, so that nothing is doubled. Before a session ends, the connection is renewed in place.
 *
 * `feed.state` is { name, since, why, heard, behind, retry }, instants in milliseconds:
 *   connecting    has never been connected
 *   catching      hears what happened meanwhile; `behind` sequence numbers are to go
 *   live          has heard everything up to now
 *   stale         connected, but the server has not been heard since `heard`, for longer than it should take: it was asked for a sign
 *   reconnecting  not connected, `why`; tries again at `retry`, or is trying now where that is null
 *   over          the session has ended: log in, then `open` again
 *   refused       the server will not have it, `why`
 *   closed        by `close`
 */

const CLOSED = { unauthorized: 4401, cannotResume: 4409 };
const FINAL = {
  4400: "the server does not understand this client",
  4403: "this page may not follow the feed",
  4429: "you have too many connections open: close a page",
};
const WHY = {
  1011: "the server has trouble",
  1012: "the server restarts",
  4008: "this page was too slow",
  4401: "the session had to be renewed",
  4408: "this page was too slow to log in",
  4409: "too much was missed: reading everything anew",
};
const BACKOFF = { first: 200, most: 10_000 }; // ms, doubling; the pause is anything below (full jitter), so that many clients do not come back together
const OVERDUE = 1.5; // heartbeats without a sign: ask for one
const DEAD = 2.5; // heartbeats without a sign: the connection is dead, whatever the browser thinks
const OPENING_MS = 15_000; // until a ticket has come, and then until the server has answered it
const TICK_MS = 500;
const ANSWER_MS = 5000; // until a connection that slept must give the sign that it was asked for
const RENEW = { share: 0.2, least: 2000, most: 120_000 }; // of what is left of a session: renew so long before its end
const RENEW_PAUSE_MS = 5000; // between two renewals, however wrong this computer's clock is

/** One must log in again. */
export class SessionOver extends Error {}

export class Feed {
  #options;
  #socket = null;
  #attempt = 0; // counts tries to connect: what belongs to an earlier one is void
  #tries = 0; // since it was last live: the pause grows with it
  #opening = null; // since when this try to connect lasts
  #asked = false; // for a sign
  #due = Infinity; // when that must have come
  #renewAt = null;
  #ticker = null;
  #seen = 0; // the last tick
  #heartbeat = 15_000;
  #head = 0; // where the stream ended when it was taken up
  #awaits = false; // a snapshot

  constructor(options) {
    this.#options = { topics: null, filters: null, snapshot: true, after: "now", epoch: null, clock: Date.now, ...options };
    this.epoch = this.#options.epoch;
    this.seq = typeof this.#options.after === "number" ? this.#options.after : null;
    this.heard = null;
    this.state = { name: "connecting", since: this.#now(), why: "", heard: null, behind: 0, retry: null };
  }

  /** Connect, and stay connected. */
  open() {
    if (this.#ticker !== null) return;
    this.#seen = this.#now();
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    globalThis.addEventListener?.("online", this.#online);
    globalThis.addEventListener?.("offline", this.#offline);
    this.#tries = 0;
    this.#become(this.heard === null ? "connecting" : "reconnecting");
    this.#connect();
  }

  /** End it. `open` takes it up again where it was. */
  close() {
    this.#stop("closed", "");
  }

  /** How many sequence numbers are to go. */
  get behind() {
    return this.state.name === "catching" ? Math.max(0, this.#head - (this.seq ?? 0)) : 0;
  }

  /** Ask the server for a sign at once: does the line still work? */
  probe() {
    if (this.#socket?.readyState !== 1 || this.#opening !== null) return;
    this.#due = Math.min(this.#due, this.#now() + ANSWER_MS);
    this.#ask();
  }

  #ask() {
    if (!this.#asked) this.#say({ type: "heartbeat" });
    this.#asked = true;
  }

  // --- connecting

  async #connect() {
    this.#drop();
    const attempt = ++this.#attempt;
    this.#opening = this.#now();
    try {
      const ticket = await this.#options.ticket({ fresh: false });
      if (attempt === this.#attempt) this.#dial(attempt, ticket);
    } catch (error) {
      if (attempt === this.#attempt) this.#failed(error);
    }
  }

  #failed(error) {
    if (error instanceof SessionOver) this.#stop("over", error.message);
    else this.#lost(error?.message || "no ticket could be had");
  }

  #dial(attempt, ticket) {
    this.#opening = this.#now();
    const socket = new WebSocket(this.#options.url);
    this.#socket = socket;
    socket.onopen = () => this.#say(this.#auth(ticket));
    socket.onmessage = (message) => attempt === this.#attempt && this.#hear(JSON.parse(message.data));
    socket.onclose = (close) => attempt === this.#attempt && this.#ended(close);
  }

  #auth(ticket) {
    const { topics, filters, snapshot } = this.#options;
    this.#awaits = snapshot && this.seq === null;
    return { type: "auth", ticket, after: this.seq ?? "now", epoch: this.epoch, topics, filters, snapshot: this.#awaits };
  }

  #say(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #drop() {
    this.#attempt += 1;
    this.#opening = this.#renewAt = null;
    this.#answered();
    if (!this.#socket) return;
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = null;
  }

  #ended(close) {
    if (close.code in FINAL) return this.#stop("refused", close.reason || FINAL[close.code]);
    if (close.code === CLOSED.cannotResume) this.#forget();
    this.#lost(WHY[close.code] ?? "the connection broke");
  }

  #forget() {
    this.seq = this.epoch = null;
    this.#options.onReset?.();
  }

  /** Not connected any more: say so at once, and come back after a pause. */
  #lost(why) {
    this.#drop();
    const pause = Math.random() * Math.min(BACKOFF.most, BACKOFF.first * 2 ** this.#tries);
    this.#tries += 1;
    this.#become("reconnecting", why, this.#now() + pause);
  }

  #stop(name, why) {
    this.#drop();
    clearInterval(this.#ticker);
    this.#ticker = null;
    globalThis.removeEventListener?.("online", this.#online);
    globalThis.removeEventListener?.("offline", this.#offline);
    this.#become(name, why);
  }

  #online = () => {
    this.#tries = 0;
    if (this.state.name === "reconnecting") this.#again();
    else this.probe();
  };

  #offline = () => this.#lost("this computer is offline");

  #again() {
    this.#become("reconnecting", this.state.why);
    this.#connect();
  }

  // --- hearing

  #hear(message) {
    this.heard = this.#now();
    this.#answered();
    if (this.state.name === "stale") this.#become(this.seq < this.#head ? "catching" : "live");
    const hearing = this.#hearings[message.type];
    hearing?.(message);
  }

  #answered() {
    this.#asked = false;
    this.#due = Infinity;
  }

  #hearings = {
    ready: (message) => {
      this.#opening = null;
      this.epoch = message.epoch;
      this.#heartbeat = message.heartbeat_s * 1000;
      this.#head = message.head;
      if (!this.#awaits) this.seq ??= message.after;
      this.#renewBefore(message.expires_at);
      this.#become("catching");
      this.#options.onReady?.(message);
    },
    snapshot: (message) => {
      this.#awaits = false;
      this.seq = message.seq;
      this.#options.onSnapshot?.(message);
    },
    event: (message) => {
      if (this.seq !== null && message.seq <= this.seq) return; // heard before
      this.seq = message.seq;
      this.#options.onEvent?.(message);
    },
    heartbeat: (message) => {
      if (this.#awaits) return;
      this.seq = Math.max(this.seq ?? 0, message.seq);
      this.#tries = 0;
      if (this.state.name === "catching") this.#become("live");
    },
    renewed: (message) => this.#renewBefore(message.expires_at),
    viewers: (message) => this.#options.onViewers?.(message.viewers),
    kpis: (message) => this.#options.onKpis?.(message),
  };

  // --- time

  /** Looks after the clock: pauses, silence, renewal, and a computer that slept. */
  #tick() {
    const now = this.#now();
    const slept = now - this.#seen > 10 * TICK_MS;
    this.#seen = now;
    if (this.#socket === null && this.#opening === null) {
      if (slept || now >= this.state.retry) this.#again();
    } else if (this.#opening !== null) {
      if (now - this.#opening > OPENING_MS) this.#lost("the server does not answer");
    } else if (now > this.#due || now - this.heard > DEAD * this.#heartbeat) {
      this.#lost("no sign of the server");
      if (slept) this.#again();
    } else {
      this.#listen(now, slept);
    }
  }

  #listen(now, slept) {
    const overdue = now - this.heard > OVERDUE * this.#heartbeat;
    if (slept) this.probe();
    if (overdue) this.#ask();
    if (overdue && this.state.name !== "stale") this.#become("stale", "no sign of the server");
    if (this.#renewAt !== null && now >= this.#renewAt) this.#renew();
  }

  #renewBefore(end) {
    const left = Date.parse(end) - this.#now();
    const early = Math.min(RENEW.most, Math.max(RENEW.least, left * RENEW.share));
    this.#renewAt = this.#now() + Math.max(RENEW_PAUSE_MS, left - early);
  }

  async #renew() {
    this.#renewAt = null;
    const attempt = this.#attempt;
    try {
      const ticket = await this.#options.ticket({ fresh: true });
      if (attempt === this.#attempt) this.#say({ type: "auth", ticket });
    } catch (error) {
      if (attempt !== this.#attempt || error instanceof SessionOver) return; // the server ends the connection when its time comes, and then it is over
      this.#renewAt = this.#now() + RENEW_PAUSE_MS;
    }
  }

  #become(name, why = "", retry = null) {
    const since = name === this.state.name ? this.state.since : this.#now();
    this.state = { name, since, why, heard: this.heard, behind: 0, retry };
    this.state.behind = this.behind;
    this.#options.onState?.(this.state);
  }

  #now() {
    return this.#options.clock();
  }
}
