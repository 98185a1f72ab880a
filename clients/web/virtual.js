// A list of any length of which only the visible rows are elements. The newest is at the bottom, and stays in sight until the reader scrolls away.

import { attribute, make, set } from "./parts.js";

const SPARE = 6; // rows drawn above and below what is seen
const NEAR = 4; // px from the bottom that count as being there

export class VirtualList {
  #items = [];
  #count = 0; // of rows when they were shown last: the list itself may grow in between
  #dropped = 0;
  #pool = new Map(); // drawn rows by key
  #fresh = 0; // rows that came while the reader was elsewhere
  #selected = null; // key
  #frame = 0;

  /**
   * `element` scrolls; its custom property --row is the height of a row in px. `draw(row, item)` fills a row, `open(item)` is told what was chosen, and
   * `more` is the button that leads to the bottom. Items have a `key` that never changes.
   */
  constructor(element, { draw, open, more, keyOf }) {
    Object.assign(this, { element, draw, open, more, keyOf });
    this.sheet = make("div", "sheet");
    this.sheet.setAttribute("role", "presentation");
    element.replaceChildren(this.sheet);
    element.onscroll = () => this.#scrolled();
    element.onclick = (click) => this.#clicked(click);
    element.onkeydown = (press) => this.#pressed(press);
    more.onclick = () => this.follow();
    this.sticky = true;
    this.resized = new ResizeObserver(() => this.#scrolled());
    this.resized.observe(element);
    this.#measure();
  }

  close() {
    this.resized.disconnect();
    cancelAnimationFrame(this.#frame);
  }

  /** Show items, of which `dropped` ever fell out at the top; null: it is another list, so begin at the bottom. */
  show(items, dropped) {
    if (dropped === null) this.#begin();
    else {
      const gone = dropped - this.#dropped;
      const added = items.length + gone - this.#count;
      if (!this.sticky) {
        this.#fresh += added;
        if (gone) this.element.scrollTop -= gone * this.height;
      }
      this.#dropped = dropped;
    }
    this.#items = items;
    this.#count = items.length;
    this.sheet.style.height = `${items.length * this.height}px`;
    if (this.sticky) this.element.scrollTop = this.sheet.offsetHeight;
    this.#render();
  }

  #begin() {
    this.sticky = true;
    this.#fresh = this.#dropped = 0;
    for (const row of this.#pool.values()) row.remove();
    this.#pool.clear();
  }

  /** Go to the bottom and stay there. */
  follow() {
    this.sticky = true;
    this.#fresh = 0;
    this.element.scrollTop = this.sheet.offsetHeight;
    this.#render();
  }

  #measure() {
    const height = parseFloat(getComputedStyle(this.element).getPropertyValue("--row")) || 34;
    if (height === this.height) return;
    this.height = height;
    this.sheet.style.height = `${this.#items.length * height}px`;
  }

  #scrolled() {
    const before = this.height;
    this.#measure();
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    if (before !== this.height && this.sticky) this.element.scrollTop = scrollHeight;
    else this.sticky = scrollHeight - scrollTop - clientHeight < NEAR;
    if (this.sticky) this.#fresh = 0;
    if (!this.#frame) this.#frame = requestAnimationFrame(() => this.#render());
  }

  #render() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const first = Math.max(0, Math.floor(this.element.scrollTop / this.height) - SPARE);
    const last = Math.min(this.#items.length, Math.ceil((this.element.scrollTop + this.element.clientHeight) / this.height) + SPARE);
    const gone = new Set(this.#pool.keys());
    for (let place = first; place < last; place += 1) {
      gone.delete(this.keyOf(this.#items[place]));
      this.#place(place);
    }
    for (const key of gone) {
      this.#pool.get(key).remove();
      this.#pool.delete(key);
    }
    this.more.hidden = this.sticky || this.#fresh === 0;
    set(this.more, `${this.#fresh} new`);
    attribute(this.element, "aria-activedescendant", this.#pool.get(this.#selected)?.id ?? "");
  }

  #place(place) {
    const item = this.#items[place];
    const key = this.keyOf(item);
    let row = this.#pool.get(key);
    if (!row) {
      row = make("div", "event");
      row.id = `event-${key}`;
      row.setAttribute("role", "option");
      this.draw(row, item);
      this.#pool.set(key, row);
      this.sheet.append(row);
    }
    row.style.transform = `translateY(${place * this.height}px)`;
    attribute(row, "aria-posinset", String(place + 1));
    attribute(row, "aria-setsize", String(this.#items.length));
    attribute(row, "aria-selected", String(key === this.#selected));
  }

  // --- choosing

  #clicked(click) {
    const row = click.target.closest(".event");
    const item = row && this.#items.find((one) => `event-${this.keyOf(one)}` === row.id);
    if (!item) return;
    this.#select(item);
    this.open(item);
  }

  #pressed(press) {
    const last = this.#items.length - 1;
    const at = this.#items.findIndex((item) => this.keyOf(item) === this.#selected);
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.height) - 1);
    const here = at < 0 ? last + 1 : at;
    const targets = {
      ArrowDown: at < 0 ? last : at + 1, j: at < 0 ? last : at + 1, ArrowUp: here - 1, k: here - 1, PageDown: here + page, PageUp: here - page, Home: 0, End: last,
    };
    if (press.key === "Enter" && at >= 0) this.open(this.#items[at]);
    else if (press.key in targets && last >= 0 && !press.ctrlKey && !press.metaKey) this.#goTo(Math.min(last, Math.max(0, targets[press.key])));
    else return;
    press.preventDefault();
    press.stopPropagation();
  }

  #goTo(place) {
    this.#select(this.#items[place]);
    const top = place * this.height;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + this.height > scrollTop + clientHeight) this.element.scrollTop = top + this.height - clientHeight;
    this.#render();
  }

  #select(item) {
    this.#selected = this.keyOf(item);
    this.#render();
  }
}
