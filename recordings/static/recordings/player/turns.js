// The conversation under the player: the turn that is spoken now is marked, and the list leads through the call.
export class Turns {
  #turns;
  #current = null;

  constructor() {
    this.#turns = [...document.querySelectorAll("[data-from-ms]")].map((element) => ({
      element,
      from: Number(element.dataset.fromMs) / 1000,
      to: Number(element.dataset.toMs) / 1000,
    }));
  }

  show(position) {
    const now = this.#turns.find(({ from, to }) => position >= from && position < to)?.element ?? null;
    if (now === this.#current) return;
    this.#current?.classList.remove("turn--now");
    this.#current?.removeAttribute("aria-current");
    now?.classList.add("turn--now");
    now?.setAttribute("aria-current", "true");
    this.#current = now;
  }

  // Where the next turn begins, or the one before this; null where there is none.
  next(position) {
    return this.#turns.find(({ from }) => from > position + 0.05)?.from ?? null;
  }

  previous(position) {
    return this.#turns.findLast(({ from }) => from < position - 1)?.from ?? null;
  }
}
