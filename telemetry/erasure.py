"""Samples and rejected messages of a deleted tenant; neither has a key to the tenant."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from django.db import connection, transaction

from accounts.services.erasure import Erased, erase_rows
from accounts.tenancy import tenant_scope
from devices.models import Channel, Device
from energy.lib import redis

ROWS = 20_000
CHANNELS = 50
# a partition has row addresses of its own, so rows are named by their key
_SAMPLES = """
DELETE FROM telemetry_sample AS sample
USING (SELECT channel_id, time FROM telemetry_sample WHERE channel_id = ANY (%s) LIMIT %s) AS doomed
WHERE sample.channel_id = doomed.channel_id AND sample.time = doomed.time
"""


def erase_telemetry(tenant_id: uuid.UUID, has_broker: bool) -> Iterator[Erased]:
    """Remove samples, and rejected messages whose topic names the tenant or a device of it."""
    with tenant_scope(tenant_id):
        channels = list(Channel.objects.order_by("id").values_list("id", flat=True))
        devices = list(Device.objects.order_by("id").values_list("id", flat=True))
    for start in range(0, len(channels), CHANNELS):
        yield from _erase_samples(channels[start : start + CHANNELS])
    topics = [f"tenant/{tenant_id}/%", *(f"devices/{device}/%" for device in devices)]
    yield from erase_rows("telemetry_rejectedmessage", "topic LIKE ANY (%s)", [topics])
    redis.ephemeral().zrem(redis.key("live:rooms"), str(tenant_id))


def _erase_samples(channels: list[int]) -> Iterator[Erased]:
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_SAMPLES, [channels, ROWS])
            count = cursor.rowcount
        if count:
            yield Erased("telemetry_sample", count)
        if count < ROWS:
            return
