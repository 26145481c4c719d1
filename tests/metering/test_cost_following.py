"""Costs notice whatever the ledger changes."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from django.db import connection

from accounts.tenancy import all_tenants
from devices.models import Kind
from metering.build.due import mark_due
from metering.queries.series import meter_days
from telemetry.ingest.batch import to_microseconds
from tests.metering.billing import QUARTER, Bill, day, flat
from tests.metering.conftest import NOW, Plant


def test_a_day_whose_readings_are_gone_costs_nothing_any_more(plant: Plant) -> None:
    bill = Bill(plant, "2026-02-01", "2026-02-05", "Europe/Istanbul", kind=Kind.INTERVAL)
    bill.version(flat("2"), "2026-02-01")
    bill.assign("2026-02-01")
    bill.follow()
    assert bill.total(day=day("2026-02-03")) == 48

    later = NOW + dt.timedelta(minutes=1)
    zone = ZoneInfo("Europe/Istanbul")
    start, end = (dt.datetime(2026, 2, number, tzinfo=zone) for number in (3, 4))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM telemetry_sample WHERE time >= %s AND time < %s", [start, end])
    with all_tenants():
        window = (to_microseconds(start), to_microseconds(end) - 1)
        mark_due([(bill.register.id, *window)], now=later)
    bill.plant.build(later)
    bill.follow(later)

    assert bill.total(day=day("2026-02-03")) == 0
    assert [line.superseded_at for line in bill.lines(day=day("2026-02-03"))] == [later]
    assert bill.total(day=day("2026-02-02")) == bill.total(day=day("2026-02-04")) == 48
    with plant.red.scope():
        days = meter_days([bill.meter], day("2026-02-01"), day("2026-03-01"))[bill.meter.id]
    assert days["quarters"].tolist() == [96, 96, 96, 1]


def test_a_meter_may_move_in_the_look_in_which_its_new_day_begins(plant: Plant) -> None:
    bill = Bill(plant, "2026-11-18", "2026-11-20T12:00", "Europe/Istanbul")
    bill.version(flat("2"), "2026-11-01")
    bill.assign("2026-11-01")
    bill.follow()
    later = dt.datetime(2026, 11, 21, 0, 20, tzinfo=ZoneInfo("Europe/Istanbul"))
    count = len(bill.times)
    times = [bill.times[-1] + QUARTER * number for number in range(1, 50)]
    plant.store(bill.channel, times, [100 + 0.25 * (count + n) for n in range(len(times))])
    plant.build(later)

    bill.follow(later)

    assert bill.total(day=day("2026-11-20")) == 48
    assert bill.total(day=day("2026-11-21")) > 0
