// The log and the page of one execution: read anew when automation says something.

import { refreshSoon } from "../alarms/fresh.js";
import { LiveConnection, liveUrl, showState } from "../ui/js/live.js";

const failed = document.querySelector("[data-failed]");
const only = document.querySelector("[data-execution]")?.dataset.execution;
const SOON_MS = 4_000; // an open execution goes on without telling of each step

function refresh() {
  refreshSoon((isRead) => {
    if (failed) failed.hidden = isRead;
  });
}

new LiveConnection({
  url: liveUrl(),
  subscription: { tenant: true, types: ["logic_execution"] },
  events: only ? ["command"] : [],
  onPoints: () => {},
  onEvent: ({ event_type: type, payload }) => {
    if (!only || type !== "logic_execution" || payload?.execution === only) refresh();
  },
  onState: showState,
}).start();

if (only) {
  const timer = setInterval(() => {
    if (document.querySelector("[data-fresh='head'] .badge--waiting")) refresh();
    else clearInterval(timer);
  }, SOON_MS);
}
