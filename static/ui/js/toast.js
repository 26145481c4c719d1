// Short messages at the edge of the page.

import { say } from "./strings.js";

const STAY_MS = 8_000;

function dismissable(toast) {
  toast.querySelector("[data-dismiss]")?.addEventListener("click", () => toast.remove());
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
  dismissable(toast);
  // an error stays until it is dismissed
  if (level !== "error") setTimeout(() => toast.remove(), STAY_MS);
}

export function startToasts() {
  document.querySelectorAll(".toast").forEach(dismissable);
}
