// The player: one <section data-player> on the page of a call whose recording was opened.
// Nothing plays by itself. Sound comes from the granted address in ranges; when the server says that the permission
// is over, the sound stops and the page says why.
import { AudioDeck } from "./deck.js";
import { Coverage } from "./coverage.js";
import { Permission } from "./permission.js";
import { Sides } from "./sides.js";
import { Turns } from "./turns.js";
import { Waveform } from "./waveform.js";
import { clock, clockExact, spoken } from "./words.js";
import { watchKeys } from "./keys.js";

const SPEEDS = [0.75, 1, 1.25, 1.5, 2];

class Player {
  constructor(root) {
    this.root = root;
    this.words = JSON.parse(document.getElementById("player-words").textContent);
    this.seconds = Number(root.dataset.durationMs) / 1000;
    this.deck = new AudioDeck(this.part("audio"), this.seconds);
    this.sides = new Sides(this.part("audio"));
    this.waveform = new Waveform(root, this.seconds);
    this.coverage = new Coverage(root, this.seconds, this.words);
    this.permission = new Permission(root, this.words);
    this.turns = new Turns();
    this.skipsSilence = false;
    this.listen();
    this.show();
    root.dataset.ready = "yes";
    this.waveform.load().then(
      () => this.showPlace(),
      () => this.say(this.words.noWaveform),
    );
  }

  part(name) {
    return this.root.querySelector(`[data-part="${name}"]`);
  }

  listen() {
    const { deck, root } = this;
    deck.addEventListener("move", () => this.show());
    deck.addEventListener("playing", () => this.showPlaying(true));
    deck.addEventListener("paused", () => this.showPlaying(false));
    deck.addEventListener("waiting", () => root.setAttribute("aria-busy", "true"));
    deck.addEventListener("sound", () => root.removeAttribute("aria-busy"));
    deck.addEventListener("heard", (event) => this.heard(event.detail));
    deck.addEventListener("trouble", () => this.permission.ask({ becauseOfTrouble: true }));
    this.permission.addEventListener("over", (event) => this.end(event.detail));
    this.permission.addEventListener("unreachable", () => this.say(this.words.unreachable));

    this.part("play").addEventListener("click", () => this.toggle());
    this.part("back").addEventListener("click", () => this.skip(-5));
    this.part("forward").addEventListener("click", () => this.skip(5));
    this.part("speed").addEventListener("change", (event) => deck.setSpeed(Number(event.target.value)));
    this.part("silence").addEventListener("click", () => this.toggleSilence());
    this.part("unheard")?.addEventListener("click", () => this.toUnheard());
    root.querySelectorAll("[data-side]").forEach((button) => {
      button.addEventListener("click", () => this.hearSide(button.dataset.side));
    });
    document.querySelectorAll("[data-seek-ms]").forEach((button) => {
      button.addEventListener("click", () => this.seek(Number(button.dataset.seekMs) / 1000));
    });
    this.waveform.addEventListener("seek", (event) => this.seek(event.detail));
    watchKeys(root, this);
  }

  toggle() {
    if (this.permission.isOver) return;
    if (this.deck.isPlaying) this.deck.pause();
    else this.deck.play().catch(() => this.permission.ask({ becauseOfTrouble: true }));
  }

  seek(seconds) {
    if (!this.permission.isOver) this.deck.seek(seconds);
  }

  skip(seconds) {
    this.seek(this.deck.position + seconds);
  }

  faster(step) {
    const select = this.part("speed");
    const next = SPEEDS[SPEEDS.indexOf(Number(select.value)) + step];
    if (next === undefined) return;
    select.value = String(next);
    this.deck.setSpeed(next);
  }

  toggleSilence() {
    this.skipsSilence = !this.skipsSilence;
    this.part("silence").setAttribute("aria-pressed", String(this.skipsSilence));
  }

  hearSide(side) {
    const heard = this.sides.hearOnly(this.sides.only === side ? "both" : side);
    this.root.querySelectorAll("[data-side]").forEach((button) => {
      button.setAttribute("aria-pressed", String(heard === "both" || heard === button.dataset.side));
    });
    this.say(this.words.sides[heard]);
  }

  toUnheard() {
    const at = this.coverage.nextUnheard(this.deck.position);
    if (at !== null) this.seek(at);
  }

  toTurn(way) {
    const at = way === "next" ? this.turns.next(this.deck.position) : this.turns.previous(this.deck.position);
    if (at !== null) this.seek(at);
  }

  showKeys() {
    document.getElementById("player-keys")?.showModal();
  }

  heard({ from, to }) {
    this.coverage.add(from, to);
    if (!this.skipsSilence) return;
    const sound = this.waveform.endOfSilence(to);
    if (sound !== null) this.deck.seek(sound);
  }

  show() {
    const { position } = this.deck;
    this.part("time").textContent = clockExact(position);
    this.waveform.showPosition(position);
    this.turns.show(position);
    if (this.part("slider").getAttribute("aria-valuenow") !== String(Math.floor(position))) this.showPlace();
  }

  showPlace() {
    const { position } = this.deck;
    const slider = this.part("slider");
    slider.setAttribute("aria-valuenow", String(Math.floor(position)));
    slider.setAttribute("aria-valuetext", this.spokenPosition(position));
  }

  spokenPosition(position) {
    const place = this.words.position.replace("%(at)s", spoken(position, this.words)).replace("%(all)s", spoken(this.seconds, this.words));
    const speaker = this.waveform.speakerAt(position);
    return speaker ? `${place}, ${this.words.speaking[speaker]}` : place;
  }

  showPlaying(isPlaying) {
    this.part("play").setAttribute("aria-label", isPlaying ? this.words.pause : this.words.play);
    this.part("play-icon").toggleAttribute("hidden", isPlaying);
    this.part("pause-icon").toggleAttribute("hidden", !isPlaying);
    this.permission.watch(isPlaying);
  }

  end({ title, detail }) {
    this.deck.stop();
    this.part("over-title").textContent = title;
    this.part("over-detail").textContent = detail === title ? "" : detail;
    this.part("over-heard").textContent = this.words.youHeard.replace("%(heard)s", clock(this.coverage.heardSeconds)).replace("%(all)s", clock(Math.round(this.seconds)));
    this.part("over").hidden = false;
    this.root.querySelectorAll(".transport button, .transport select").forEach((control) => (control.disabled = true));
    this.part("over").focus();
  }

  say(text) {
    this.part("said").textContent = text;
  }
}

document.querySelectorAll("[data-player]").forEach((root) => new Player(root));
