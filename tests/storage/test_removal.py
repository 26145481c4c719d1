"""What deleted channels leave behind goes, and nothing else."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection

from devices.models import Channel
from devices.services.removal import delete_device
from telemetry.models import DeletedChannel
from telemetry.storage import removal
from telemetry.storage.dirty import work_off
from telemetry.storage.packer import pack_days
from telemetry.storage.removal import GRACE, remove_deleted
from telemetry.storage.zones import follow_zones
from tests.storage.conftest import NOW
from tests.storage.test_rollups import at, make_rows

TABLES = ("sample", "packed_day", "rollup_15m", "rollup_day", "rollup_zone")


def left(channel: int) -> list[int]:
    """Return how many rows of a channel each table has."""
    found = []
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(
                f"SELECT count(*) FROM telemetry_{table} WHERE channel_id = %s",
                [channel],
            )
            found.append(cursor.fetchone()[0])
    return found


def fill(store, channel: Channel) -> None:
    store(make_rows(channel.id, at("2026-11-01 00:00"), 100, 1))
    store([(channel.id, at("2026-11-20 10:00"), 1.0, 0)])
    work_off(now=NOW)
    follow_zones()
    pack_days(now=NOW, after=dt.timedelta(days=7))


def age() -> None:
    """Let the deletion lie as long ago as the job waits."""
    DeletedChannel.objects.update(deleted_at=NOW - GRACE - dt.timedelta(seconds=1))


@pytest.mark.parametrize("what", ["channel", "device", "site of the database"])
def test_rows_go_with_channel_or_device(store, make_channel, red, what):
    gone, kept = make_channel(), make_channel()
    for channel in (gone, kept):
        fill(store, channel)
    before = left(kept.id)
    assert all(left(gone.id)) and left(gone.id) == before

    with red.scope():
        if what == "channel":
            gone.delete()
            gone.id = DeletedChannel.objects.get().channel
        elif what == "device":
            delete_device(device=gone.device, now=NOW)
        else:
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM telemetry_latestvalue")
                cursor.execute("DELETE FROM telemetry_channelday")
                cursor.execute("DELETE FROM devices_channel WHERE id = %s", [gone.id])
    age()

    assert remove_deleted(now=NOW) == sum(before)
    assert (left(gone.id), left(kept.id)) == ([0] * 5, before)
    assert not DeletedChannel.objects.exists()
    assert remove_deleted(now=NOW) == 0


def test_what_is_still_on_its_way_is_waited_for(store, make_channel, red):
    channel = make_channel()
    number = channel.id
    with red.scope():
        channel.delete()
    DeletedChannel.objects.update(deleted_at=NOW - GRACE + dt.timedelta(seconds=1))
    store([(number, at("2026-11-20 10:00"), 1.0, 0)])

    assert remove_deleted(now=NOW) == 0
    assert remove_deleted(now=NOW + dt.timedelta(seconds=2)) == 1


def test_a_run_out_of_time_goes_on_with_the_next(store, make_channel, red, monkeypatch):
    monkeypatch.setattr(removal, "ROWS", 1)
    channel = make_channel()
    fill(store, channel)
    number, rows = channel.id, sum(left(channel.id))
    with red.scope():
        channel.delete()
    age()

    assert remove_deleted(now=NOW, seconds=0) == 1
    assert DeletedChannel.objects.exists()
    assert remove_deleted(now=NOW) == rows - 1
    assert sum(left(number)) == 0


def test_a_deletion_that_is_taken_back_removes_nothing(store, make_channel, red):
    from django.db import transaction

    channel = make_channel()
    with red.scope(), pytest.raises(RuntimeError), transaction.atomic():
        Channel.objects.filter(id=channel.id).delete()
        raise RuntimeError

    assert not DeletedChannel.objects.exists()
