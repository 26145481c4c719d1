"""Celery beat's scheduler: it tells that it is alive, and it bears a clock that is set back."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler

from energy.lib import heartbeat


class Schedule(DatabaseScheduler):  # type: ignore[misc]
    """Jobs as they stand in the database."""

    def tick(self, *arguments: Any, **options: Any) -> float:
        """Send what is due; return how long to sleep, at most five seconds."""
        heartbeat.beat("beat", "1", now=time.time())
        self._forget_the_future(dt.datetime.now(dt.UTC))
        wait: float = super().tick(*arguments, **options)
        return wait

    def _forget_the_future(self, now: dt.datetime) -> None:
        """Let jobs that seem to have run in the future count from now on.

        After the clock was set back they would wait until it has caught up.
        """
        ahead = [entry for entry in self.schedule.values() if entry.last_run_at > now]
        for entry in ahead:
            entry.last_run_at = entry.model.last_run_at = now
        if ahead:
            self._heap = None
