// One alarm: its state and what happened stay up to date.

import { LiveConnection, liveUrl, showState } from "../ui/js/live.js";
import { refreshSoon } from "./fresh.js";

new LiveConnection({
  url: liveUrl(),
  subscription: { tenant: true, types: ["alarm"] },
  onPoints: () => {},
  onEvent: () => refreshSoon(),
  onState: showState,
}).start();
