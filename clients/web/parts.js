// Pieces of pages: elements, lists that keep their elements, and how values read. Text from outside is set as text, never as markup.

export function make(name, className = "", text = "") {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

export function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function attribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** A button with a name, and the key that does the same. */
export function button(text, className, onclick, key = "") {
  const element = make("button", className);
  element.type = "button";
  element.append(make("span", "", text));
  if (key) {
    element.append(make("kbd", "", key));
    element.setAttribute("aria-keyshortcuts", key);
  }
  element.onclick = onclick;
  return element;
}

/** A list of elements by key: what stays is changed where it is, so that nothing loses its focus. */
export class Rows {
  #known = new Map();

  constructor(element, build, update) {
    this.element = element;
    this.build = build;
    this.update = update;
  }

  show(items, keyOf) {
    const gone = new Set(this.#known.keys());
    const focused = this.element.getRootNode().activeElement;
    items.forEach((item, place) => {
      const key = keyOf(item);
      gone.delete(key);
      if (!this.#known.has(key)) this.#known.set(key, this.build(item));
      const element = this.#known.get(key);
      this.update(element, item);
      if (this.element.children[place] !== element) this.element.insertBefore(element, this.element.children[place] ?? null);
    });
    for (const key of gone) this.#remove(key, focused);
    if (focused?.isConnected && this.element.contains(focused)) focused.focus({ preventScroll: true }); // moving an element takes its focus
  }

  /** Take an element away; whoever was on it goes to its neighbour and not back to the top of the page. */
  #remove(key, focused) {
    const element = this.#known.get(key);
    const neighbour = element.nextElementSibling ?? element.previousElementSibling;
    if (element.contains(focused)) neighbour?.querySelector("button")?.focus({ preventScroll: true });
    element.remove();
    this.#known.delete(key);
  }
}

export function clockTime(ms) {
  return new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

export function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

export function number(value) {
  return value.toLocaleString("en");
}
