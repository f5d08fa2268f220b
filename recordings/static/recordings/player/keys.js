// Keys of the player. They work while the focus is inside it, never while somebody types or chooses in a list.
const DOES = {
  " ": (player) => player.toggle(),
  k: (player) => player.toggle(),
  ArrowLeft: (player, event) => player.skip(event.shiftKey ? -30 : -5),
  ArrowRight: (player, event) => player.skip(event.shiftKey ? 30 : 5),
  ",": (player) => player.toTurn("previous"),
  ".": (player) => player.toTurn("next"),
  "[": (player) => player.faster(-1),
  "]": (player) => player.faster(1),
  Home: (player) => player.seek(0),
  End: (player) => player.seek(player.seconds),
  a: (player) => player.hearSide("agent"),
  c: (player) => player.hearSide("caller"),
  b: (player) => player.hearSide("both"),
  s: (player) => player.toggleSilence(),
  u: (player) => player.toUnheard(),
  "?": (player) => player.showKeys(),
};
const OFF = "player-keys-off";

export function watchKeys(root, player) {
  const off = document.querySelector("[data-keys-off]");
  if (off) {
    off.checked = localStorage.getItem(OFF) === "yes";
    off.addEventListener("change", () => localStorage.setItem(OFF, off.checked ? "yes" : "no"));
  }
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const does = DOES[key];
    if (!does) return;
    const isOnSlider = event.target.matches('[role="slider"]');
    const isButtonsOwn = key === " " && event.target.matches("button, a, summary");
    if (isButtonsOwn || (off?.checked && !isOnSlider)) return;
    event.preventDefault();
    does(player, event);
  });
}

function isTyping(target) {
  return target.matches("input, select, textarea, [contenteditable]") || target.closest("dialog") !== null;
}
