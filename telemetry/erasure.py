"""Samples and rejected messages of a deleted tenant; neither has a key to the tenant."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from accounts.services.erasure import Erased, erase_rows
from accounts.tenancy import tenant_scope
from devices.models import Channel, Device
from energy.lib import redis
from telemetry.exports import store as exports
from telemetry.imports.store import delete_folder
from telemetry.storage.removal import remove_stored


def erase_telemetry(tenant_id: uuid.UUID, has_broker: bool) -> Iterator[Erased]:
    """Remove samples, and rejected messages whose topic names the tenant or a device of it."""
    with tenant_scope(tenant_id):
        channels = list(Channel.objects.order_by("id").values_list("id", flat=True))
        devices = list(Device.objects.order_by("id").values_list("id", flat=True))
    for table, rows in remove_stored(channels):
        yield Erased(table, rows)
    topics = [f"tenant/{tenant_id}/%", *(f"devices/{device}/%" for device in devices)]
    yield from erase_rows("telemetry_rejectedmessage", "topic LIKE ANY (%s)", [topics])
    if files := delete_folder(tenant_id):
        yield Erased("imported files", files)
    if files := exports.delete_folder(tenant_id):
        yield Erased("exported files and reports", files)
    redis.ephemeral().zrem(redis.key("live:rooms"), str(tenant_id))
