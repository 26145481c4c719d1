// Short messages at the edge of the page.

import { say } from "./strings.js";

const STAY_MS = 8_000;

// An error stays until it is dismissed.
function settle(toast) {
  toast.querySelector("[data-dismiss]")?.addEventListener("click", () => toast.remove());
  if (!toast.classList.contains("toast--error")) setTimeout(() => toast.remove(), STAY_MS);
}

export function showToast(text, level = "info") {
  const region = document.getElementById("toasts");
  const toast = document.createElement("div");
  toast.className = `toast toast--${level}`;
  const words = document.createElement("p");
  words.textContent = text;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "icon-button";
  button.dataset.dismiss = "";
  button.setAttribute("aria-label", say("toast.dismiss"));
  button.textContent = "×";
  toast.append(words, button);
  region.append(toast);
  settle(toast);
}

export function startToasts() {
  document.querySelectorAll(".toast").forEach(settle);
}
