"""Values that people set: manual readings, and other values for stored ones.

The old value stays in `SampleCorrection`. The change, its mark for the rollups and its event in
the audit trail are one transaction; the reactors are told afterwards.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError

from accounts.models import User
from accounts.services.audit import current_actor, record_event
from accounts.services.refusals import Refusal
from devices.models import Channel
from energy.lib.redis import durable
from telemetry import partitions
from telemetry.ingest.assemble import MAX_MAGNITUDE
from telemetry.ingest.batch import SAMPLE_DTYPE, SampleBatch, StoredBatch, to_microseconds
from telemetry.ingest.publish import publish
from telemetry.ingest.times import MAX_FUTURE_US, OLDEST_US
from telemetry.quality import Quality
from telemetry.storage.marks import INSERT_MARK, encode_mark, windows_of
from telemetry.storage.packing import pack_day, unpack_day
from telemetry.storage.rollup import lock_rollups
from telemetry.truth.models import SampleCorrection

logger = logging.getLogger(__name__)

_HOT = """
SELECT value, quality FROM telemetry_sample WHERE channel_id = %s AND time = %s FOR UPDATE
"""
_PACKED = """
SELECT data FROM telemetry_packed_day WHERE channel_id = %s AND day = %s FOR UPDATE
"""
_KEEP_PACKED = """
UPDATE telemetry_packed_day SET data = %s WHERE channel_id = %s AND day = %s
"""
_PUT = """
INSERT INTO telemetry_sample (channel_id, time, value, quality) VALUES (%s, %s, %s, %s)
ON CONFLICT (channel_id, time) DO UPDATE SET value = EXCLUDED.value, quality = EXCLUDED.quality
"""
_ADD_LATEST = """
INSERT INTO telemetry_latestvalue (channel_id, tenant_id, quality) VALUES (%s, %s, 0)
ON CONFLICT DO NOTHING
"""
_FORWARD_LATEST = """
UPDATE telemetry_latestvalue SET time = %(at)s, value = %(value)s, quality = %(quality)s,
    received_at = %(now)s
