"""What was last heard of gateways and devices, and when one went silent.

Silence has two sources: a last will (`apply_status_report`) and a deadline that passed
(`sweep_silent`). The first newer message ends it (`touch_last_seen`). All three lock the
row, so whichever comes last has the last word, and each change of state leaves one event.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction

from devices.models import Device, Gateway, ReportedStatus
from devices.presence import OFFLINE_AFTER_AT_LEAST_SECONDS, OFFLINE_AFTER_INTERVALS

FIRMWARE_LENGTH = 50
SWEEP_ROWS = 1000

# {table} is one of two constants, {activate} a fixed text; every value is a parameter.
# Rows are locked in the order of their ids, so that two workers never wait for each other.
_TOUCH = """
WITH locked AS (
    SELECT id, offline_since FROM {table} WHERE id = ANY (%s::uuid[])
    ORDER BY id FOR NO KEY UPDATE
), moved AS (
    UPDATE {table} AS thing SET last_seen_at = heard.at,
        offline_since = CASE WHEN thing.reported_status = 'offline'
            AND heard.at <= thing.reported_status_at THEN thing.offline_since END {activate}
    FROM unnest(%s::uuid[], %s::timestamptz[]) AS heard (id, at), locked
    WHERE thing.id = heard.id AND thing.id = locked.id
      AND (thing.last_seen_at IS NULL OR thing.last_seen_at < heard.at)
    RETURNING thing.id, thing.tenant_id, heard.at,
        locked.offline_since IS NOT NULL AND thing.offline_since IS NULL AS is_back
)
SELECT id, tenant_id, at FROM moved WHERE is_back
"""
_ACTIVATE = """, lifecycle = CASE WHEN thing.lifecycle IN ('registered', 'claimed', 'provisioned')
    THEN 'active' ELSE thing.lifecycle END"""
_SWEEP = """
WITH due AS (
    SELECT thing.id, greatest(thing.last_seen_at, %(heard_since)s) + make_interval(
        secs => coalesce(profile.offline_after_seconds,
                         greatest(profile.expected_interval_seconds * {intervals}, {seconds}))
    ) AS deadline
    FROM {table} AS thing {joins}
    JOIN devices_deviceprofile AS profile ON profile.id = device.profile_id
    WHERE thing.offline_since IS NULL AND thing.last_seen_at IS NOT NULL
      AND device.lifecycle <> 'decommissioned'
), late AS (
    SELECT thing.id, due.deadline FROM {table} AS thing JOIN due ON due.id = thing.id
    WHERE due.deadline <= %(now)s ORDER BY thing.id LIMIT {rows}
    FOR NO KEY UPDATE OF thing SKIP LOCKED
)
UPDATE {table} AS thing SET offline_since = late.deadline FROM late
WHERE thing.id = late.id RETURNING thing.id, thing.tenant_id, late.deadline
"""
_GATEWAYS_OWN_DEVICE = (
    "JOIN devices_device AS device ON device.gateway_id = thing.id AND device.uid = thing.uid"
)
_ITSELF = "JOIN devices_device AS device ON device.id = thing.id"
# kind, table, joins
THINGS = (
    ("gateway_presence", "devices_gateway", _GATEWAYS_OWN_DEVICE, ""),
    ("presence", "devices_device", _ITSELF, _ACTIVATE),
)
_ADD_EVENT = """
INSERT INTO devices_deviceevent (id, tenant_id, created_at, updated_at, device_id, kind, code,
                                 severity, message, detail, at)
