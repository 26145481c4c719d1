// Reads the page anew and puts its parts in place, so that nobody loses what they were doing.

import { showToast } from "../ui/js/toast.js";

const PAUSE_MS = 1_000; // what happens at once is read once
const TIMEOUT_MS = 15_000;

// The policy lets nobody turn text into HTML; a request may answer with a document, though.
export function askPage(method = "GET", url = location.href, body = null) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.responseType = "document";
    request.timeout = TIMEOUT_MS;
    request.onload = () => resolve(request.status === 200 ? request.response : null);
    request.onerror = request.ontimeout = () => resolve(null);
    request.send(body);
  });
}

function chosen() {
  return [...document.querySelectorAll(".alarm__pick input:checked")].map((box) => box.value);
}

// What is chosen, opened, marked and focused stays so.
export function mergePage(page) {
  const kept = new Set(chosen());
  const opened = [...document.querySelectorAll("details[data-keep][open]")].map((one) => one.dataset.keep);
  const current = document.querySelector(".alarm.is-current")?.dataset.alarm;
  const focused = document.activeElement?.closest("[data-fresh] .alarm");
  const link = focused && document.activeElement.matches("[data-alarm-link]");
  for (const part of document.querySelectorAll("[data-fresh]")) {
    const fresh = page.querySelector(`[data-fresh="${CSS.escape(part.dataset.fresh)}"]`);
    if (fresh && fresh.innerHTML !== part.innerHTML) part.replaceWith(document.adoptNode(fresh));
  }
  document.title = page.title;
  for (const box of document.querySelectorAll(".alarm__pick input")) box.checked = kept.has(box.value);
  for (const one of document.querySelectorAll("details[data-keep]")) one.open ||= opened.includes(one.dataset.keep);
  row(current)?.classList.add("is-current");
  if (focused) row(focused.dataset.alarm)?.querySelector(link ? "[data-alarm-link]" : "input, a").focus();
}

export function row(id) {
  return id ? document.querySelector(`.alarm[data-alarm="${CSS.escape(id)}"]`) : null;
}

// Messages of the answer become toasts here.
export function tellMessages(page) {
  for (const toast of page.querySelectorAll("#toasts .toast")) {
    const level = ["success", "warning", "error"].find((one) => toast.classList.contains(`toast--${one}`));
    showToast(toast.querySelector("p").textContent, level ?? "info");
  }
}

let waiting = 0;

// done: told whether it could be read.
export function refreshSoon(done = () => {}) {
  if (waiting) return;
  waiting = setTimeout(async () => {
    waiting = 0;
    const page = await askPage();
    if (page) mergePage(page);
    done(page !== null);
  }, PAUSE_MS);
}
