// Runs before the first paint: Bootstrap knows dark only by this attribute, so "as the system" is settled here.
// Not a module, because modules wait for the whole page.
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const settle = () => {
    if (root.dataset.theme === "system") root.setAttribute("data-bs-theme", system.matches ? "dark" : "light");
  };
  settle();
  system.addEventListener("change", settle);
})();
