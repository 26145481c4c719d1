// The overview keeps its headline values fresh.

import { moveAge } from "./age.js";
import { LiveConnection, liveUrl, showState } from "./live.js";
import { indexReadings, showPoints } from "./readings.js";
import { say } from "./strings.js";

const readings = indexReadings();
const devices = [...document.querySelectorAll("[data-device]")];

function showStatus(id, status) {
  const badge = document.querySelector(`[data-device="${CSS.escape(id)}"] [data-status] .badge`);
  if (!badge || !/^\w+$/.test(status)) return;
  badge.className = `badge badge--${status}`;
  badge.textContent = say(`status.${status}`);
}

// Any value of a device tells that it is alive, whether or not the value is shown.
function showHeard(points) {
  const heard = new Map();
  for (const [id, , time] of points.values()) {
    heard.set(id, Math.max(time, heard.get(id) ?? 0));
  }
  for (const [id, time] of heard) {
    const state = document.querySelector(`[data-device="${CSS.escape(id)}"] [data-status]`);
    const shown = Number(state?.querySelector("[data-age]")?.dataset.age ?? 0);
    if (state && time > shown) moveAge(state, time);
  }
}

if (devices.length > 0) {
  new LiveConnection({
    url: liveUrl(),
    subscription: {
      devices: devices.map((row) => row.dataset.device),
      types: ["measurement", "device_status"],
      rate_ms: 1000,
    },
    onPoints: (points) => {
      showPoints(readings, points);
      showHeard(points);
    },
    onEvent: (event) => {
      if (event.event === "device_status") showStatus(event.device, event.status);
    },
    onState: showState,
  }).start();
}
