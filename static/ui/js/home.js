// The overview keeps its headline values fresh.

import { LiveConnection, liveUrl, showState } from "./live.js";
import { noteHeard, startPresence } from "./presence.js";
import { indexReadings, showPoints } from "./readings.js";

const readings = indexReadings();
const devices = [...document.querySelectorAll("[data-device]")];

if (devices.length > 0) {
  startPresence();
  new LiveConnection({
    url: liveUrl(),
    subscription: {
      devices: devices.map((row) => row.dataset.device),
      types: ["measurement"],
      rate_ms: 1000,
    },
    onPoints: (points) => {
      showPoints(readings, points);
      noteHeard(points);
    },
    onState: showState,
  }).start();
}
