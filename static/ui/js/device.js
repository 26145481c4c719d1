// One device: live values, and the history of one of its channels.

import { Chart } from "./chart.js";
import { LiveConnection, liveUrl, showState } from "./live.js";
import { noteHeard, noteStatus, startPresence } from "./presence.js";
import { refreshSoon } from "./fresh.js";
import { indexReadings, showPoints } from "./readings.js";

const page = document.querySelector("[data-device-page]");
const readings = indexReadings();

startPresence();
new LiveConnection({
  url: liveUrl(),
  subscription: {
    devices: [page.dataset.devicePage],
    types: ["measurement", "device_status"],
    rate_ms: 250,
  },
  events: ["gateway_status", "alarm", "actuator_alert", "esp_health", "config_response",
    "device_event"],
  onPoints: (points) => {
    showPoints(readings, points);
    noteHeard(points);
  },
  onEvent: (event) => {
    noteStatus(event);
    refreshSoon();
  },
  onState: showState,
}).start();

const holder = document.querySelector("[data-chart]");
const buttons = [...document.querySelectorAll("[data-show-channel]")];

function markChosen(metric) {
  for (const button of buttons) {
    const chosen = button.dataset.showChannel === metric;
    button.setAttribute("aria-pressed", String(chosen));
    button.closest("tr").classList.toggle("is-chosen", chosen);
  }
  const link = document.querySelector("[data-explore-link]");
  if (link) link.search = new URLSearchParams({ device: page.dataset.devicePage, metric });
}

if (holder) {
  const chart = new Chart(holder);
  holder.addEventListener("channelchange", (event) => markChosen(event.detail));
  for (const button of buttons) {
    button.addEventListener("click", () => {
      chart.choose(button.dataset.showChannel);
      holder.scrollIntoView({ behavior: "smooth", block: "start" });
    });
  }
  markChosen(chart.channel.name);
  chart.load();
}
