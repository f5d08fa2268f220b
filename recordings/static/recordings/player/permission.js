// The permission's clock, and its standing as the server sees it: asked every three seconds while the call plays,
// every fifteen while it does not. Whatever the server refuses ends the listening, with the server's own words.
import { clock } from "./words.js";

const WHILE_PLAYING = 3000;
const WHILE_PAUSED = 15000;
const SOON = 120; // seconds: from here on the clock is tinted, and said once

export class Permission extends EventTarget {
  #url;
  #face;
  #said;
  #words;
  #endsAt;
  #skew;
  #timer = null;
  #warned = false;
  #unreachable = 0;
  isOver = false;

  constructor(root, words) {
    super();
    this.#url = root.dataset.standingUrl;
    this.#face = root.querySelector('[data-part="clock"]');
    this.#said = root.querySelector('[data-part="said"]');
    this.#words = words;
    this.#endsAt = Date.parse(root.dataset.endsAt);
    this.#skew = Date.parse(root.dataset.now) - Date.now(); // the server's clock decides
    this.#tick();
    setInterval(() => this.#tick(), 1000);
    this.watch(false);
    document.addEventListener("visibilitychange", () => document.hidden || this.ask());
  }

  watch(isPlaying) {
    clearInterval(this.#timer);
    if (this.isOver) return;
    this.#timer = setInterval(() => this.ask(), isPlaying ? WHILE_PLAYING : WHILE_PAUSED);
  }

  async ask({ becauseOfTrouble = false } = {}) {
    if (this.isOver) return;
    let answer;
    try {
      answer = await fetch(this.#url, { headers: { Accept: "application/json" }, redirect: "manual", cache: "no-store" });
    } catch {
      this.#unanswered();
      return;
    }
    if (answer.ok) {
      this.#unreachable = 0;
      const standing = await answer.json();
      this.#endsAt = Date.parse(standing.expires_at);
      if (becauseOfTrouble) this.dispatchEvent(new Event("unreachable"));
    } else if (answer.status >= 500) {
      this.#unanswered();
    } else {
      this.#over(await problemOf(answer, this.#words));
    }
  }

  // One lost answer is a hiccup; three are a reason to stop: nobody knows then whether the permission still stands.
  #unanswered() {
    this.#unreachable += 1;
    this.dispatchEvent(new Event("unreachable"));
    if (this.#unreachable >= 3) this.#over({ title: this.#words.lostTitle, detail: this.#words.lostDetail });
  }

  #tick() {
    if (this.isOver) return;
    const left = (this.#endsAt - Date.now() - this.#skew) / 1000;
    if (left <= 0) {
      this.#over({ title: this.#words.endedTitle, detail: this.#words.endedDetail });
      return;
    }
    this.#face.textContent = this.#words.endsIn.replace("%(left)s", clock(left));
    this.#face.classList.toggle("is-due", left < SOON);
    if (left < SOON && !this.#warned) {
      this.#warned = true;
      this.#said.textContent = this.#words.endsSoon;
    }
  }

  #over(why) {
    if (this.isOver) return;
    this.isOver = true;
    clearInterval(this.#timer);
    this.#face.textContent = this.#words.over;
    this.#face.classList.add("is-due");
    this.dispatchEvent(new CustomEvent("over", { detail: why }));
  }
}

async function problemOf(answer, words) {
  try {
    const problem = await answer.json();
    return { title: problem.title || words.endedTitle, detail: problem.detail || words.endedDetail };
  } catch {
    return { title: words.endedTitle, detail: words.signedOutDetail };
  }
}
