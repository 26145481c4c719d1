"""What the plan of a tenant allows over HTTP, counted before anything is accepted.

The same counters as for MQTT: readings by the minute of receipt, all doors together. Beyond
ten times the plan a request is refused as a whole, so what was accepted is never rejected for
the quota later.
"""

from __future__ import annotations

from functools import cache

from django.conf import settings

from accounts.models import Tenant
from energy.lib import metrics
from energy.lib.redis import connect
from telemetry.ingest.quota import MINUTE_US, TOLERATED, MinuteCounts

_TIMEOUT_SECONDS = 0.25


class BeyondQuota(Exception):
    """The tenant has sent more than ten times its plan; `wait_seconds` until the next minute."""

    def __init__(self, allowed: int, wait_seconds: int) -> None:
        super().__init__(f"Over {allowed} readings in this minute; send the rest later.")
        self.allowed = allowed
        self.wait_seconds = wait_seconds


@cache
def minute_counts() -> MinuteCounts:
    """Return the counters of this process's connection."""
    return MinuteCounts(connect(settings.REDIS_EPHEMERAL_URL, timeout_seconds=_TIMEOUT_SECONDS))


def count_readings(tenant: Tenant, number: int, *, received_at: int) -> None:
    """Count readings; a refused request does not count.

    Args: received_at: µs UTC.

    Raises: BeyondQuota.
    """
    if not number or tenant.plan is None:
        return
    allowed = tenant.plan.messages_per_second * 60
    slot = tenant.id, received_at // MINUTE_US
    clock = received_at / 1_000_000
    count = minute_counts().add({slot: number}, clock=clock)[slot]
    if count > allowed * TOLERATED:
        minute_counts().add({slot: -number}, clock=clock)
        metrics.QUOTA_EXCEEDED.labels("rejected").inc(number)
        raise BeyondQuota(allowed * TOLERATED, 60 - int(clock % 60))
    if count > allowed:
        metrics.QUOTA_EXCEEDED.labels("stored").inc(min(number, count - allowed))
