"""No reading of a box is lost: gaps are filled, an outage is made up for, receipts free memory."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from accounts.tenancy import all_tenants
from telemetry.models import DeviceSequence, SequenceGap
from telemetry.truth.backfill import request_backfills
from tests.flows.boxes import own, readings
from tests.flows.conftest import wait_until
from tests.pace import assert_within

pytestmark = [
    pytest.mark.skipif(not django_settings.HAS_BROKER, reason="MQTT_HOST is not set: no broker"),
    pytest.mark.xdist_group("boxes"),
]


def sequence_of(device):
    with all_tenants():
        return DeviceSequence.objects.filter(device=device).order_by("-boot").first()


def is_whole(device, *, beyond: int) -> bool:
    """Tell whether everything from 1 to a number above `beyond` has arrived."""
    found = sequence_of(device)
    parts = list(found.received) if found else []
    return len(parts) == 1 and parts[0].upper > beyond


def stored(device, name: str) -> list[dt.datetime]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT time FROM telemetry_sample JOIN devices_channel c ON c.id = channel_id"
            " WHERE c.device_id = %s AND c.name = %s ORDER BY time",
            [device.id, name],
        )
        return [moment for (moment,) in cursor.fetchall()]


def test_what_was_lost_on_the_way_is_asked_for_and_stored(red, make_box):
    box = make_box("--lose-readings", "12")
    device = own(red, box)
    with all_tenants():
        wait_until(SequenceGap.objects.filter(sequence__device=device).exists, "a gap")
        lost = SequenceGap.objects.get(sequence__device=device)
    assert lost.missing > 0

    assert request_backfills(now=timezone.now() + dt.timedelta(seconds=11)) == 1

    wait_until(lambda: is_whole(device, beyond=20), "the gap to be filled")
    with all_tenants():
        assert SequenceGap.objects.get(id=lost.id).filled_at is not None
        wait_until(
            lambda: (DeviceSequence.objects.get(device=device).receipt_upto or 0) >= 20, "a receipt"
        )
    assert readings(device) > 0


def test_a_killed_broker_leaves_no_hole(red, make_box, platform):
    """F05: what the broker had acknowledged and forgot is asked for."""
    box = make_box()
    device = own(red, box)
    wait_until(lambda: readings(device) > 0, "first reading")

    platform.kill("mosquitto")
    time.sleep(4)
    before = sequence_of(device).received
    platform.restart("mosquitto")
    last = max(part.upper for part in before)

    def has_all() -> bool:
        request_backfills(now=timezone.now() + dt.timedelta(seconds=11))
        return is_whole(device, beyond=last + 20)

    wait_until(has_all, "everything after the outage")
    times = stored(device, "uptime")
    steps = [(b - a).total_seconds() for a, b in zip(times, times[1:], strict=False)]
    assert_within(max(steps), 2.0)
