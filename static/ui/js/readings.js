// Writes live points into the page: [data-live="device|metric"] holds value, age and quality.

import { moveAge } from "./age.js";
import { number, say } from "./strings.js";

export function indexReadings(root = document) {
  const index = new Map();
  for (const holder of root.querySelectorAll("[data-live]")) {
    const key = holder.dataset.live;
    if (!index.has(key)) index.set(key, []);
    index.get(key).push(holder);
  }
  return index;
}

function showQuality(holder, quality) {
  const badge = holder.querySelector("[data-quality]");
  if (!badge) return;
  badge.className = `badge badge--${quality}`;
  badge.textContent = say(`quality.${quality}`);
}

function showFresh(holder) {
  holder.classList.remove("is-fresh");
  requestAnimationFrame(() => holder.classList.add("is-fresh"));
}

export function showPoint(holder, [, , time, value, quality]) {
  const shownAt = Number(holder.querySelector("[data-age]")?.dataset.age ?? 0);
  if (time < shownAt) return; // late rows fill history, never the latest value
  const text = number(value, Number(holder.dataset.decimals));
  const element = holder.querySelector("[data-value]");
  if (element.textContent !== text) {
    element.textContent = text;
    showFresh(holder);
  }
  moveAge(holder, time);
  showQuality(holder, quality);
}

export function showPoints(index, points) {
  for (const [key, point] of points) {
    for (const holder of index.get(key) ?? []) showPoint(holder, point);
  }
}