WHERE channel_id = %(channel)s AND (time IS NULL OR time <= %(at)s)
"""


class ValueExists(Refusal):
    """A manual reading for a time that has a value."""

    code = "value_exists"
    message = _("There is a value for this time. Correct it instead.")


class NoValue(Refusal):
    """A correction of nothing."""

    code = "no_value"
    message = _("There is no value at this time that could be corrected.")


class ImpossibleValue(Refusal):
    """A value or time that no measurement can have."""

    code = "impossible_value"
    message = _("No measurement can have this value or this time.")


class ReasonMissing(Refusal):
    """Nobody would know later why the value was set."""

    code = "reason_missing"
    message = _("Say why.")


def add_manual_reading(
    *,
    channel: Channel,
    at: dt.datetime,
    value: float,
    reason: str,
    made_by: User | None,
    now: dt.datetime,
) -> SampleCorrection:
    """Store what a person read off, in the stored unit, with quality manual.

    The same reading again changes nothing and returns the first.

    Raises: ValueExists, ImpossibleValue, ReasonMissing.
    """
    _check(at, value, reason, now)
    # in a transaction of its own: a new partition locks the table that ingest writes to
    partitions.ensure_partitions([partitions.week_of(at)], now=now)
    with transaction.atomic():
        lock_rollups()
        old = _read(channel, at)
        if old is None:
            _put(channel, at, value, Quality.MANUAL, now)
            return _keep(channel, at, None, (value, Quality.MANUAL), reason, made_by, now)
        rows = SampleCorrection.objects.filter(channel=channel, at=at, new_value=value)
        known = rows.order_by("created_at", "id").first()
        if known is None or old != (value, Quality.MANUAL):
            raise ValueExists
        return known


@transaction.atomic
def correct_value(
    *, channel: Channel, at: dt.datetime, value: float, reason: str, made_by: User | None,
    now: dt.datetime, quality: Quality = Quality.MANUAL,
) -> SampleCorrection:  # fmt: skip
    """Replace a stored value, packed or not; the old one stays in the record.

    Args: quality: manual for what somebody read, estimated for what somebody worked out, bad
        or good for a value that stays as it is.

    Raises: NoValue, ImpossibleValue, ReasonMissing.
    """
    _check(at, value, reason, now)
    lock_rollups()
    old = _read(channel, at)
    if old is None:
        raise NoValue
    if not _replace_packed(channel, at, value, quality):
        _put(channel, at, value, quality, now)
    else:
        _after_change(channel, at, value, quality, now)
    return _keep(channel, at, old, (value, quality), reason, made_by, now)


def _check(at: dt.datetime, value: float, reason: str, now: dt.datetime) -> None:
    moment = to_microseconds(at)
    if not OLDEST_US <= moment <= to_microseconds(now) + MAX_FUTURE_US:
        raise ImpossibleValue
    if not math.isfinite(value) or abs(value) > MAX_MAGNITUDE:
        raise ImpossibleValue
    if not reason.strip():
        raise ReasonMissing


def _read(channel: Channel, at: dt.datetime) -> tuple[float, int] | None:
    """Return value and quality of a sample, locked; what is packed comes first, as in reads."""
    with connection.cursor() as cursor:
        times, values, qualities, where = _packed_at(channel, at)
        if where is not None:
            return float(values[where]), int(qualities[where])
        cursor.execute(_HOT, [channel.id, at])
        row = cursor.fetchone()
        return (float(row[0]), int(row[1])) if row else None


def _packed_at(channel: Channel, at: dt.datetime) -> tuple[Any, Any, Any, int | None]:
    """Return the columns of the packed day, and where the sample stands in them."""
    with connection.cursor() as cursor:
        cursor.execute(_PACKED, [channel.id, at.astimezone(dt.UTC).date()])
        row = cursor.fetchone()
    if row is None:
        return None, None, None, None
    times, values, qualities = unpack_day(bytes(row[0]))
    found = np.flatnonzero(times == to_microseconds(at))
    return times, values, qualities, int(found[0]) if len(found) else None


def _replace_packed(channel: Channel, at: dt.datetime, value: float, quality: int) -> bool:
    times, values, qualities, where = _packed_at(channel, at)
    if where is None:
        return False
    values, qualities = values.copy(), qualities.copy()
    values[where], qualities[where] = value, quality
    data = pack_day(times, values, qualities)
    with connection.cursor() as cursor:
        cursor.execute(_KEEP_PACKED, [data, channel.id, at.astimezone(dt.UTC).date()])
    return True


def _put(channel: Channel, at: dt.datetime, value: float, quality: int, now: dt.datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_PUT, [channel.id, at, value, int(quality)])
    _after_change(channel, at, value, quality, now)


def _after_change(
    channel: Channel, at: dt.datetime, value: float, quality: int, now: dt.datetime
) -> None:
    """Move the latest value, mark the rollups, tell the reactors."""
    rows = np.array([(channel.id, to_microseconds(at), value, int(quality))], dtype=SAMPLE_DTYPE)
    told: dict[str, Any] = {
        "at": at,
        "value": value,
        "quality": int(quality),
        "now": now,
        "channel": channel.id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ADD_LATEST, [channel.id, channel.tenant_id])
        cursor.execute(_FORWARD_LATEST, told)
        is_latest = cursor.rowcount > 0
        cursor.execute(INSERT_MARK, encode_mark(windows_of(rows)))
    transaction.on_commit(lambda: _tell(rows, is_latest, now))


def _tell(rows: SampleBatch, is_latest: bool, now: dt.datetime) -> None:
    live = np.array([is_latest]).tobytes()
    batch = StoredBatch(rows.tobytes(), live, to_microseconds(now))
    try:
        publish(durable(), [batch], now=now.timestamp())
    except RedisError as error:
        logger.warning("Reactors are not told of a corrected value: %s", error)


def _keep(
    channel: Channel, at: dt.datetime, old: tuple[float, int] | None, new: tuple[float, int],
    reason: str, made_by: User | None, now: dt.datetime,
) -> SampleCorrection:  # fmt: skip
    actor = current_actor()
    row = SampleCorrection.objects.create(
        channel=channel,
        at=at,
        old_value=old[0] if old else None,
        old_quality=old[1] if old else None,
        new_value=new[0],
        new_quality=int(new[1]),
        reason=reason.strip(),
        made_by=made_by,
        made_by_label=actor.label[:254],
    )
    record_event(
        action="telemetry.value_corrected" if old else "telemetry.reading_added",
        now=now,
        tenant_id=channel.tenant_id,
        obj=channel,
        label=channel.name,
        detail={
            "at": at.isoformat(), "old": old[0] if old else None, "new": new[0],
            "quality": Quality(new[1]).label, "reason": reason.strip(),
        },
    )  # fmt: skip
    return row
