// The list of the fleet: the states of its rows, and the numbers above it.

import { LiveConnection, liveUrl } from "./live.js";
import { noteHeard, noteStatus, startPresence } from "./presence.js";
import { refreshSoon } from "./fresh.js";

const devices = [...document.querySelectorAll("[data-presence]")];

if (devices.length > 0) {
  startPresence();
  new LiveConnection({
    url: liveUrl(),
    subscription: {
      devices: devices.map((row) => row.dataset.presence),
      types: ["measurement", "device_status"],
      rate_ms: 5_000,
    },
    events: ["gateway_status"],
    onPoints: noteHeard,
    onEvent: (event) => {
      noteStatus(event);
      refreshSoon();
    },
  }).start();
}
