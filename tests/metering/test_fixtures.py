"""What every release must bill right, from samples in each place where they may lie.

On TimescaleDB these run once more, see `tests/storage/test_tiers.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.db import connection

from accounts.tenancy import all_tenants
from devices.models import Channel, Kind
from metering.analysis.balance import Verdict
from metering.models import LedgerDecision, Register
from metering.queries.energy import read_summary
from metering.queries.frames import Unit, make_frame
from metering.queries.insight import find_balance
from metering.queries.scopes import find_site_scope
from metering.queries.series import meter_days
from metering.series import MICRO, QUARTER_US, Grade
from metering.services.meters import Hardware, Source, replace_installation
from telemetry.ingest.batch import from_microseconds, to_microseconds
from telemetry.storage.packer import pack_days
from telemetry.storage.tiers import find_tier
from tests.metering.billing import Bill, day, flat
from tests.metering.conftest import NOW, Plant, entries_of, total

MINUTE = 60_000_000
DAY = 96 * QUARTER_US
START = to_microseconds(dt.datetime(2026, 10, 1, tzinfo=dt.UTC))
SECOND = dt.timedelta(seconds=1)
EVEN = flat("2")


class Place(Plant):
    """A plant whose samples lie in one kind of storage when the ledger reads them."""

    def __init__(self, plant: Plant, name: str) -> None:
        self.__dict__.update(plant.__dict__)
        self.name = name

    def build(self, now: dt.datetime = NOW) -> None:
        if self.name == "packed":
            assert pack_days(now=NOW, after=dt.timedelta(days=7)).is_done
            assert self.counts() == (0, True)
        super().build(now)

    def counts(self) -> tuple[int, bool]:
        """Return how many samples are hot, and whether days are packed."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT count(*) FROM telemetry_sample),"
                " EXISTS (SELECT FROM telemetry_packed_day)"
            )
            hot, is_packed = cursor.fetchone()
        return hot, is_packed

    def feed(self, channel: Channel, minutes: Sequence[float], values: Sequence[float]) -> None:
        """Store samples at minutes since the start."""
        self.store(channel, [START + round(minute * MINUTE) for minute in minutes], values)


@pytest.fixture(params=["hot", "packed"])
def make_place(
    request: pytest.FixtureRequest, make_plant: Callable[..., Plant]
) -> Callable[..., Place]:
    """Return a function that makes places: rows (in chunks on TimescaleDB), packed days."""
    return lambda zone="Europe/Istanbul": Place(make_plant(zone), request.param)


@pytest.fixture
def place(make_place: Callable[..., Place]) -> Place:
    return make_place()


def kinds(register: Register) -> list[str]:
    """Return what was decided and holds, in order."""
    with all_tenants():
        rows = LedgerDecision.objects.filter(register=register, superseded_at=None)
        return list(rows.order_by("time", "id").values_list("kind", flat=True))


@pytest.mark.parametrize("zeros", [1, 30])
def test_a_glitch_to_zero_counts_nothing(place: Place, zeros: int) -> None:
    """Fixture (a)."""
    channel = place.channel()
    values = [35.6, 35.6, *[0.0] * zeros, 35.6, 35.6]
    place.feed(channel, range(len(values)), values)
    register = place.meter(channel)
    place.build()

    assert total(register) == 0
    assert kinds(register) == ["first", "glitch"]


def test_a_register_of_six_digits_runs_over(place: Place) -> None:
    """Fixture (b)."""
    channel = place.channel()
    place.feed(channel, [0, 15, 30, 45], [999_983.06, 999_984.06, 20.0, 21.0])
    register = place.meter(channel, hardware=Hardware(digits=6))
    place.build()

    assert total(register) == Decimal("37.94")
    assert kinds(register) == ["first", "rollover"]


def test_a_register_that_began_anew_is_no_rollover(place: Place) -> None:
    """Fixture (b), where somebody says that the register was set back."""
    channel = place.channel()
    place.feed(channel, [0, 15, 30, 45], [999_983.06, 999_984.06, 20.0, 21.0])
    register = place.meter(channel, hardware=Hardware(digits=6))
    with place.red.scope():
        replace_installation(
            meter_id=register.meter_id,
            removed_at=from_microseconds(START + 20 * MINUTE),
            finals={},
            hardware=Hardware(digits=6),
            sources={"import": Source(channel.uuid, initial=Decimal(0))},
            now=NOW,
        )
    place.build()

    assert total(register) == 1 + 20 + 1
    assert "rollover" not in kinds(register)


