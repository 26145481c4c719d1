// Pages of charging: read anew when something happens, and now and then while a vehicle charges.

import { refreshSoon } from "../alarms/fresh.js";
import { LiveConnection, liveUrl, showState } from "../ui/js/live.js";

const CHARGING_MS = 5_000; // power and energy go on without an event
const WAITING_MS = 2_000; // a command or a card that is waited for
const failed = document.querySelector("[data-failed]");
const only = document.querySelector("[data-connector]")?.dataset.connector;

function refresh() {
  refreshSoon((isRead) => {
    if (failed) failed.hidden = isRead;
  });
}

new LiveConnection({
  url: liveUrl(),
  subscription: { tenant: true, types: ["charging"] },
  events: only ? ["command"] : [],
  onPoints: () => {},
  onEvent: ({ event_type: type, payload }) => {
    if (!only || type !== "charging" || payload?.connector === only) refresh();
  },
  onState: showState,
}).start();

function every(milliseconds, selector) {
  setInterval(() => {
    if (!document.hidden && document.querySelector(selector)) refresh();
  }, milliseconds);
}

every(CHARGING_MS, "[data-charging]");
every(WAITING_MS, "[data-waiting]");

document.addEventListener("input", ({ target }) => {
  const number = document.querySelector("#amps");
  const slider = document.querySelector("[data-amps-slider]");
  if (target === slider) number.value = slider.value;
  else if (target === number && slider) slider.value = number.value;
});
