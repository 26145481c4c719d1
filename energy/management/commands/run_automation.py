"""Do what rules and schedules have decided, and decide what events and times lead to."""

from __future__ import annotations

import datetime as dt
from typing import Any

from automation.running.parts import Part, make_parts
from energy.lib.process import ProcessCommand


class Command(ProcessCommand):
    """Run one copy; more copies with other --instance names share the work."""

    help = "Run schedules, look at events that rules wait for, and do what was decided."
    process_name = "automation"
    idle_seconds = 0.1

    def open(self, **options: Any) -> None:
        """Make the parts."""
        self._parts: list[Part] = make_parts()

    def work(self) -> bool:
        """Give each part its turn."""
        return any([part.round(dt.datetime.now(dt.UTC)) for part in self._parts])
