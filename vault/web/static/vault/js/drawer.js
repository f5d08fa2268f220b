// The navigation on narrow screens: focus moves in, Escape or a click outside closes, focus goes back.
export function watchDrawer() {
  const shell = document.querySelector(".shell");
  const button = document.querySelector("[data-drawer]");
  const drawer = document.getElementById("navigation");
  if (!shell || !button || !drawer) return;

  const isOpen = () => shell.dataset.nav === "open";
  const open = () => {
    shell.dataset.nav = "open";
    button.setAttribute("aria-expanded", "true");
    drawer.querySelector("a")?.focus();
  };
  const close = () => {
    delete shell.dataset.nav;
    button.setAttribute("aria-expanded", "false");
    button.focus();
  };

  button.addEventListener("click", () => (isOpen() ? close() : open()));
  document.addEventListener("click", (event) => {
    if (isOpen() && !drawer.contains(event.target) && !button.contains(event.target)) close();
  });
  document.addEventListener("keydown", (event) => {
    if (!isOpen()) return;
    if (event.key === "Escape") close();
    if (event.key === "Tab") keepInside(event, [button, ...drawer.querySelectorAll("a")]);
  });
}

function keepInside(event, stops) {
  const first = stops[0];
  const last = stops[stops.length - 1];
  if (event.shiftKey && document.activeElement === first) {
    event.preventDefault();
    last.focus();
  } else if (!event.shiftKey && document.activeElement === last) {
    event.preventDefault();
    first.focus();
  }
}
