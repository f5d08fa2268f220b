// Forms are sent once: a second click while the first is under way does nothing. After a refused form the
// sentence that says so gets the focus. A form that sends a file leaves its page behind: that is shown anew.
// A button that gives a file leaves the page as it is, so its form can be sent again soon after.
const SOON_MS = 2000;

export function watchForms() {
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    if (event.target.dataset.sent === "yes") {
      event.preventDefault();
      return;
    }
    event.target.dataset.sent = "yes";
    event.submitter?.setAttribute("aria-busy", "true");
    if (event.submitter?.dataset.givesFile !== undefined) setTimeout(release, SOON_MS, event.target);
    if (event.target.dataset.sendsFile !== undefined) {
      event.preventDefault();
      keepFile(event.target).finally(() => setTimeout(() => window.location.reload(), 500));
    }
  });
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-sent]").forEach(release);
  });
  document.querySelector("[data-focus-first]")?.focus();
}

function release(form) {
  delete form.dataset.sent;
  form.querySelectorAll("[aria-busy]").forEach((button) => button.removeAttribute("aria-busy"));
}

async function keepFile(form) {
  const answer = await fetch(form.action, { method: "POST", body: new FormData(form) });
  const name = /^attachment; filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "");
  if (!name) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name[1];
  link.click();
}
