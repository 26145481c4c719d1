"""Looks at everything that raises alarms without a rule, round after round."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from accounts.services.platform_tenant import platform_tenant
from alarms.engine import incidents
from alarms.services.suppression import release
from alarms.sources import system_platform as platform
from alarms.sources import system_tenant as tenants
from alarms.sources.checks import effective_checks, list_checks
from alarms.sources.device_events import drain_events, end_unsaid
from alarms.sources.findings import Finding, Settling
from alarms.sources.shipped import Check
from alarms.sources.system_presence import watch_devices, watch_gateways

logger = logging.getLogger(__name__)

Find = Callable[..., Iterable[Finding] | None]
# what is about the machine of this process
LOCAL = frozenset({"disk", "memory", "cpu", "threads"})
EVERY = dt.timedelta(seconds=5)
SELDOM = dt.timedelta(seconds=60)


@dataclass
class _Part:
    """Something that is looked at in intervals; its failures are its own.

    `look` returns True when there is more to do at once.
    """

    name: str
    look: Callable[[dt.datetime], object]
    every: dt.timedelta
    next_at: dt.datetime | None = None

    def is_due(self, now: dt.datetime) -> bool:
        # a clock that was set back must not keep it waiting
        return self.next_at is None or now >= self.next_at or self.next_at - now > self.every


@dataclass
class Watch:
    """All sources of one process; two processes may watch at once, alarms are raised once."""

    _checks: Mapping[str, Check] = field(default_factory=dict)

    def __post_init__(self) -> None:
        beats, rejected, busy = platform.Heartbeats(), tenants.RejectedRate(), platform.Processors()
        finders: list[tuple[str, Find, dt.timedelta]] = [
            (incidents.BROKER_DOWN, beats.broker, EVERY),
            (incidents.SERVICE_DOWN, beats.services, EVERY),
            ("queue_depth", platform.queue_depth, EVERY),
            ("queue_age", platform.queue_age, EVERY),
            ("ledger_lag", platform.ledger_lag, EVERY),
            ("reactor_lag", platform.reactor_lag, EVERY),
            ("outbox_age", platform.outbox_age, SELDOM),
            ("dead_letters", platform.dead_letters, SELDOM),
            ("web_slow", platform.web_slow, SELDOM),
            ("web_errors", platform.web_errors, SELDOM),
            ("undelivered", tenants.undelivered, SELDOM),
            ("revocation_list", platform.revocation_list, SELDOM),
            ("disk", platform.disk, SELDOM),
            ("memory", platform.memory, SELDOM),
            ("cpu", busy.find, SELDOM),
            ("threads", platform.threads, SELDOM),
            ("certificate", tenants.certificates, SELDOM),
            ("sequence_gap", tenants.sequence_gaps, SELDOM),
            ("rejected_rate", rejected.find, SELDOM),
        ]
        self._parts = [
            _Part("checks", self._read_checks, EVERY),
            *(_Part(code, self._settle(code, find), every) for code, find, every in finders),
            _Part("gateways", self._gateways, EVERY),
            _Part("devices", self._devices, EVERY),
            _Part("device events", lambda now: drain_events(now=now), dt.timedelta(0)),
            _Part("unsaid", lambda now: end_unsaid(now=now), SELDOM),
            _Part("release", lambda now: release(now=now), EVERY),
        ]

    def round(self, now: dt.datetime) -> list[str]:
        """Look at what is due; return the names of the parts that failed.

        A part that fails is logged and looked at again in its next round; the others go on.
        """
        failed = []
        for part in self._parts:
            if not part.is_due(now):
                continue
            part.next_at = now + part.every
            try:
                if part.look(now) is True:
                    part.next_at = None
            except Exception:
                logger.exception("Alarms: %s could not be looked at", part.name)
                failed.append(part.name)
        return failed

    def _read_checks(self, now: dt.datetime) -> None:
        if not self._checks:
            platform_tenant()
            list_checks()
        self._checks = effective_checks()

    def _settle(self, code: str, find: Find) -> Callable[[dt.datetime], None]:
        settling = Settling()

        def look(now: dt.datetime) -> None:
            check = self._checks[code]
            place = platform.HOST if code in LOCAL else ""
            settling.settle(check, find(check, now=now), now=now, place=place)

        return look

    def _gateways(self, now: dt.datetime) -> bool:
        return watch_gateways(self._checks[incidents.GATEWAY_OFFLINE], now=now)

    def _devices(self, now: dt.datetime) -> bool:
        return watch_devices(self._checks[incidents.DEVICE_OFFLINE], now=now)
