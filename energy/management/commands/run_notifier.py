"""Notice what no rule tells of, and tell people of alarms."""

from __future__ import annotations

import datetime as dt
import logging
import os
from typing import Any

from alarms.delivery.notifier import Notifier
from alarms.sources.watch import Watch
from charging.running import ChargingRounds
from energy.lib.process import ProcessCommand

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 6.0
SENDING_SECONDS = 0.05


class Command(ProcessCommand):
    """Run one notifier; more copies with other --instance names share the work."""

    help = "Raise alarms of devices and of the platform; plan, gather and send notifications."
    process_name = "notifier"
    idle_seconds = 0.25

    def open(self, **options: Any) -> None:
        """Start the threads that talk to the other sides."""
        self._notifier, self._watch = Notifier(), Watch()
        self._charging = ChargingRounds()

    def work(self) -> bool:
        """Do one round; what is on its way is waited for a moment."""
        self._watch.round(dt.datetime.now(dt.UTC))
        self._charging.round(dt.datetime.now(dt.UTC))
        more = self._notifier.round(now=dt.datetime.now(dt.UTC), wait_seconds=SENDING_SECONDS)
        return more or self._notifier.is_sending

    def close(self) -> None:
        """Let what is being sent end; what does not, another process takes up."""
        notifier = getattr(self, "_notifier", None)
        if notifier is None:
            return
        notifier.close(seconds=DRAIN_SECONDS)
        if notifier.is_sending and self.stopping.is_set():
            # Python waits for its threads, and they for another side that hangs
            logger.warning("Ending while something is being sent; another process takes it up")
            logging.shutdown()
            os._exit(0)
