// <button data-opens="ID"> opens <dialog id="ID">; <button data-closes> inside it closes it. The browser keeps
// focus inside, closes on Escape and gives focus back. [data-must-equal] holds the form's button back until the
// number is typed; the server checks it again.
export function watchDialogs() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) document.getElementById(opener.dataset.opens)?.showModal();
    const closer = event.target.closest("[data-closes]");
    if (closer) closer.closest("dialog")?.close();
    if (event.target.matches("dialog.ask")) event.target.close();
  });
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-must-equal]")) holdBack(event.target);
  });
  document.querySelectorAll("[data-must-equal]").forEach(holdBack);
}

function holdBack(input) {
  const typed = input.value.replace(/[\s.,\u00a0\u202f]/g, "");
  const button = input.form.querySelector("[type=submit]");
  button.disabled = typed !== input.dataset.mustEqual;
}
