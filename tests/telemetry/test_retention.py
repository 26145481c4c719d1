"""Samples end with the plan of their tenant, and only those."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection

from accounts.models import Plan
from devices.models import Channel
from telemetry import retention
from telemetry.models import PackedDay
from telemetry.partitions import week_of
from telemetry.retention import delete_expired
from telemetry.storage.packer import pack_days
from telemetry.tasks import delete_expired_samples
from tests.conftest import Team
from tests.factories import NOW, ChannelFactory, DeviceFactory, SiteFactory
from tests.storage.tables import date_tables
from tests.telemetry.samples import store_samples

LONGEST = dt.timedelta(days=730)
DAY, MICROSECOND = dt.timedelta(days=1), dt.timedelta(microseconds=1)
CUTOFF = NOW - 30 * DAY


def channel_of(team: Team) -> Channel:
    """Return a channel of a tenant."""
    site = SiteFactory(tenant=team.tenant)
    channel: Channel = ChannelFactory(device=DeviceFactory(site=site))
    return channel


def store(channel: Channel, *times: dt.datetime) -> None:
    """Store samples in partitions that are old enough to be cleared."""
    store_samples(channel, [(time, 1.0) for time in times])
    date_tables(NOW - 200 * DAY)


def times_of(channel: Channel) -> list[dt.datetime]:
    """Return the times of a channel's samples."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT time FROM telemetry_sample WHERE channel_id = %s ORDER BY time", [channel.id]
        )
        return [row[0] for row in cursor.fetchall()]


def delete(**options: Any) -> int:
    """Run it at NOW."""
    return delete_expired(now=NOW, longest=LONGEST, **options)


@pytest.fixture
def month(red: Team) -> Channel:
    """A channel of a tenant whose plan keeps samples for 30 days."""
    red.tenant.plan = Plan.objects.create(name="Month", retention_days=30)
    red.tenant.save()
    return channel_of(red)


def test_keeps_from_the_very_microsecond(month: Channel) -> None:
    store(month, CUTOFF - DAY, CUTOFF - MICROSECOND, CUTOFF, CUTOFF + MICROSECOND, NOW)
    assert delete() == 2
    assert times_of(month) == [CUTOFF, CUTOFF + MICROSECOND, NOW]
    assert delete() == 0


def test_clears_over_the_edge_of_partitions(month: Channel) -> None:
    monday = week_of(CUTOFF)
    store(month, monday - 100 * DAY, monday - MICROSECOND, monday, monday + 7 * DAY)
    assert delete() == 3
    assert times_of(month) == [monday + 7 * DAY]


def test_others_keep_what_is_theirs(month: Channel, blue: Team) -> None:
    without_plan = channel_of(blue)
    store(month, CUTOFF - DAY)
    store(without_plan, CUTOFF - DAY, NOW - 700 * DAY)
    assert delete() == 1
    assert len(times_of(without_plan)) == 2


def test_the_retention_of_the_installation_is_the_longest(month: Channel, blue: Team) -> None:
    blue.tenant.plan = Plan.objects.create(name="Ten years", retention_days=3650)
    blue.tenant.save()
    channel = channel_of(blue)
    store(channel, NOW - 800 * DAY)
    assert delete() == 0, "partitions are dropped as a whole elsewhere"


def test_small_batches_and_the_next_run_goes_on(
    month: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(month, *(CUTOFF - n * DAY - DAY for n in range(25)))
    sizes: list[int] = []
    real = retention._delete_batch

    def note(*args: Any) -> int:
        sizes.append(real(*args))
        return sizes[-1]

    monkeypatch.setattr(retention, "_delete_batch", note)
    assert delete(batch_rows=3, max_rows=10) == 10
    assert max(sizes) == 3
    assert len(times_of(month)) == 15
    assert delete(batch_rows=3, max_rows=10) == 10
    assert delete(batch_rows=3, max_rows=10) == 5
    assert times_of(month) == []


def test_a_run_that_dies_loses_nothing_and_is_started_again(
    month: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(month, *(CUTOFF - n * 7 * DAY - DAY for n in range(5)), NOW)
    real, left = retention._delete_batch, iter(range(2))

    def die(*args: Any) -> int:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(retention, "_delete_batch", die)
    with pytest.raises(KeyboardInterrupt):
        delete()
    assert len(times_of(month)) == 4
    monkeypatch.setattr(retention, "_delete_batch", real)
    assert delete() == 3
    assert times_of(month) == [NOW]


def test_history_filled_in_late_stays_for_a_while(month: Channel) -> None:
    store(month, CUTOFF - 60 * DAY)
    date_tables(NOW - 29 * DAY)
    assert delete() == 0
    date_tables(NOW - 31 * DAY)
    assert delete() == 1


def test_the_task_reads_the_clock_and_the_settings(month: Channel, settings: Any) -> None:
    store(month, CUTOFF - 300 * DAY)
    settings.SAMPLE_RETENTION_DAYS = 20
    assert delete_expired_samples() == 0, "the plan keeps longer than the installation"
    settings.SAMPLE_RETENTION_DAYS = 730
    assert delete_expired_samples() == 1


def pack(*channels: Channel) -> set[tuple[int, dt.date]]:
    """Pack what is older than a week, long ago."""
    pack_days(now=NOW, after=dt.timedelta(days=7))
    PackedDay.objects.update(packed_at=NOW - 200 * DAY)
    return packed()


def packed() -> set[tuple[int, dt.date]]:
    return set(PackedDay.objects.values_list("channel_id", "day"))


def test_packed_days_go_when_all_of_them_is_past(month: Channel, blue: Team) -> None:
    other = channel_of(blue)
    store(month, CUTOFF - DAY, CUTOFF, CUTOFF + DAY)
    store(other, CUTOFF - DAY, NOW - 800 * DAY)
    assert len(pack()) == 5
    assert delete() == 2
    day = CUTOFF.date()
    assert packed() == {
        (month.id, day), (month.id, day + DAY), (other.id, day - DAY),
    }  # fmt: skip
    assert delete() == 0


def test_packed_history_filled_in_late_stays_for_a_while(month: Channel) -> None:
    store(month, CUTOFF - 60 * DAY)
    pack()
    PackedDay.objects.update(packed_at=NOW - 29 * DAY)
    assert delete() == 0
    PackedDay.objects.update(packed_at=NOW - 31 * DAY)
    assert delete() == 1


def test_a_kind_of_channel_may_keep_less(red: Team, settings: Any) -> None:
    gauge, state = channel_of(red), channel_of(red)
    with red.scope():
        Channel.objects.filter(id=state.id).update(kind="state")
    settings.SAMPLE_RETENTION_KINDS = {"state": 20, "total": 9999}
    for channel in (gauge, state):
        store(channel, NOW - 21 * DAY, NOW - DAY)
    assert delete() == 1
    assert times_of(state) == [NOW - DAY]
    assert len(times_of(gauge)) == 2


def test_packed_days_of_deleted_channels_go_at_the_end(red: Team) -> None:
    channel = channel_of(red)
    store(channel, NOW - 800 * DAY)
    pack()
    PackedDay.objects.update(channel_id=2_000_000_000)
    assert delete() == 1
