"""The ledger is a function of what is stored, whatever came when."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.db import connection

from accounts.tenancy import all_tenants
from metering.build.due import mark_due
from metering.build.zones import follow_zones
from metering.ledger.kinds import LOOKAHEAD
from metering.models import LedgerDecision
from metering.queries.series import meter_days
from metering.series import MICRO, QUARTER_US, Grade
from metering.storage.entries import STORED_DTYPE
from telemetry.ingest.batch import from_microseconds, to_microseconds
from tests.metering.conftest import NOW, Plant, entries_of, total

DAY = 86_400_000_000
START = to_microseconds(dt.datetime(2026, 10, 1, tzinfo=dt.UTC))


def wild_register(seed: int, count: int, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a register with resets, glitches, spikes, gaps and standstills."""
    random = np.random.default_rng(seed)
    times = START + np.cumsum(np.where(random.random(count) < 0.01, 40, 1) * step)
    values = np.round(100 + np.cumsum(random.random(count) * 0.2), 3)
    for at in random.integers(10, count - 10, 4):
        values[at:] -= values[at] - 0.05
    values = np.maximum(values, 0)
    values[random.integers(0, count, 5)] = 0.0
    values[random.integers(0, count, 5)] += 1e6
    return times, values


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_shuffled_delayed_and_repeated_samples_give_the_same_ledger(plant: Plant, seed) -> None:
    times, values = wild_register(seed, 1_500, 10 * 60_000_000)
    first, second = plant.channel(), plant.channel()
    whole, piecemeal = plant.meter(first), plant.meter(second)
    plant.store(first, times, values)
    plant.build()

    random = np.random.default_rng(seed)
    order = np.argsort(np.arange(len(times)) + random.integers(0, 400, len(times)))
    for part in np.array_split(order, 9):
        again = np.concatenate((part, random.choice(order, 20)))
        plant.store(second, times[again], values[again])
        plant.build()
    missing = np.setdiff1d(np.arange(len(times)), order)
    assert not len(missing)

    one, other = entries_of(whole), entries_of(piecemeal)
    for name in STORED_DTYPE.names[1:]:
        assert (one[name] == other[name]).all(), name
    with all_tenants():
        told = [
            list(
                LedgerDecision.objects.filter(register=register, superseded_at=None)
                .order_by("time", "kind")
                .values_list("kind", "time", "until", "booked", "withheld", "count")
            )
            for register in (whole, piecemeal)
        ]
    assert told[0] == told[1]


def test_live_samples_are_built_without_reading_history(plant: Plant) -> None:
    channel = plant.channel()
    register = plant.meter(channel)
    now = to_microseconds(NOW)
    times = now - DAY // 2 + np.arange(700, dtype=np.int64) * 60_000_000
    values = np.round(500 + np.arange(700) * 0.05, 3)
    for first in range(0, 700, 20):
        plant.store(channel, times[first : first + 20], values[first : first + 20])
        plant.build()

    rows = entries_of(register)
    assert int(rows["amount"].sum()) == round((values[-1] - values[0]) * MICRO)
    assert (rows["begin"][1:] == rows["finish"][:-1]).all()
    assert not rows["is_open"][:-1].any()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM metering_interval_past")
        assert cursor.fetchone() == (0,)


def test_a_corrected_sample_keeps_the_old_revision(plant: Plant) -> None:
    channel = plant.channel()
    register = plant.meter(channel)
    times = START + np.arange(0, 3 * DAY, QUARTER_US)
    plant.store(channel, times, 10 + np.arange(len(times)) * 0.5)
    plant.build()
    late = START + 100 * QUARTER_US + QUARTER_US // 2
    plant.store(channel, [late], [10 + 100 * 0.5 + 0.4])
    plant.build(NOW + dt.timedelta(minutes=1))

    assert total(register) == pytest.approx((len(times) - 1) * 0.5)
    with connection.cursor() as cursor:
        cursor.execute("SELECT revision, count(*) FROM metering_interval GROUP BY 1 ORDER BY 1")
        assert dict(cursor.fetchall())[1] == len(times) - 1
        cursor.execute("SELECT count(*) FROM metering_interval_past")
        assert cursor.fetchone()[0] == 0
    late = START + 100 * QUARTER_US
    with connection.cursor() as cursor:
        cursor.execute("UPDATE telemetry_sample SET value = value + 0.2 WHERE time = %s",
                       [dt.datetime.fromtimestamp(late / 1e6, dt.UTC)])  # fmt: skip
    plant.store(channel, [late + 1], [10 + 100 * 0.5 + 0.2])
    plant.build(NOW + dt.timedelta(minutes=2))
    with connection.cursor() as cursor:
        cursor.execute("SELECT amount FROM metering_interval WHERE revision = 2 ORDER BY start")
        assert [row[0] for row in cursor.fetchall()] == [700_000, 300_000]
        cursor.execute("SELECT amount, revision FROM metering_interval_past ORDER BY start")
        assert cursor.fetchall() == [(500_000, 1), (500_000, 1)]


