"""What charging does without being asked: part of the notifier, in any number of copies."""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from alarms.sources.checks import effective_checks
from alarms.sources.findings import Finding, Settling
from charging.services import alarms
from charging.services.currents import find_excess, tell_excess
from charging.services.settling import settle_due
from charging.services.subscribers import tell_all
from charging.services.taking_part import SUBSCRIBERS
from charging.services.waiting import end_late_permissions

logger = logging.getLogger(__name__)

AT_ONCE = dt.timedelta(seconds=0.5)
SOON = dt.timedelta(seconds=2)
OFTEN = dt.timedelta(seconds=5)


@dataclass
class _Part:
    name: str
    do: Callable[[dt.datetime], object]
    every: dt.timedelta
    next_at: dt.datetime | None = None

    def is_due(self, now: dt.datetime) -> bool:
        # a clock that was set back must not keep it waiting
        return self.next_at is None or now >= self.next_at or self.next_at - now > self.every


class ChargingRounds:
    """All of it in one process; a part that fails is logged, and the others go on."""

    def __init__(self) -> None:
        self._settlings: dict[str, Settling] = defaultdict(Settling)
        self._parts = [
            _Part("subscribers", lambda now: tell_all(SUBSCRIBERS, now=now), AT_ONCE),
            _Part("permissions", lambda now: end_late_permissions(now=now), SOON),
            _Part("alarms", self._watch, OFTEN),
            _Part("settling", lambda now: settle_due(now=now), OFTEN),
        ]

    def round(self, now: dt.datetime) -> list[str]:
        """Do what is due; return the names of the parts that failed."""
        failed = []
        for part in self._parts:
            if not part.is_due(now):
                continue
            part.next_at = now + part.every
            try:
                part.do(now)
            except Exception:
                logger.exception("Charging: %s failed, going on", part.name)
                failed.append(part.name)
        return failed

    def _watch(self, now: dt.datetime) -> None:
        checks = effective_checks()
        excess = find_excess(now=now)
        tell_excess(excess, now=now)
        found: dict[str, Iterable[Finding]] = {
            "charger_silent": alarms.silent(checks["charger_silent"], now=now),
            "charger_fault": alarms.faults(),
            "contactor_mismatch": alarms.mismatches(excess),
            "charging_overcurrent": alarms.overcurrents(excess),
        }
        for code, findings in found.items():
            self._settlings[code].settle(checks[code], findings, now=now)
