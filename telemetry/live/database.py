"""What the hub reads from PostgreSQL, in a few threads of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from channels.db import database_sync_to_async

from accounts.tenancy import tenant_scope
from devices.models import Device, Site
from telemetry.ingest.batch import to_microseconds
from telemetry.live.frames import Point
from telemetry.live.guests import watchable
from telemetry.live.identity import Identity
from telemetry.live.limits import MAX_DEVICES
from telemetry.models import LatestValue
from telemetry.quality import QUALITY_NAMES

_THREADS = ThreadPoolExecutor(max_workers=3, thread_name_prefix="live-database")


class TargetRefused(ValueError):
    """What was asked for cannot be watched; `code` is for the client.

    Objects of other tenants and objects that do not exist give the same answer.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def in_database(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function awaitable; connections go back to the pool after each call."""
    awaitable: Callable[..., Any] = database_sync_to_async(
        function, thread_sensitive=False, executor=_THREADS
    )
    return awaitable


@in_database
def find_devices(
    identity: Identity,
    *,
    devices: Collection[uuid.UUID] | None,
    sites: Collection[uuid.UUID] | None,
) -> frozenset[str]:
    """Return the device uuids of a target; with neither devices nor sites, the whole tenant's.

    For a guest only what is shared exists.

    Raises:
        TargetRefused: something of it is unknown in the tenant, or there are too many devices.
    """
    with tenant_scope(identity.tenant_id):
        found = watchable(identity, Device).order_by("id")
        if devices:
            found = found.filter(id__in=set(devices))
        elif sites:
            if watchable(identity, Site).filter(id__in=set(sites)).count() != len(set(sites)):
                raise TargetRefused("unknown_site")
            found = found.filter(site_id__in=set(sites))
        ids = frozenset(map(str, found.values_list("id", flat=True)[: MAX_DEVICES + 1]))
    if devices and len(ids) != len(set(devices)):
        raise TargetRefused("unknown_device")
    if len(ids) > MAX_DEVICES:
        raise TargetRefused("too_many_devices")
    return ids


@in_database
def find_withdrawn(watched: Mapping[Identity, Collection[str]]) -> dict[Identity, frozenset[str]]:
    """Return which of the devices that guests watch are shared with them no longer."""
    withdrawn = {}
    for identity, devices in watched.items():
        with tenant_scope(identity.tenant_id):
            shared = watchable(identity, Device).filter(id__in=devices)
            left = frozenset(map(str, shared.values_list("id", flat=True)))
        if lost := frozenset(devices) - left:
            withdrawn[identity] = lost
    return withdrawn


@in_database
def read_latest(
    tenant_id: uuid.UUID,
    *,
    devices: Collection[str] | None,
    metrics: Collection[str] | None = None,
) -> list[Point]:
    """Return the latest value of each channel as points with unit; None means all."""
    with tenant_scope(tenant_id):
        found = LatestValue.objects.filter(time__isnull=False).order_by("channel_id")
        if devices is not None:
            found = found.filter(channel__device_id__in=devices)
        if metrics is not None:
            found = found.filter(channel__name__in=metrics)
        fields = ("channel__device_id", "channel__name", "time", "value", "quality")
        rows = found.values_list(*fields, "channel__unit")
        return [
            [
                str(device),
                metric,
                to_microseconds(time) // 1000,
                value,
                QUALITY_NAMES.get(quality, "uncertain"),
                unit,
            ]
            for device, metric, time, value, quality, unit in rows
        ]
