"""Bring values of zones to their targets, and follow recipes."""

from __future__ import annotations

import datetime as dt
from typing import Any

from automation.running.zones import Zones
from energy.lib.process import ProcessCommand


class Command(ProcessCommand):
    """Run one copy; more copies with other --instance names share the zones."""

    help = "Look at each zone every 15 s: modes and phases that end, controllers that act."
    process_name = "zones"
    idle_seconds = 0.5

    def open(self, **options: Any) -> None:
        """Start the threads that write."""
        self._zones = Zones()

    def work(self) -> bool:
        """Look at the zones whose turn it is."""
        return self._zones.round(dt.datetime.now(dt.UTC))

    def close(self) -> None:
        """Let what has begun end."""
        zones = getattr(self, "_zones", None)
        if zones is not None:
            zones.close()