SELECT gen_random_uuid(), told.tenant_id, now(), now(), device.id, %s, %s, %s, '', '{{}}', told.at
FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS told (id, tenant_id, at)
JOIN {table} AS thing ON thing.id = told.id AND thing.tenant_id = told.tenant_id
{joins}
ON CONFLICT DO NOTHING
"""


class UnknownStatus(ValueError):
    """A status report says neither online nor offline."""


class _Change(NamedTuple):
    id: uuid.UUID
    tenant_id: uuid.UUID
    at: datetime


@transaction.atomic
def touch_last_seen(
    *, gateway_ids: Mapping[uuid.UUID, datetime], device_ids: Mapping[uuid.UUID, datetime]
) -> None:
    """Move "last seen" forward to the given moments (UTC); it never goes back.

    What was offline is back, and what was only registered is active. One statement for each
    table, one more when something came back. The caller has resolved the ids within their
    tenants.
    """
    heard_of = {"devices_gateway": gateway_ids, "devices_device": device_ids}
    for kind, table, joins, activate in THINGS:
        heard = heard_of[table]
        if not heard:
            continue
        ids = list(heard)
        with connection.cursor() as cursor:
            cursor.execute(
                _TOUCH.format(table=table, activate=activate), [ids, ids, list(heard.values())]
            )
            add_events(cursor.fetchall(), kind, table, joins, ("ONLINE", "info"))


@transaction.atomic
def sweep_silent(*, now: datetime, heard_since: datetime) -> int:
    """Mark what passed its deadline without a message as offline; return how many rows.

    The deadline is the profile's `offline_after_seconds`, else twice the expected interval,
    at least 120 s, after the last message. At most 1,000 rows of each table a call; rows that
    a message holds at the moment are left to the next.

    Args: heard_since: since when messages have reached us without a break: silence before it
        is ours, not theirs.
    """
    found = 0
    for kind, table, joins, _activate in THINGS:
        statement = _SWEEP.format(
            table=table,
            joins=joins,
            intervals=OFFLINE_AFTER_INTERVALS,
            seconds=OFFLINE_AFTER_AT_LEAST_SECONDS,
            rows=SWEEP_ROWS,
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, {"now": now, "heard_since": heard_since})
            gone = cursor.fetchall()
            add_events(gone, kind, table, joins, ("OFFLINE", "warning"))
        found += len(gone)
    return found


@transaction.atomic
def apply_status_report(
    *, thing: Gateway | Device, status: str, at: datetime, firmware_version: str = ""
) -> bool:
    """Keep what a gateway or device says about itself unless something newer is known.

    Returns: whether the report was news.

    Raises:
        UnknownStatus: `status` is neither online nor offline.
    """
    if status not in {ReportedStatus.ONLINE, ReportedStatus.OFFLINE}:
        raise UnknownStatus(f"{status!r} is no status; send online or offline.")
    rows = type(thing)._default_manager.select_for_update(of=("self",))
    row: Gateway | Device | None = rows.filter(id=thing.id).first()
    if row is None or (row.reported_status_at is not None and row.reported_status_at >= at):
        return False
    was_offline = row.offline_since is not None
    row.reported_status, row.reported_status_at = status, at
    if firmware_version:
        row.firmware_version = firmware_version[:FIRMWARE_LENGTH]
    if status == ReportedStatus.ONLINE:
        row.last_seen_at = max(filter(None, (row.last_seen_at, at)))
        row.offline_since = None
    elif row.last_seen_at is None or row.last_seen_at <= at:
        row.offline_since = row.offline_since or at
    row.save()
    is_offline = row.offline_since is not None
    if was_offline != is_offline:
        _tell_change(row, at, is_offline=is_offline)
    return True


def note_firmware(*, device: Device, version: str) -> None:
    """Keep the version that a device tells, at its gateway as well where it is the gateway."""
    version = version[:FIRMWARE_LENGTH]
    if not version or version == device.firmware_version:
        return
    Device.objects.filter(id=device.id).update(firmware_version=version)
    if device.gateway is not None and device.gateway.uid == device.uid:
        Gateway.objects.filter(id=device.gateway.id).update(firmware_version=version)


def own_device(*, gateway: Gateway) -> Device | None:
    """Return the device that stands for a gateway's own readings."""
    return Device.objects.filter(gateway=gateway, uid=gateway.uid).first()


def _tell_change(row: Gateway | Device, at: datetime, *, is_offline: bool) -> None:
    kind, table, joins, _activate = THINGS[isinstance(row, Device)]
    said = ("OFFLINE", "warning") if is_offline else ("ONLINE", "info")
    add_events([(row.id, row.tenant_id, at)], kind, table, joins, said)


def add_events(
    rows: Iterable[tuple[uuid.UUID, uuid.UUID, datetime]],
    kind: str,
    table: str,
    joins: str,
    said: tuple[str, str],
) -> None:
    """Write an event for each row; a gateway's stands at its own device."""
    changes = [_Change(*row) for row in rows]
    if not changes:
        return
    columns = [list(column) for column in zip(*changes, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_ADD_EVENT.format(table=table, joins=joins), [kind, *said, *columns])
