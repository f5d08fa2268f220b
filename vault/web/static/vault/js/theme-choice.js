// Light or dark without a new page: a call that is open goes on playing.
export function watchTheme() {
  document.querySelector("[data-theme-form]")?.addEventListener("submit", (event) => {
    const chosen = event.submitter?.value;
    if (!chosen) return;
    event.preventDefault();
    const body = new FormData(event.target, event.submitter);
    fetch(event.target.action, { method: "POST", body, redirect: "manual" });
    apply(chosen);
    event.target.querySelectorAll("button").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.value === chosen));
    });
    event.target.closest("details").open = false;
  });
}

function apply(chosen) {
  const root = document.documentElement;
  root.dataset.theme = chosen;
  const dark = chosen === "system" ? window.matchMedia("(prefers-color-scheme: dark)").matches : chosen === "dark";
  root.setAttribute("data-bs-theme", dark ? "dark" : "light");
}
