// Which parts you have heard: the strip below the waves, the sentence, and where to go on.
import { clock } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const TOUCH = 0.3; // parts closer than this are one

export class Coverage {
  #strip;
  #sentence;
  #next;
  #seconds;
  #words;
  #parts;

  constructor(root, seconds, words) {
    this.#strip = root.querySelector('[data-part="strip"]');
    this.#sentence = root.querySelector('[data-part="heard"]');
    this.#next = root.querySelector('[data-part="unheard"]');
    this.#seconds = seconds;
    this.#words = words;
    const heard = JSON.parse(document.getElementById("player-heard").textContent);
    this.#parts = merge(heard.map(([from, to]) => [from / 1000, Math.min(to / 1000, seconds)]));
    this.#draw();
  }

  get heardSeconds() {
    return this.#parts.reduce((sum, [from, to]) => sum + to - from, 0);
  }

  add(from, to) {
    this.#parts = merge([...this.#parts, [from, to]]);
    this.#draw();
  }

  // The first moment not yet heard from here on, else from the start; null when all was heard.
  nextUnheard(position) {
    const gaps = this.#gaps();
    const gap = gaps.find(([from, to]) => to > position + 1 && from >= position - 0.1) ?? gaps[0];
    return gap ? gap[0] : null;
  }

  #gaps() {
    const gaps = [];
    let at = 0;
    for (const [from, to] of this.#parts) {
      if (from - at > 1) gaps.push([at, from]);
      at = to;
    }
    if (this.#seconds - at > 1) gaps.push([at, this.#seconds]);
    return gaps;
  }

  #draw() {
    const bars = this.#parts.map(([from, to]) => {
      const bar = document.createElementNS(SVG, "rect");
      bar.setAttribute("class", "cover-heard");
      bar.setAttribute("x", `${(100 * from) / this.#seconds}%`);
      bar.setAttribute("width", `${(100 * (to - from)) / this.#seconds}%`);
      bar.setAttribute("height", "8");
      return bar;
    });
    this.#strip.querySelectorAll(".cover-heard").forEach((bar) => bar.remove());
    this.#strip.append(...bars);
    const said = this.#parts.map(([from, to]) => `${clock(from)}–${clock(to)}`).join(", ");
    this.#strip.setAttribute("aria-label", said ? this.#words.heardParts.replace("%(parts)s", said) : this.#words.heardNothing);
    this.#sentence.textContent = this.#words.heardOf.replace("%(heard)s", clock(this.heardSeconds)).replace("%(all)s", clock(Math.round(this.#seconds)));
    const next = this.#parts.length ? this.nextUnheard(0) : null;
    this.#next.hidden = next === null;
    this.#next.textContent = next === null ? "" : this.#words.nextUnheard.replace("%(at)s", clock(next));
  }
}

function merge(parts) {
  const merged = [];
  for (const [from, to] of [...parts].sort((a, b) => a[0] - b[0])) {
    const last = merged[merged.length - 1];
    if (last && from <= last[1] + TOUCH) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}
