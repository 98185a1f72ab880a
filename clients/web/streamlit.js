// The monitor within Streamlit. The token stays with the page's server: tickets, answers and deeds are asked of Python by the trigger `wanted`, and
// `data` brings { n, failed, result } with the number of what was asked. One thing is asked at a time. When the session is over, Python shows its log-in.

import { Unreached } from "./deeds.js";
import { mount } from "./monitor.js";

const SILENT_MS = 20_000; // until the page's server is taken for dead

class Desk {
  #waiting = []; // what is to be asked, the first being asked now
  #n = Date.now();

  ask(what, wish) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ what, wish, resolve, reject });
      if (this.#waiting.length === 1) this.#next();
    });
  }

  #next() {
    const [first] = this.#waiting;
    if (!first) return;
    this.#n += 1;
    this.timer = setTimeout(() => this.#end((one) => one.reject(new Unreached("the page's server does not answer"))), SILENT_MS);
    this.send("wanted", { n: this.#n, what: first.what, ...first.wish });
  }

  take(data) {
    if (!this.#waiting.length || data?.n !== this.#n) return;
    if (data.failed) this.#end((one) => one.reject(new Error(data.failed)));
    else this.#end((one) => one.resolve(data.result));
  }

  #end(settle) {
    clearTimeout(this.timer);
    this.#n += 1; // a late answer is nobody's
    settle(this.#waiting.shift());
    this.#next();
  }
}

export default function (component) {
  const root = component.parentElement;
  root.desk ??= new Desk();
  root.desk.send = component.setTriggerValue;
  root.monitor ??= mount(root, apiOf(root.desk, component.data));
  root.desk.take(component.data);
  return () => {
    root.monitor?.close();
    delete root.monitor;
    delete root.desk;
  };
}

function apiOf(desk, { url, name, rights, topics }) {
  return {
    url, name, rights, topics,
    keys: "element",
    ticket: ({ fresh }) => desk.ask("ticket", { fresh }),
    get: (path) => desk.ask("get", { path }),
    act: (path, body, key) => desk.ask("act", { path, body, key }),
    openTask: (id) => desk.send("opened", id),
  };
}