def test_a_gap_is_estimated_by_the_weeks_before(plant: Plant) -> None:
    channel = plant.channel(expected_interval_seconds=900)
    register = plant.meter(channel)
    times = START + np.arange(0, 35 * DAY, QUARTER_US)
    loads = np.where((np.arange(len(times)) % 96) < 48, 0.1, 0.3)
    values = np.round(1000 + np.cumsum(loads), 3)
    gap = (times > START + 30 * DAY) & (times < START + 31 * DAY)
    plant.store(channel, times[~gap], values[~gap])
    plant.build()

    rows = entries_of(register)
    estimated = rows[rows["grade"] == Grade.ESTIMATED]
    assert len(estimated) == 96
    assert int(rows["amount"].sum()) == round((values[-1] - values[0]) * MICRO)
    by_half = estimated["amount"].reshape(2, 48).sum(axis=1) / MICRO
    assert by_half.tolist() == pytest.approx([4.8, 14.4], abs=0.41)


def test_the_number_of_samples_to_confirm_is_small_enough_for_live_use() -> None:
    assert LOOKAHEAD <= 5


def test_days_are_those_of_the_site_and_follow_corrections(make_plant) -> None:
    berlin = make_plant("Europe/Berlin")
    channel = berlin.channel()
    register = berlin.meter(channel)
    start = to_microseconds(dt.datetime(2026, 10, 23, 22, tzinfo=dt.UTC))
    times = start + np.arange(0, 4 * DAY, QUARTER_US)
    berlin.store(channel, times, np.arange(len(times)) * 0.1)
    berlin.build()

    with berlin.red.scope():
        days = meter_days([register.meter], dt.date(2026, 10, 1), dt.date(2026, 11, 1))
    rows = days[register.meter_id]
    assert rows["quarters"].tolist() == [96, 100, 96, 91]
    assert rows["amount"].tolist() == [9_600_000, 10_000_000, 9_600_000, 9_100_000]
    assert int(rows["amount"].sum()) == int(entries_of(register)["amount"].sum())


@pytest.mark.parametrize(
    ("zone", "day", "quarters"),
    [
        ("Europe/Istanbul", dt.date(2026, 3, 29), 96),
        ("Europe/Istanbul", dt.date(2026, 10, 25), 96),
        ("Europe/Berlin", dt.date(2026, 3, 29), 92),
        ("Europe/Berlin", dt.date(2026, 10, 25), 100),
        ("Australia/Lord_Howe", dt.date(2026, 4, 5), 98),
        ("Australia/Lord_Howe", dt.date(2026, 10, 4), 94),
    ],
)
def test_days_of_both_hemispheres_add_up_to_the_month(make_plant, zone, day, quarters) -> None:
    """Fixture (g)."""
    there = make_plant(zone)
    channel = there.channel("interval", expected_interval_seconds=900)
    register = there.meter(channel)
    info = ZoneInfo(zone)
    first = day.replace(day=1)
    until = (first + dt.timedelta(days=32)).replace(day=1)
    edges = [to_microseconds(dt.datetime.combine(edge, dt.time(), info)) for edge in (first, until)]
    times = np.arange(*edges, QUARTER_US)
    there.store(channel, times, np.full(len(times), 0.25))
    there.build()

    with there.red.scope():
        rows = meter_days([register.meter], first, until)[register.meter_id]
    by_day = dict(zip(rows["day"].tolist(), rows["quarters"].tolist(), strict=True))
    assert by_day[(day - dt.date(1970, 1, 1)).days] == quarters
    assert int(rows["amount"].sum()) == len(times) * 250_000
    assert set(rows["quarters"].tolist()) <= {96, quarters}


def test_a_site_that_moves_to_another_zone_has_other_days(plant: Plant) -> None:
    channel = plant.channel()
    register = plant.meter(channel)
    plant.store(channel, START + np.arange(0, 2 * DAY, QUARTER_US), np.arange(192) * 0.1)
    plant.build()
    with all_tenants():
        follow_zones(now=NOW)
        plant.site.timezone = "Asia/Tokyo"
        plant.site.save()
        assert not follow_zones(now=NOW)

    with plant.red.scope():
        days = meter_days([register.meter], dt.date(2026, 1, 1), dt.date(2027, 1, 1))
    assert days[register.meter_id]["quarters"].tolist() == [60, 96, 35]


def test_the_ledger_outlives_its_samples(plant: Plant) -> None:
    """Retention drops samples; a rebuild of everything leaves what was built from them."""
    counter, amounts = plant.channel(), plant.channel("interval", expected_interval_seconds=900)
    registers = [plant.meter(counter), plant.meter(amounts)]
    start = to_microseconds(NOW - dt.timedelta(days=400)) // QUARTER_US * QUARTER_US
    times = start + np.arange(0, 6 * DAY, QUARTER_US)
    for channel, values in ((counter, np.arange(len(times)) * 0.1), (amounts, times * 0 + 0.1)):
        plant.store(channel, times, values)
    plant.build()
    before = [entries_of(register) for register in registers]
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM telemetry_sample WHERE time < %s",
            [from_microseconds(start + 2 * DAY + DAY // 3)],
        )
    with all_tenants():
        whole = [(register.id, 0, to_microseconds(NOW)) for register in registers]
        mark_due(whole, now=NOW)
    plant.build()

    for register, rows in zip(registers, before, strict=True):
        again = entries_of(register)
        assert (again["amount"] == rows["amount"]).all()
        assert len(again) == len(rows)
