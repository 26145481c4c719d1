// Ages that go on counting: <time data-age="epoch ms" data-stale-after="seconds">.

import { say } from "./strings.js";

const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;

// The reader's clock may be wrong by hours, so ages are counted from the server's clock.
let offset = 0;

export function setServerTime(epochMs) {
  offset = epochMs - Date.now();
}

export function serverNow() {
  return Date.now() + offset;
}

export function describeAge(seconds) {
  if (seconds < 1) return say("age.now");
  if (seconds < MINUTE) return say("age.s", { n: Math.floor(seconds) });
  if (seconds < HOUR) return say("age.min", { n: Math.floor(seconds / MINUTE) });
  if (seconds < DAY) return say("age.h", { n: Math.floor(seconds / HOUR) });
  return say("age.d", { n: Math.floor(seconds / DAY) });
}

export function showAge(element, now = serverNow()) {
  const seconds = Math.max(0, (now - Number(element.dataset.age)) / 1000);
  const text = describeAge(seconds);
  if (element.textContent !== text) element.textContent = text;
  const limit = Number(element.dataset.staleAfter);
  const stale = limit > 0 && seconds > limit;
  element.classList.toggle("is-stale", stale);
  element.closest("[data-live]")?.classList.toggle("is-stale", stale);
}

// Returns the age element of a value, made on the first value of a channel without one.
export function moveAge(holder, epochMs) {
  let element = holder.querySelector("[data-age]");
  if (!element) {
    element = document.createElement("time");
    element.className = "age";
    holder.querySelector(".age")?.replaceWith(element);
  }
  element.dataset.age = String(epochMs);
  element.dateTime = new Date(epochMs).toISOString();
  showAge(element);
}

export function startAges() {
  const tick = () => {
    if (document.hidden) return;
    const now = serverNow();
    for (const element of document.querySelectorAll("[data-age]")) showAge(element, now);
  };
  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
}
