// <details data-menu>: one open at a time; Escape and a click elsewhere close it; arrows walk through it.
const OPEN = "details[data-menu][open]";

function close(menu, { giveFocusBack = false } = {}) {
  menu.open = false;
  if (giveFocusBack) menu.querySelector("summary").focus();
}

function walk(event) {
  const menu = event.target.closest(OPEN);
  if (!menu || !["ArrowDown", "ArrowUp"].includes(event.key) || event.target.matches("input, select, textarea")) return;
  const stops = [...menu.querySelectorAll("summary, .menu__item")];
  const step = event.key === "ArrowDown" ? 1 : -1;
  const next = stops[(stops.indexOf(event.target) + step + stops.length) % stops.length];
  event.preventDefault();
  next.focus();
}

export function watchMenus() {
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll(OPEN)) if (!menu.contains(event.target)) close(menu);
  });
  document.addEventListener("focusin", (event) => {
    for (const menu of document.querySelectorAll(OPEN)) if (!menu.contains(event.target)) close(menu);
  });
  document.addEventListener("keydown", (event) => {
    const menu = document.querySelector(OPEN);
    if (event.key === "Escape" && menu) close(menu, { giveFocusBack: menu.contains(document.activeElement) });
    walk(event);
  });
}