def test_six_hours_offline_are_booked_in_total_and_estimated(place: Place) -> None:
    """Fixture (c)."""
    channel = place.channel()
    place.feed(channel, [0, 15, 15 + 360, 15 + 375], [1_000, 1_010, 4_822, 4_830])
    register = place.meter(channel, most_per_hour=Decimal(2_000))
    place.build()

    rows = entries_of(register)
    assert total(register) == 10 + 3_812 + 8
    assert int(rows["amount"][1:25].sum()) == 3_812 * MICRO
    assert (rows["grade"][1:25] == Grade.ESTIMATED).all()
    assert (rows["grade"][[0, 25]] == Grade.MEASURED).all()


def test_the_first_reading_of_a_used_meter_counts_nothing(place: Place) -> None:
    """Fixture (d)."""
    channel = place.channel()
    place.feed(channel, [0], [56_842_158.0])
    register = place.meter(channel)
    place.build()

    assert total(register) == 0
    assert not kinds(register) or kinds(register) == ["first"]


def test_thirteen_days_offline_with_the_same_register_count_nothing(place: Place) -> None:
    """Fixture (e)."""
    channel = place.channel()
    place.feed(channel, [0, 13 * 24 * 60], [812.4, 812.4])
    register = place.meter(channel)
    place.build()

    rows = entries_of(register)
    assert (len(rows), total(register)) == (13 * 96, 0)
    assert (rows["grade"] == Grade.MEASURED).all()


def test_a_meter_is_changed(place: Place) -> None:
    """Fixture (f): 4,812.3 gives way to 0.0 at 10:07."""
    channel = place.channel()
    swap = 10 * 60 + 7
    place.feed(channel, range(swap), np.round(4_806.23 + np.arange(swap) * 0.01, 3).tolist())
    place.feed(channel, range(swap + 1, swap + 300), np.round(np.arange(1, 300) / 100, 3).tolist())
    register = place.meter(channel, installed_at=from_microseconds(START))
    with place.red.scope():
        replace_installation(
            meter_id=register.meter_id,
            removed_at=from_microseconds(START + swap * MINUTE),
            finals={"import": Decimal("4812.3")},
            hardware=Hardware(serial="NEW-1"),
            sources={"import": Source(channel.uuid, initial=Decimal(0))},
            now=NOW,
        )
    place.build()

    rows = entries_of(register)
    assert total(register) == Decimal("4812.3") - Decimal("4806.23") + Decimal("2.99")
    assert (rows["begin"][1:] == rows["finish"][:-1]).all()
    assert "reset" not in kinds(register)


