// The overview keeps its headline values fresh.

import { LiveConnection, liveUrl, showState } from "./live.js";
import { noteHeard, noteStatus, startPresence } from "./presence.js";
import { indexReadings, showPoints } from "./readings.js";

const readings = indexReadings();
const devices = [...document.querySelectorAll("[data-device]")];

if (devices.length > 0) {
  startPresence();
  new LiveConnection({
    url: liveUrl(),
    subscription: {
      devices: devices.map((row) => row.dataset.device),
      types: ["measurement", "device_status"],
      rate_ms: 1000,
    },
    onPoints: (points) => {
      showPoints(readings, points);
      noteHeard(points);
    },
    events: ["gateway_status"],
    onEvent: noteStatus,
    onState: showState,
  }).start();
}
