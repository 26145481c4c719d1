// Badges of devices go on telling the truth between two page loads.
// [data-presence] holds the badge, the age of the last message and the two limits.

import { moveAge, serverNow } from "./age.js";
import { say } from "./strings.js";

const LOOK_MS = 5_000;
const STATES = ["online", "late", "offline"];

// The same rule as devices/presence.py, for a device that has been heard.
export function presenceAfter(silenceSeconds, lateAfter, offlineAfter) {
  if (silenceSeconds > offlineAfter) return "offline";
  return silenceSeconds > lateAfter ? "late" : "online";
}

function shown(badge) {
  return STATES.find((state) => badge.classList.contains(`badge--${state}`)) ?? "silent";
}

function show(badge, state) {
  badge.className = `badge badge--${state}`;
  badge.textContent = say(`status.${state}`);
}

function lookAt(holder) {
  const badge = holder.querySelector(".badge");
  const heardAt = holder.querySelector("[data-age]")?.dataset.age;
  if (!badge || heardAt === undefined) return;
  const { lateAfter, offlineAfter } = holder.dataset;
  if (offlineAfter === undefined) return;
  const silence = (serverNow() - Number(heardAt)) / 1000;
  const state = presenceAfter(silence, Number(lateAfter), Number(offlineAfter));
  // a device that said goodbye stays offline until it is heard again
  if (STATES.indexOf(state) > STATES.indexOf(shown(badge))) show(badge, state);
}

export function startPresence() {
  setInterval(() => document.querySelectorAll("[data-presence]").forEach(lookAt), LOOK_MS);
}

// What the server noticed: a device that said goodbye, or came back.
export function noteStatus(event) {
  const holder = document.querySelector(`[data-presence="${CSS.escape(event.device ?? "")}"]`);
  const badge = holder?.querySelector(".badge");
  const status = event.payload?.status;
  if (!badge || !STATES.includes(status)) return;
  if (status === "online") moveAge(holder, Date.parse(event.occurred_at));
  show(badge, status);
}

// Any value of a device tells that it is alive, whether or not the value is shown.
export function noteHeard(points) {
  const heard = new Map();
  for (const [id, , time] of points.values()) heard.set(id, Math.max(time, heard.get(id) ?? 0));
  for (const [id, time] of heard) {
    const holder = document.querySelector(`[data-presence="${CSS.escape(id)}"]`);
    const before = Number(holder?.querySelector("[data-age]")?.dataset.age ?? 0);
    if (!holder || time <= before) continue;
    moveAge(holder, time);
    show(holder.querySelector(".badge"), "online");
    lookAt(holder);
  }
}
