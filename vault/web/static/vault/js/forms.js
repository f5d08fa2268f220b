// Forms are sent once: a second click while the first is under way does nothing. After a refused form the
// sentence that says so gets the focus. A form that sends a file leaves its page behind: that is shown anew.
export function watchForms() {
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    if (event.target.dataset.sent === "yes") {
      event.preventDefault();
      return;
    }
    event.target.dataset.sent = "yes";
    event.submitter?.setAttribute("aria-busy", "true");
    if (event.target.dataset.sendsFile !== undefined) {
      event.preventDefault();
      keepFile(event.target).finally(() => setTimeout(() => window.location.reload(), 500));
    }
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      form.querySelectorAll("[aria-busy]").forEach((button) => button.removeAttribute("aria-busy"));
    }
  });
  document.querySelector("[data-focus-first]")?.focus();
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
