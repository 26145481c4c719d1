"""Meters that are changed, booked on and broken: the ledger stays continuous."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pytest
from django.db import connection

from accounts.tenancy import all_tenants
from devices.services.fleet_edits import InUse, delete_site
from metering.build import due, engine
from metering.ledger.kinds import Method
from metering.models import LedgerDecision, LedgerMark, Meter
from metering.reactor import MeteringReactor
from metering.series import MICRO, QUARTER_US, Grade
from metering.services.bookings import book_amount, book_withheld
from metering.services.meters import (
    Hardware,
    MeterRefused,
    Source,
    Wanted,
    change_meter,
    create_meter,
    remove_meter,
    replace_installation,
)
from telemetry.ingest.batch import from_microseconds, to_microseconds
from telemetry.storage.dirty import work_off as roll_up
from tests.metering.conftest import NOW, Plant, entries_of, total

DAY = 86_400_000_000
MINUTE = 60_000_000
START = to_microseconds(dt.datetime(2026, 11, 1, tzinfo=dt.UTC))
SWAP = START + (10 * 60 + 7) * MINUTE


def test_a_meter_change_keeps_the_ledger_continuous(plant: Plant) -> None:
    """Fixture (f): 4,812.3 gives way to 0.0 at 10:07."""
    channel = plant.channel()
    register = plant.meter(channel, installed_at=from_microseconds(START))
    before = START + np.arange(0, 10 * 60 + 7, 1) * MINUTE
    values = np.round(4_806.23 + np.arange(len(before)) * 0.01, 3)
    after = SWAP + np.arange(1, 300) * MINUTE
    plant.store(channel, before, values)
    plant.store(channel, after, np.round(np.arange(1, 300) * 0.01, 3))
    plant.build()
    with plant.red.scope():
        replace_installation(
            meter_id=register.meter_id,
            removed_at=from_microseconds(SWAP),
            finals={"import": Decimal("4812.3")},
            hardware=Hardware(serial="NEW-1"),
            sources={"import": Source(channel.uuid, initial=Decimal(0))},
            now=NOW,
        )
    plant.build()

    rows = entries_of(register)
    expected = (4_812.3 - 4_806.23) + 2.99
    assert int(rows["amount"].sum()) == round(expected * MICRO)
    assert (rows["begin"][1:] == rows["finish"][:-1]).all()
    assert (rows["amount"] == rows["finish"] - rows["begin"] + rows["adjustment"]).all()
    [swap] = rows[rows["number"] == SWAP // QUARTER_US]
    assert (int(swap["adjustment"]), int(swap["method"])) == (4_812_300_000, Method.SWAP)
    assert int(swap["amount"]) == 150_000
    assert (rows["grade"] == Grade.MEASURED).all()
    with all_tenants():
        assert not LedgerDecision.objects.filter(kind="reset", superseded_at=None).exists()
        assert LedgerDecision.objects.filter(kind="reset").exists()


def test_another_transformer_counts_from_the_change_on(plant: Plant) -> None:
    old, new = plant.channel(), plant.channel()
    register = plant.meter(old, hardware=Hardware(ct_ratio=Decimal(40)))
    times = START + np.arange(0, 8) * QUARTER_US
    plant.store(old, times, 100 + np.arange(8) * 0.1)
    later = times[-1] + np.arange(1, 9) * QUARTER_US
    plant.store(new, later, 7 + np.arange(8) * 0.1)
    with plant.red.scope():
        replace_installation(
            meter_id=register.meter_id,
            removed_at=from_microseconds(int(times[-1]) + MINUTE),
            finals={},
            hardware=Hardware(ct_ratio=Decimal(80)),
            sources={"import": Source(new.uuid)},
            now=NOW,
        )
    plant.build()

    assert total(register) == Decimal("28") + Decimal("56")


def test_a_quarantined_jump_is_booked_by_a_person_and_only_once(plant: Plant) -> None:
    """Fixture (i): W sent as kW makes a register run a thousand times too fast."""
    channel = plant.channel()
    register = plant.meter(channel, most_per_hour=Decimal(20))
    times = START + np.arange(0, 40) * QUARTER_US
    values = np.where(np.arange(40) < 20, 0, 5_000) + np.arange(40) * 0.5
    plant.store(channel, times, values)
    plant.build()

    assert total(register) == Decimal("19") - Decimal("0.5") + Decimal("0.5")
    with plant.red.scope():
        jump = LedgerDecision.objects.get(kind="jump", superseded_at=None)
        assert jump.withheld == 5_000_500_000
        book_withheld(decision_id=jump.id, reason="Read from the display.", now=NOW)
        with pytest.raises(MeterRefused, match="booked already"):
            book_withheld(decision_id=jump.id, reason="Again.", now=NOW)
    plant.build()

    assert total(register) == Decimal("19") + Decimal("5000.5")
    rows = entries_of(register)
    assert (rows["amount"] == rows["finish"] - rows["begin"] + rows["adjustment"]).all()
    assert rows["grade"].max() == Grade.MANUAL


def test_a_reading_from_paper_fills_a_gap(plant: Plant) -> None:
    channel = plant.channel(kind="interval", expected_interval_seconds=900)
    register = plant.meter(channel)
    times = START + np.arange(0, 8) * QUARTER_US
    plant.store(channel, times[[0, 1, 6, 7]], [1.0] * 4)
    plant.build()
    with plant.red.scope():
        book_amount(
            register=register,
            start=from_microseconds(int(times[2])),
            end=from_microseconds(int(times[6])),
            amount=Decimal("4.000001"),
            reason="Paper.",
            now=NOW,
        )
    plant.build()

    rows = entries_of(register)
    assert rows["amount"].tolist()[2:6] == [1_000_000, 1_000_000, 1_000_000, 1_000_001]
    assert rows["grade"].tolist() == [0, 0, 3, 3, 3, 3, 0, 0]


def test_what_is_booked_after_the_newest_sample_counts_and_stays(plant: Plant) -> None:
    channel = plant.channel()
    register = plant.meter(channel)
    times = START + np.arange(0, 8) * QUARTER_US
    plant.store(channel, times, np.arange(8) * 1.0)
    plant.build()
    with plant.red.scope():
        book_amount(
            register=register,
            start=from_microseconds(int(times[-1]) + 4 * QUARTER_US),
            end=from_microseconds(int(times[-1]) + 8 * QUARTER_US),
            amount=Decimal(10),
            reason="Paper.",
            now=NOW,
        )
    plant.build()
    assert total(register) == 17
    plant.store(channel, times + DAY, 7 + np.arange(8) * 1.0)
    plant.build()

    assert total(register) == 24


def test_a_raised_limit_is_applied_to_the_past(plant: Plant) -> None:
    channel = plant.channel()
    register = plant.meter(channel, most_per_hour=Decimal(10), name="Press")
    times = START + np.arange(0, 12) * QUARTER_US
    plant.store(channel, times, np.arange(12) * 50.0)
    plant.build()
    assert total(register) == 0
    with plant.red.scope():
        change_meter(
            meter_id=register.meter_id,
            wanted=Wanted(name="Press", most_per_hour=Decimal(300)),
            now=NOW,
        )
    plant.build()

    assert total(register) == 550


def test_one_broken_register_does_not_stop_the_others(plant: Plant, monkeypatch) -> None:
    first, second = plant.channel(), plant.channel()
    broken, sound = plant.meter(first), plant.meter(second)
    times = START + np.arange(0, 8) * QUARTER_US
    plant.store(first, times, np.arange(8) * 1.0)
    plant.store(second, times, np.arange(8) * 1.0)
    real = engine.build_register

    def build(register: int, window: tuple[int, int], *, now: dt.datetime):
        if register == broken.id:
            raise ValueError("a fault of ours")
        return real(register, window, now=now)

    monkeypatch.setattr(engine, "build_register", build)
    plant.build()
    assert (total(broken), total(sound)) == (0, 7)
    with all_tenants():
        assert LedgerMark.objects.filter(register=broken).count() >= 1

    monkeypatch.undo()
    plant.build(NOW + dt.timedelta(hours=8))
    assert total(broken) == 7


def test_the_reactor_follows_what_is_stored(plant: Plant) -> None:
    channel = plant.channel()
    register = plant.meter(channel)
    plant.store(channel, START + np.arange(0, 8) * QUARTER_US, np.arange(8) * 1.0)
    with all_tenants():
        roll_up(now=NOW)

    MeteringReactor().flush(NOW.timestamp())

    assert total(register) == 7
    assert due.work_off(now=NOW).registers == 0


def test_what_one_look_has_no_time_for_waits_for_the_next(plant: Plant) -> None:
    registers = []
    for _ in range(3):
        channel = plant.channel()
        registers.append(plant.meter(channel))
        plant.store(channel, START + np.arange(0, 8) * QUARTER_US, np.arange(8) * 1.0)
    with all_tenants():
        roll_up(now=NOW)
        looks = 1
        while due.work_off(now=NOW, seconds=0.0).is_more:
            looks += 1

    assert looks >= 2
    assert [total(register) for register in registers] == [7, 7, 7]


def test_what_cannot_be_is_refused_with_a_reason(plant: Plant) -> None:
    channel = plant.channel(unit="V", kind="gauge")
    with plant.red.scope():
        with pytest.raises(MeterRefused) as refused:
            create_meter(
                site_id=plant.site.id,
                wanted=Wanted(name="Voltage"),
                sources={"import": Source(channel.uuid)},
                now=NOW,
            )
        assert refused.value.code == "other_unit"
        assert not Meter.objects.filter(name="Voltage").exists()
        one = create_meter(site_id=plant.site.id, wanted=Wanted(name="One"), now=NOW)
        two = create_meter(site_id=plant.site.id, wanted=Wanted(name="Two", parent=one.id), now=NOW)
        with pytest.raises(MeterRefused) as refused:
            change_meter(meter_id=one.id, wanted=Wanted(name="One", parent=two.id), now=NOW)
        assert refused.value.code == "circle"


def test_a_removed_meter_leaves_nothing(plant: Plant) -> None:
    channel = plant.channel()
    register = plant.meter(channel)
    plant.store(channel, START + np.arange(0, 8) * QUARTER_US, np.arange(8) * 1.0)
    plant.build()
    with plant.red.scope():
        remove_meter(meter_id=register.meter_id, now=NOW)

    assert not len(entries_of(register))
    with connection.cursor() as cursor:
        for table in ("metering_day", "metering_ledger_state", "telemetry_watched_channel"):
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (0,), table


def test_the_ledger_survives_the_device_and_keeps_its_site(plant: Plant) -> None:
    channel = plant.channel()
    register = plant.meter(channel)
    plant.store(channel, START + np.arange(0, 8) * QUARTER_US, np.arange(8) * 1.0)
    plant.build()
    with plant.red.scope():
        plant.device.delete()
    plant.build(NOW + dt.timedelta(hours=1))

    assert total(register) == 7
    with plant.red.scope(), pytest.raises(InUse):
        delete_site(site_id=plant.site.id, now=NOW)
