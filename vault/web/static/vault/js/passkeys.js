// Passkeys: <form data-passkey="make | confirm | sign-in">. The browser's own JSON forms of WebAuthn are used; where
// they are missing the form stays hidden and the other ways in remain.
function optionsOf(form) {
  return JSON.parse(document.getElementById(form.dataset.options).textContent);
}

async function fetchedOptions(form) {
  const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error("no options");
  return answer.json();
}

async function make(form) {
  const options = optionsOf(form).creation_options.publicKey;
  const passwordless = form.querySelector("[data-passwordless]")?.checked ?? false;
  options.authenticatorSelection = {
    ...options.authenticatorSelection,
    residentKey: passwordless ? "required" : "discouraged",
    requireResidentKey: passwordless,
    ...(passwordless ? { userVerification: "required" } : {}),
  };
  return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
}

async function use(options) {
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey) });
}

const WAYS = {
  make,
  confirm: (form) => use(optionsOf(form).request_options),
  "sign-in": async (form) => use((await fetchedOptions(form)).request_options),
};

async function answer(form) {
  const trouble = form.querySelector("[data-passkey-trouble]");
  trouble.hidden = true;
  try {
    const credential = await WAYS[form.dataset.passkey](form);
    form.querySelector("[name=credential]").value = JSON.stringify(credential.toJSON());
    HTMLFormElement.prototype.submit.call(form);
  } catch {
    trouble.hidden = false;
  }
}

if (window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      answer(form);
    });
  }
}
