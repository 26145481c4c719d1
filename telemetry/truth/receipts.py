"""Receipts: a device that counts its readings is told up to which number they are stored."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection, transaction

from accounts.tenancy import all_tenants
from devices.downlink import UnusableTopic, down_topic, encode
from devices.models import Device, OutboundMessage
from devices.services.command_wire import place_of
from devices.services.outbox import queue_messages
from telemetry.truth.numbers import Number
from telemetry.truth.sequences import note_numbers

logger = logging.getLogger(__name__)

EVERY = dt.timedelta(seconds=10)
VALID = dt.timedelta(hours=1)
LOOK_SECONDS = 2.0
AT_ONCE = 1000

# Up to where nothing is missing: the end of the first range. One device, one receipt at a time.
_TAKE = """
WITH due AS (
    SELECT sequence.id, whole.upto
    FROM telemetry_devicesequence AS sequence, LATERAL (
        SELECT min(upper(part)) - 1 AS upto FROM unnest(sequence.received) AS part
    ) AS whole
    WHERE sequence.device_id = ANY(%(devices)s)
        AND whole.upto > coalesce(sequence.receipt_upto, 0)
        AND (sequence.receipt_at IS NULL OR sequence.receipt_at <= %(before)s)
    ORDER BY sequence.device_id, sequence.boot
    FOR UPDATE OF sequence SKIP LOCKED
)
UPDATE telemetry_devicesequence AS sequence
SET receipt_upto = due.upto, receipt_at = %(now)s
FROM due WHERE sequence.id = due.id
RETURNING sequence.device_id, sequence.boot, due.upto
"""
_WAITING = """
SELECT DISTINCT device_id FROM telemetry_devicesequence AS sequence
WHERE device_id = ANY(%(devices)s) AND coalesce(receipt_upto, 0) < (
    SELECT min(upper(part)) - 1 FROM unnest(sequence.received) AS part
)
"""


def send_receipts(devices: Iterable[uuid.UUID], *, now: dt.datetime) -> set[uuid.UUID]:
    """Queue a receipt for each device that has one due; return those that must wait.

    At most one in ten seconds for a device and boot. Samples are committed before their
    numbers are noted, so a receipt never promises what is not stored.
    """
    wanted: dict[str, Any] = {"devices": list(devices), "now": now, "before": now - EVERY}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TAKE, wanted)
        taken = cursor.fetchall()
        queue_messages(down_messages(
            [(device, "receipt", {"boot": boot, "upto": upto}) for device, boot, upto in taken],
            valid=VALID, now=now,
        ))  # fmt: skip
        cursor.execute(_WAITING, wanted)
        return {device_id for (device_id,) in cursor.fetchall()}


def down_messages(
    told: Sequence[tuple[uuid.UUID, str, dict[str, object]]],
    *,
    valid: dt.timedelta,
    now: dt.datetime,
) -> list[OutboundMessage]:
    """Return messages to devices: (device, word of the topic, content).

    What goes to a gateway names the device that it is about.
    """
    related = ("gateway", "zone", "profile")
    with all_tenants():
        devices = Device.objects.select_related(*related).in_bulk([device for device, *_ in told])
    messages = []
    for device_id, word, content in told:
        device = devices.get(device_id)
        if device is None:
            continue
        try:
            topic = down_topic(place_of(device), word)
        except UnusableTopic:
            continue
        named = {"device": device.uid} if device.gateway_id else {}
        messages.append(
            OutboundMessage(
                topic=topic, payload=encode(named | content), tenant_id=device.tenant_id,
                created_at=now, not_before=now, expires_at=now + valid,
            )
        )  # fmt: skip
    return messages


class Receipts:
    """What one ingest worker knows of devices that count: whom it owes a receipt."""

    def __init__(self) -> None:
        self._owed: set[uuid.UUID] = set()
        self._look_at = 0.0

    def note(self, numbers: Iterable[Number], *, now: dt.datetime) -> None:
        """Note numbers whose readings are committed."""
        self._owed |= note_numbers(numbers, now=now)

    def send(self, *, now: dt.datetime) -> None:
        """Send what is due, every two seconds; what fails is owed still."""
        clock = now.timestamp()
        if not self._owed or clock < self._look_at:
            return
        self._look_at = clock + LOOK_SECONDS
        some = list(self._owed)[:AT_ONCE]
        try:
            waiting = send_receipts(some, now=now)
        except DatabaseError as error:
            logger.warning("Receipts not sent: %s", error)
            return
        self._owed.difference_update(set(some) - waiting)