@pytest.mark.parametrize(
    ("zone", "date", "quarters"),
    [
        ("Europe/Istanbul", "2026-10-25", 96),
        ("Europe/Istanbul", "2026-03-29", 96),
        ("Europe/Berlin", "2026-03-29", 92),
        ("Europe/Berlin", "2026-10-25", 100),
        ("Australia/Lord_Howe", "2026-04-05", 98),
        ("Australia/Lord_Howe", "2026-10-04", 94),
    ],
)
def test_days_on_which_the_clock_is_changed(
    make_place: Callable[..., Place], zone: str, date: str, quarters: int
) -> None:
    """Fixture (g)."""
    there = make_place(zone)
    channel = there.channel()
    first = day(date).replace(day=1)
    until = (first + dt.timedelta(days=32)).replace(day=1)
    begin, end = (
        to_microseconds(dt.datetime.combine(edge, dt.time(), ZoneInfo(zone)))
        for edge in (first, until)
    )
    times = list(range(begin, end + 1, QUARTER_US))
    there.store(channel, times, [100 + 0.25 * number for number in range(len(times))])
    register = there.meter(channel)
    there.build()

    with there.red.scope():
        rows = meter_days([register.meter], first, until)[register.meter_id]
    by_day = dict(zip(rows["day"].tolist(), rows["quarters"].tolist(), strict=True))
    assert by_day.pop((day(date) - dt.date(1970, 1, 1)).days) == quarters
    assert set(by_day.values()) == {96}
    assert (rows["amount"] // 250_000 == rows["quarters"]).all()
    assert int(rows["amount"].sum()) == (end - begin) // QUARTER_US * 250_000
    assert total(register) == Decimal((end - begin) // QUARTER_US) / 4


def test_shuffled_and_repeated_samples_give_the_same_ledger(place: Place) -> None:
    """Fixture (h); what is late lands in days that are packed already."""
    random = np.random.default_rng(8)
    minutes = np.cumsum(np.where(random.random(600) < 0.02, 90, 10))
    values = np.round(100 + np.cumsum(random.random(600)), 3)
    values[[100, 101, 400]] = 0.0
    values[300:] -= values[300] - 0.05
    whole, piecemeal = place.channel(), place.channel()
    registers = [place.meter(channel) for channel in (whole, piecemeal)]
    place.feed(whole, minutes.tolist(), values.tolist())
    place.build()
    for part in np.array_split(random.permutation(600), 4):
        again = np.concatenate((part, random.choice(600, 30)))
        place.feed(piecemeal, minutes[again].tolist(), values[again].tolist())
        place.build()

    one, other = (entries_of(register) for register in registers)
    assert len(one) > 400
    for name in ("number", "amount", "begin", "finish", "grade", "method"):
        assert (one[name] == other[name]).all(), name
    assert kinds(registers[0]) == kinds(registers[1])


def test_a_register_in_another_unit_is_quarantined(place: Place) -> None:
    """Fixture (i), of a counter: Wh sent as kWh for two hours."""
    channel = place.channel()
    values = 100 + np.arange(40) * 0.5
    values[20:28] *= 1000
    place.feed(channel, (np.arange(40) * 15).tolist(), values.tolist())
    register = place.meter(channel, most_per_hour=Decimal(20))
    place.build()

    assert total(register) == Decimal("19.5")
    with all_tenants():
        found = LedgerDecision.objects.filter(register=register, superseded_at=None)
        assert sum(one.count for one in found) == 8, kinds(register)


def test_power_in_another_unit_is_quarantined(place: Place) -> None:
    """Fixture (i): W sent as kW for two hours."""
    channel = place.channel(Kind.GAUGE, "kW", expected_interval_seconds=60)
    minutes = np.arange(0, 12 * 60 + 1)
    is_wrong = (minutes > 300) & (minutes <= 420)
    place.feed(channel, minutes.tolist(), np.where(is_wrong, 4_000.0, 4.0).tolist())
    register = place.meter(channel, most_per_hour=Decimal(50))
    place.build()

    rows = entries_of(register)
    assert (rows["amount"] <= MICRO).all()
    assert total(register) == pytest.approx(Decimal(10 * 4), abs=Decimal("0.2"))
    is_certain = rows["grade"] == Grade.MEASURED
    assert is_certain.sum() == 10 * 4 - 1  # the first minute after them is not known
    with all_tenants():
        found = LedgerDecision.objects.filter(register=register, superseded_at=None)
        assert {one.kind for one in found} == {"jump"}
        assert sum(one.count for one in found) == 120
        assert sum(one.withheld for one in found) == 2 * 4_000 * MICRO


def test_a_price_that_becomes_known_late_is_an_adjustment(place: Place) -> None:
    """Fixture (j)."""
    bill = Bill(place, "2026-09-01", "2026-11-01", "Europe/Istanbul")
    bill.version(EVEN, "2026-09-01")
    bill.assign("2026-09-01")
    bill.follow()
    period = bill.close("2026-09-01", "2026-10-01")
    bill.version(flat("2.5"), "2026-09-20", valid_to=day("2026-09-21"), now=NOW + SECOND)
    bill.follow(NOW + SECOND)

    assert bill.total(period=period) == 30 * 48
    [adjustment] = bill.lines(is_adjustment=True)
    assert (adjustment.day, adjustment.amount) == (day("2026-09-20"), 12)


@pytest.mark.parametrize(
    ("percent", "verdict"), [(2, Verdict.WITHIN_BAND), (10, Verdict.CHILDREN_EXCEED)]
)
def test_submeters_above_their_meter(place: Place, percent: int, verdict: Verdict) -> None:
    """Fixture (k), with meters of class 2."""
    each = 0.5 * (1 + percent / 100)
    parent: Register | None = None
    times = range(0, 3 * 24 * 60 + 1, 15)
    for number, kwh in enumerate((1.0, each, each)):
        channel = place.channel()
        place.feed(channel, times, [round(10 + kwh * n, 6) for n in range(len(times))])
        role = "load" if parent else "grid"
        above = parent.meter_id if parent else None
        made = place.meter(
            channel, name=f"M{number}", parent=above, role=role, accuracy_percent=Decimal(2)
        )
        parent = parent or made
    place.build()
    frame = make_frame(Unit.DAY, dt.date(2026, 10, 2), zone=ZoneInfo("Europe/Istanbul"))
    with place.red.scope():
        summary = read_summary(find_site_scope(place.site.id), frame, now=NOW)
        [top, *_] = find_balance(summary)

    assert top.balance is not None
    assert top.balance.total.verdict == verdict
    assert top.balance.total.residual == pytest.approx(Decimal(96) * -percent / 100)


def test_these_places_are_what_they_are_called(place: Place) -> None:
    channel = place.channel()
    place.feed(channel, [0, 60], [1, 2])
    register = place.meter(channel)
    place.build()

    assert place.counts() == ((0, True) if place.name == "packed" else (2, False))
    assert find_tier().is_hypertable == (find_tier().value != "plain")
    assert total(register) == 1
