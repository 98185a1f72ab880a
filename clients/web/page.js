// The monitor as a page of its own: the log-in, and the way to the API that serves it. The token stays in this tab.

import { Unreached } from "./deeds.js";
import { SessionOver } from "./feed.js";
import { mount } from "./monitor.js";
import { make } from "./parts.js";

const BASE = new URL("../", import.meta.url); // also behind a proxy that serves the API below a path
const KEPT = "arbiter.token"; // in sessionStorage: this tab, until it is closed
const FILTERS = ["client", "category", "agent", "task"];

/** Who is logged in. */
class Session {
  constructor(granted) {
    this.take(granted);
  }

  static kept() {
    try {
      return new Session(JSON.parse(sessionStorage.getItem(KEPT)));
    } catch {
      return null; // none
    }
  }

  static async open(name, password) {
    return new Session(await call("POST", "token", { body: { name, password } }));
  }

  take({ access_token: token, expires_at: end, got = Date.now() }) {
    this.token = token;
    this.end = Date.parse(end);
    this.got = got;
    sessionStorage.setItem(KEPT, JSON.stringify({ access_token: token, expires_at: end, got }));
  }

  forget() {
    sessionStorage.removeItem(KEPT);
  }

  async call(method, path, options = {}) {
    if (path !== "token/renew" && Date.now() > (this.got + this.end) / 2) await this.renew();
    return call(method, path, { ...options, token: this.token });
  }

  /** One renewal at a time: whoever else needs it waits for the same. */
  async renew() {
    this.renewing ??= this.call("POST", "token/renew").then((granted) => this.take(granted)).finally(() => (this.renewing = null));
    await this.renewing;
  }

  async ticket(fresh) {
    if (fresh) await this.renew();
    return (await this.call("POST", "feed/ticket")).ticket;
  }
}

/** Ask the API. A refusal is an Error with the API's own sentence; a session that has ended is a SessionOver. */
async function call(method, path, { body, token, key } = {}) {
  const headers = { Accept: "application/json" };
  if (body) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  if (key) headers["Idempotency-Key"] = key;
  let response;
  try {
    response = await fetch(new URL(path, BASE), { method, headers, body: body && JSON.stringify(body), cache: "no-store", signal: AbortSignal.timeout(20_000) });
  } catch {
    throw new Unreached("the server does not answer");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const why = answer.detail || answer.title || `the server answered ${response.status}`;
  throw response.status === 401 && token ? new SessionOver(why) : new Error(why);
}

// --- the page

const main = document.querySelector("main");
const login = document.querySelector("form.login");
const who = document.querySelector("[data-part=who]");
let session = null;
let monitor = null;

async function enter(found) {
  session = found;
  const me = await session.call("GET", "me");
  login.hidden = true;
  who.replaceChildren(make("span", "", `${me.name} · ${me.role}`), logOutButton());
  monitor = mount(main, apiOf(session, me));
}

function apiOf(session, me) {
  const guarded = (asked) =>
    asked.catch((error) => {
      if (error instanceof SessionOver) leave("Your session has ended: log in again. Nothing that happens meanwhile is lost.");
      throw error;
    });
  return {
    url: new URL("feed", BASE).href.replace(/^http/, "ws"),
    name: me.name,
    rights: me.rights, topics: me.topics,
    filters: filters(),
    ticket: ({ fresh }) => session.ticket(fresh),
    get: (path) => guarded(session.call("GET", path.slice(1))),
    act: (path, body, key) => guarded(session.call("POST", path.slice(1), { body, key })),
    over: (why) => leave(`${why || "Your session has ended"}: log in again. Nothing that happens meanwhile is lost.`),
  };
}

/** The part of the feed that the address asks for: /monitor?client=acme. */
function filters() {
  const given = new URLSearchParams(location.search);
  const found = Object.fromEntries(FILTERS.filter((name) => given.get(name)).map((name) => [name, given.get(name)]));
  if (given.has("mine")) found.mine = true;
  return Object.keys(found).length ? found : null;
}

function logOutButton() {
  const button = make("button", "small", "Log out");
  button.type = "button";
  button.onclick = () => leave("");
  return button;
}

function leave(why) {
  session?.forget();
  monitor?.close();
  session = monitor = null;
  who.replaceChildren();
  showLogin(why);
}

function showLogin(why) {
  login.hidden = false;
  login.querySelector("[role=alert]").textContent = why;
  const { name, password } = login.elements;
  password.value = "";
  (name.value ? password : name).focus();
}

login.onsubmit = async (submit) => {
  submit.preventDefault();
  const { name, password, send } = login.elements;
  send.disabled = true;
  try {
    await enter(await Session.open(name.value, password.value));
  } catch (error) {
    showLogin(error.message);
  } finally {
    send.disabled = false;
  }
};

const kept = Session.kept();
if (kept) enter(kept).catch((error) => leave(error instanceof SessionOver ? "" : error.message));
else showLogin("");
