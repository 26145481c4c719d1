"""Keeps the ledger: what changed in samples is built anew within a minute."""

from __future__ import annotations

import datetime as dt
import time

from prometheus_client import Counter, Gauge

from accounts.tenancy import all_tenants
from metering.build.due import work_off
from metering.build.zones import follow_zones
from metering.services.cost_following import follow_costs
from telemetry.ingest.batch import StoredBatch
from telemetry.reactors.base import Reactor
from telemetry.storage.watch import oldest_change

EVERY_SECONDS = 5.0
# At most this share of the time is spent, unless more is waiting.
SHARE = 0.25
AT_MOST_SECONDS = 20.0
ZONES_SECONDS = 60.0

LAG_SECONDS = Gauge("energy_ledger_lag_seconds", "Age of the oldest change not in the ledger")
QUARTERS = Counter("energy_ledger_quarters", "Quarter hours written to the ledger")


class MeteringReactor(Reactor):
    """Builds intervals from what the rollups pass on.

    Changes are rows, so nothing depends on the stream, and what is built twice is the same.
    """

    name = "metering"
    starts_at = "$"
    skips_backlog = True

    def __init__(self) -> None:
        self._look_at = self._zones_at = 0.0

    def react(self, batch: StoredBatch) -> None:
        """Nothing: the rollups tell."""

    def flush(self, now: float) -> None:
        """Build what is due, if it is time to."""
        began = time.monotonic()
        if began < self._look_at:
            return
        moment = dt.datetime.fromtimestamp(now, dt.UTC)
        with all_tenants():
            if began >= self._zones_at and not follow_zones(now=moment):
                self._zones_at = began + ZONES_SECONDS
            worked = work_off(now=moment)
            costs = follow_costs(now=moment)
        QUARTERS.inc(worked.written.added + worked.written.changed + worked.written.removed)
        LAG_SECONDS.set(oldest_change(now=moment) if worked.is_more else 0.0)
        taken = time.monotonic() - began
        pause = min(AT_MOST_SECONDS, max(EVERY_SECONDS, taken / SHARE))
        is_more = worked.is_more or costs.is_more
        self._look_at = time.monotonic() + (0.0 if is_more else pause)
