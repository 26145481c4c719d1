// Loaded as a blocking classic script, so that the first paint already has the right colours.
(() => {
  "use strict";
  const KEY = "theme";
  const CHOICES = ["system", "light", "dark"];
  const root = document.documentElement;

  function stored() {
    try {
      const choice = localStorage.getItem(KEY);
      return CHOICES.includes(choice) ? choice : "system";
    } catch {
      return "system"; // storage is switched off
    }
  }

  function apply(choice) {
    if (choice === "system") delete root.dataset.theme;
    else root.dataset.theme = choice;
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // the choice then lasts for this page only
    }
    root.dispatchEvent(new CustomEvent("themechange"));
  }

  function label(button, choice) {
    const text = `${button.dataset.label}: ${button.dataset[choice]}`;
    button.querySelector("[data-theme-name]").textContent = text;
    button.title = text;
  }

  if (stored() !== "system") root.dataset.theme = stored();

  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      let choice = stored();
      button.hidden = false;
      label(button, choice);
      button.addEventListener("click", () => {
        choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
        apply(choice);
        label(button, choice);
      });
    }
    const night = matchMedia("(prefers-color-scheme: dark)");
    night.addEventListener("change", () => root.dispatchEvent(new CustomEvent("themechange")));
  });
})();
