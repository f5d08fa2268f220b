// Hear the agent only, the caller only, or both: left is the agent, right the caller. The Web Audio graph is built at
// the first wish, so that plain listening never depends on it.
export class Sides {
  #audio;
  #gains = null;
  only = "both";

  constructor(audio) {
    this.#audio = audio;
  }

  hearOnly(side) {
    if (this.#gains === null) this.#build();
    const { context, straight, alone } = this.#gains;
    context.resume();
    straight.gain.value = side === "both" ? 1 : 0;
    alone.agent.gain.value = side === "agent" ? 1 : 0;
    alone.caller.gain.value = side === "caller" ? 1 : 0;
    this.only = side;
    return side;
  }

  #build() {
    const context = new AudioContext();
    const source = context.createMediaElementSource(this.#audio);
    const split = context.createChannelSplitter(2);
    const straight = context.createGain();
    const alone = { agent: context.createGain(), caller: context.createGain() };
    source.connect(straight).connect(context.destination);
    source.connect(split);
    split.connect(alone.agent, 0).connect(context.destination);
    split.connect(alone.caller, 1).connect(context.destination);
    this.#gains = { context, straight, alone };
    this.#audio.addEventListener("play", () => context.resume());
  }
}
