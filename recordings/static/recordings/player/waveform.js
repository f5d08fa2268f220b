// Two lanes, agent above and caller below, drawn by wavesurfer from stored peaks: one byte (0 to 127) for each 20 ms
// and channel, channels side by side. Wavesurfer only draws; it never touches the audio element.
import WaveSurfer from "../../vendor/wavesurfer-8.0.1.esm.js";
import { clock } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const STEP = 0.02; // seconds that one peak stands for
const QUIET = 0.035; // of full scale: below this a lane is silent
const WORTH_SKIPPING = 1.2; // seconds of silence on both lanes
const LEAD_IN = 0.25; // seconds of silence left before speech
const PHONE = matchMedia("(max-width: 47.99rem)");

export class Waveform extends EventTarget {
  #root;
  #slider;
  #bars;
  #playhead;
  #seconds;
  #lanes = [];
  #silences = [];
  #surfer = null;
  #position = 0;

  constructor(root, seconds) {
    super();
    this.#root = root;
    this.#slider = root.querySelector('[data-part="slider"]');
    this.#bars = root.querySelector('[data-part="bars"]');
    this.#playhead = root.querySelector('[data-part="playhead"]');
    this.#seconds = seconds;
    this.#drawRuler(root.querySelector('[data-part="ruler"]'));
    this.#watchPointer();
    new MutationObserver(() => this.#recolour()).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
    PHONE.addEventListener("change", () => this.#recolour());
  }

  async load() {
    const answer = await fetch(this.#root.dataset.waveformUrl, { cache: "no-store" });
    if (!answer.ok) throw new Error(`waveform: ${answer.status}`);
    this.#lanes = lanesOf(new Uint8Array(await answer.arrayBuffer()), Number(this.#root.dataset.channels));
    this.#silences = silencesOf(this.#lanes);
    this.#draw();
  }

  showPosition(seconds) {
    const at = `${(100 * seconds) / this.#seconds}%`;
    for (const line of this.#playhead.querySelectorAll("line")) {
      line.setAttribute("x1", at);
      line.setAttribute("x2", at);
    }
    this.#playhead.querySelector("circle").setAttribute("cx", at);
    this.#position = seconds;
    this.#surfer?.setTime(seconds);
  }

  // Where sound begins again if this moment lies in a long silence, else null.
  endOfSilence(seconds) {
    const silence = this.#silences.find(([from, to]) => seconds >= from && seconds < to - LEAD_IN);
    return silence ? silence[1] - LEAD_IN : null;
  }

  speakerAt(seconds) {
    if (this.#lanes.length < 2) return null;
    const [agent, caller] = this.#lanes.map((lane) => loudness(lane, seconds));
    if (Math.max(agent, caller) < QUIET) return null;
    return agent >= caller ? "agent" : "caller";
  }

  #draw() {
    const colours = this.#colours();
    const height = PHONE.matches ? 56 : 72;
    const width = PHONE.matches ? 3 : 2;
    this.#surfer?.destroy();
    this.#surfer = WaveSurfer.create({
      container: this.#bars,
      cspNonce: this.#root.dataset.nonce,
      peaks: this.#lanes,
      duration: this.#seconds,
      interact: false,
      cursorWidth: 0,
      barWidth: width,
      barGap: width === 3 ? 2 : 1,
      barRadius: 1,
      barMinHeight: 1,
      maxPeak: loudest(this.#lanes),
      normalize: true,
      hideScrollbar: true,
      splitChannels: this.#lanes.map((_, lane) => ({ ...colours[lane % 2], height: this.#lanes.length === 1 ? 2 * height : height })),
    });
    this.#surfer.on("ready", () => this.#surfer.setTime(this.#position));
  }

  #recolour() {
    if (this.#surfer) requestAnimationFrame(() => this.#draw());
  }

  #colours() {
    const style = getComputedStyle(document.documentElement);
    const token = (name) => style.getPropertyValue(name).trim();
    return ["agent", "caller"].map((side) => ({ waveColor: token(`--${side}-rest`), progressColor: token(`--${side}`) }));
  }

  #watchPointer() {
    const tell = (event) => {
      const box = this.#slider.getBoundingClientRect();
      const part = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      this.dispatchEvent(new CustomEvent("seek", { detail: part * this.#seconds }));
    };
    this.#slider.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.#slider.setPointerCapture(event.pointerId);
      tell(event);
    });
    this.#slider.addEventListener("pointermove", (event) => {
      if (this.#slider.hasPointerCapture(event.pointerId)) tell(event);
    });
  }

  #drawRuler(ruler) {
    const every = [5, 10, 15, 30, 60, 120, 300, 600, 1200].find((step) => this.#seconds / step <= 10) ?? 3600;
    const parts = [];
    for (let at = 0; at <= this.#seconds; at += every / 5) {
      const isMajor = Math.abs(at / every - Math.round(at / every)) < 1e-6;
      const x = `${(100 * at) / this.#seconds}%`;
      parts.push(svg("line", { class: "tick", x1: x, x2: x, y1: "2", y2: isMajor ? "8" : "5" }));
      if (!isMajor || at > this.#seconds * 0.97) continue;
      const minor = Math.round(at / every) % 2 ? " tick-minor" : "";
      const text = svg("text", { class: `tick-text${minor}`, x, y: "21", "text-anchor": at === 0 ? "start" : "middle" });
      text.textContent = clock(at);
      parts.push(text);
    }
    ruler.replaceChildren(...parts);
  }
}

function svg(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function lanesOf(bytes, channels) {
  const steps = Math.floor(bytes.length / channels);
  return Array.from({ length: channels }, (_, channel) => {
    return Float32Array.from({ length: steps }, (_, step) => bytes[step * channels + channel] / 127);
  });
}

function loudest(lanes) {
  return Math.max(0.05, ...lanes.map((lane) => lane.reduce((most, peak) => Math.max(most, peak), 0)));
}

function loudness(lane, seconds) {
  const step = Math.round(seconds / STEP);
  return lane.slice(Math.max(0, step - 10), step + 10).reduce((most, peak) => Math.max(most, peak), 0);
}

function silencesOf(lanes) {
  const silences = [];
  const steps = lanes[0]?.length ?? 0;
  let from = null;
  for (let step = 0; step <= steps; step += 1) {
    const isQuiet = step < steps && lanes.every((lane) => lane[step] < QUIET);
    if (isQuiet && from === null) from = step;
    if (!isQuiet && from !== null) {
      if ((step - from) * STEP >= WORTH_SKIPPING) silences.push([from * STEP, step * STEP]);
      from = null;
    }
  }
  return silences;
}
