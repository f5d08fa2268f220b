// The audio element, and what was really played. It loads nothing before the first play (preload="none"), and what
// played is told in pieces, so that the strip of what was heard never counts a part that was jumped over.
const LONGEST_STEP = 1.5; // seconds between two reports while playing, at double speed

export class AudioDeck extends EventTarget {
  #audio;
  #seconds;
  #wanted = 0; // the position until the element knows its own
  #playedTo = null;

  constructor(audio, seconds) {
    super();
    this.#audio = audio;
    this.#seconds = seconds;
    audio.addEventListener("play", () => this.#tell("playing"));
    audio.addEventListener("playing", () => this.#started());
    audio.addEventListener("pause", () => this.#paused());
    audio.addEventListener("ended", () => this.#paused());
    audio.addEventListener("waiting", () => this.#tell("waiting"));
    audio.addEventListener("seeking", () => (this.#playedTo = null));
    audio.addEventListener("seeked", () => this.#tell("move"));
    audio.addEventListener("timeupdate", () => this.#advanced());
    audio.addEventListener("error", () => this.#tell("trouble"));
    audio.addEventListener("stalled", () => this.isPlaying && this.#tell("waiting"));
    audio.addEventListener("loadedmetadata", () => this.#arrive());
  }

  get isPlaying() {
    return !this.#audio.paused && !this.#audio.ended;
  }

  get position() {
    return this.#audio.readyState > 0 ? this.#audio.currentTime : this.#wanted;
  }

  async play() {
    await this.#audio.play();
  }

  pause() {
    this.#audio.pause();
  }

  seek(seconds) {
    const to = Math.min(Math.max(0, seconds), this.#seconds);
    this.#wanted = to;
    if (this.#audio.readyState > 0) this.#audio.currentTime = to;
    this.#tell("move");
  }

  setSpeed(speed) {
    this.#audio.defaultPlaybackRate = speed;
    this.#audio.playbackRate = speed;
  }

  // Let go of everything that was fetched: permission is over.
  stop() {
    this.#wanted = this.position;
    this.#audio.pause();
    this.#audio.removeAttribute("src");
    this.#audio.load();
  }

  #arrive() {
    if (this.#wanted > 0) this.#audio.currentTime = this.#wanted;
    this.#tell("move");
  }

  #started() {
    this.#playedTo = this.#audio.currentTime;
    this.#tell("sound");
    this.#follow();
  }

  // The frame loop moves the playhead smoothly; timeupdate alone comes four times a second.
  #follow() {
    if (!this.isPlaying) return;
    this.#tell("move");
    requestAnimationFrame(() => this.#follow());
  }

  #advanced() {
    const now = this.#audio.currentTime;
    const from = this.#playedTo;
    if (this.isPlaying && from !== null && now > from && now - from < LONGEST_STEP * this.#audio.playbackRate) {
      this.dispatchEvent(new CustomEvent("heard", { detail: { from, to: now } }));
    }
    this.#playedTo = this.isPlaying ? this.#audio.currentTime : null;
    this.#tell("move");
  }

  #paused() {
    this.#playedTo = null;
    this.#tell("paused");
    this.#tell("sound");
  }

  #tell(name) {
    this.dispatchEvent(new Event(name));
  }
}
