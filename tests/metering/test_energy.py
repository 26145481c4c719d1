"""A site's energy by period: sums, sources, circuits, comparison, peaks, quality."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import DjangoAssertNumQueries

from metering.analysis.balance import Verdict
from metering.analysis.compare import Against
from metering.analysis.forecast import Method
from metering.queries.energy import Summary, read_summary
from metering.queries.frames import Step, Unit, UnknownPeriod, make_frame, read_day, write_day
from metering.queries.insight import find_balance, find_flows, find_forecast
from metering.queries.scopes import find_meter_scope, find_site_scope
from metering.queries.series import DAY_DTYPE, Days, _sum_days, read_series
from metering.series import Grade
from metering.services.bookings import book_amount
from reports.energy.facts import quality_line
from tests.conftest import Team
from tests.factories import SiteFactory
from tests.metering.conftest import NOW, Plant
from tests.metering.energy_site import EnergySite, even, make_day_meters

MakePlant = Callable[..., Plant]
LATER = dt.datetime(2026, 12, 31, 12, tzinfo=dt.UTC)


def read(site: EnergySite, unit: Unit, day: dt.date, **more: object) -> Summary:
    """Read a period of the site as one of its people."""
    step = more.pop("step", None)
    now = more.pop("now", NOW)
    with site.plant.red.scope():
        scope = find_site_scope(site.plant.site.id)
        frame = site.frame(unit, day, step)  # type: ignore[arg-type]
        return read_summary(scope, frame, now=now, **more)  # type: ignore[arg-type]


@pytest.fixture
def home(plant: Plant) -> EnergySite:
    """Draws 1 kWh a quarter; at noon hours the roof gives 2, of which 1.5 are sold."""
    site = EnergySite(plant, dt.date(2026, 9, 28), dt.date(2026, 10, 13))

    def at_noon(kwh: float) -> Callable[[dt.datetime], float]:
        return lambda at: kwh if 10 <= at.hour < 14 else 0.0

    site.add(
        "Grid",
        {"import": lambda at: 0.0 if 10 <= at.hour < 14 else 1.0, "export": at_noon(1.5)},
        role="grid",
        contracted_kw=Decimal(5),
    )
    site.add("Roof", {"export": at_noon(2.0)}, role="production", parent="Grid")
    site.add("Pump", {"import": even(0.2)}, parent="Grid")
    site.add("Oven", {"import": even(0.3)}, parent="Grid")
    plant.build()
    return site


def test_a_day_is_split_by_source_and_circuit(home: EnergySite) -> None:
    found = read(home, Unit.DAY, dt.date(2026, 10, 6))

    # 80 quarters from the grid; at noon 16 × (2 − 1.5) stay
    assert found.total == Decimal(88)
    assert {band.kind: band.total for band in found.sources} == {
        "grid": Decimal(80), "solar": Decimal(8), "export": Decimal(24)
    }  # fmt: skip
    assert [band.below for band in found.sources] == [False, False, True]
    circuits = [(band.meter.name if band.meter else band.kind, band.total)
                for band in found.circuits]  # fmt: skip
    assert circuits == [
        ("Oven", Decimal("28.8")), ("Pump", Decimal("19.2")), ("rest", Decimal(40))
    ]  # fmt: skip
    assert (found.quality.measured, found.quality.missing) == (1, 0)


def test_every_width_adds_up_to_the_same_energy(home: EnergySite) -> None:
    for unit, step, buckets, days in (
        (Unit.DAY, Step.QUARTER, 96, 1), (Unit.DAY, None, 24, 1), (Unit.WEEK, None, 7, 7),
        (Unit.WEEK, Step.HOUR, 168, 7), (Unit.MONTH, None, 31, 12), (Unit.YEAR, None, 12, 15),
    ):  # fmt: skip
        found = read(home, unit, dt.date(2026, 10, 6), step=step, now=LATER)

        assert len(found.use.amounts) == buckets
        assert found.total == 88 * days


def test_the_peak_is_the_highest_quarter_of_the_connection(home: EnergySite) -> None:
    by_quarter = read(home, Unit.DAY, dt.date(2026, 10, 6)).peak
    by_day = read(home, Unit.MONTH, dt.date(2026, 10, 6)).peak

    assert by_quarter is not None and by_day is not None
    assert (by_quarter.power, by_quarter.contracted) == (Decimal(4), Decimal(5))
    assert by_quarter.at == dt.datetime(2026, 10, 6, tzinfo=home.zone)
    assert (by_day.power, by_day.at) == (Decimal(4), dt.datetime(2026, 10, 1, tzinfo=home.zone))


def test_a_week_is_compared(home: EnergySite) -> None:
    bases = {Against.PREVIOUS: 88, Against.SAME_WEEKDAY: 0, Against.LAST_YEAR: 0}
    for against, base in bases.items():
        found = read(home, Unit.WEEK, dt.date(2026, 10, 6), against=against)

        assert found.compared is not None
        assert found.compared.comparison.base.kwh == base * 7
        assert found.compared.amounts.sum() == base * 7 * 1_000_000
        assert found.compared.comparison.is_like == bool(base)


def test_a_running_month_is_compared_up_to_the_day_before(home: EnergySite) -> None:
    now = dt.datetime(2026, 10, 11, 12, tzinfo=dt.UTC)

    found = read(home, Unit.MONTH, dt.date(2026, 10, 1), against=Against.PREVIOUS, now=now)

    assert found.compared is not None
    assert found.compared.pair.running
    assert found.compared.comparison.current.kwh == 88 * 10
    assert found.compared.comparison.current.known_share == 1
    assert found.compared.comparison.base.kwh == 0  # the 1st to 10th of September


def test_what_is_missing_is_told_not_guessed(home: EnergySite) -> None:
    found = read(home, Unit.MONTH, dt.date(2026, 10, 1), now=LATER)

    assert found.quality.measured == pytest.approx(12 / 31)
    assert found.quality.missing == pytest.approx(19 / 31)
    assert found.quality.estimated == 0


def test_days_tell_how_quarters_are_known_as_quarters_do(plant: Plant) -> None:
    zone = dt.timezone(dt.timedelta(hours=3))
    channel = plant.channel(expected_interval_seconds=3600)
    start = int(dt.datetime(2026, 11, 4, tzinfo=zone).timestamp())
    kept = [n for n in range(97) if not 33 <= n < 48 or n % 4 == 0]  # hourly from 8 to 12
    plant.store(channel, [(start + n * 900) * 1_000_000 for n in kept], [0.25 * n for n in kept])
    register = plant.meter(channel, role="grid")
    plant.build()
    with plant.red.scope():
        book_amount(
            register=register, start=dt.datetime(2026, 11, 4, 20, tzinfo=zone),
            end=dt.datetime(2026, 11, 4, 20, 30, tzinfo=zone), amount=Decimal("0.1"),
            reason="paper", now=NOW,
        )  # fmt: skip
    plant.build()

    site = EnergySite(plant, dt.date(2026, 11, 4), dt.date(2026, 11, 5))
    by_quarter = read(site, Unit.DAY, dt.date(2026, 11, 4), now=LATER)
    by_day = read(site, Unit.MONTH, dt.date(2026, 11, 4), now=LATER)
    with plant.red.scope():
        grades = read_series([register.id], 0, 4_000_000)[register.id].grades
    counts = np.bincount(grades, minlength=len(Grade)).tolist()

    assert counts == [78, 16, 0, 2]
    for found, asked in ((by_quarter, 96), (by_day, 30 * 96)):
        quality = found.quality
        shares = (quality.measured, quality.prorated, quality.estimated, quality.manual)
        assert [round(share * asked) for share in shares] == counts
        assert quality.missing == pytest.approx((asked - 96) / asked)
    line = quality_line(by_quarter.quality)
    assert line == "81.3 % measured, 16.7 % shared out, 2.1 % by hand"


def test_the_days_of_a_computed_meter_know_what_its_parts_know() -> None:
    def days(numbers: list[int], **columns: int) -> Days:
        rows = np.zeros(len(numbers), dtype=DAY_DTYPE)
        rows["day"] = numbers
        for name, value in columns.items():
            rows[name] = value
        return rows

    found = _sum_days([
        (days([1, 2, 3], amount=100, quarters=96, estimated=7, estimated_quarters=4,
              manual_quarters=1), Decimal(1)),
        (days([2, 3, 4], amount=30, quarters=94, estimated=5, estimated_quarters=2,
              prorated_quarters=92), Decimal(-1)),
    ])  # fmt: skip

    assert found["day"].tolist() == [2, 3]
    assert found["amount"].tolist() == [70, 70]
    assert found["estimated"].tolist() == [12, 12]
    assert found["quarters"].tolist() == [94, 94]
    assert found["estimated_quarters"].tolist() == [4, 4]
    assert found["prorated_quarters"].tolist() == [90, 90]  # no more than what is left
    assert found["manual_quarters"].tolist() == [1, 1]


def test_a_running_day_expects_only_what_is_over(home: EnergySite) -> None:
    now = dt.datetime(2026, 10, 6, 12, 7, tzinfo=home.zone)

    found = read(home, Unit.DAY, dt.date(2026, 10, 6), now=now)

    assert found.expected.sum() == 48
    assert found.expected[12:].sum() == 0


@pytest.mark.parametrize(
    ("zone", "day", "widths"),
    [
        ("Europe/Berlin", dt.date(2026, 10, 25), {4: 25}),
        ("Europe/Berlin", dt.date(2026, 3, 29), {4: 23}),
        ("Australia/Lord_Howe", dt.date(2026, 4, 5), {4: 24, 2: 1}),
        ("Australia/Lord_Howe", dt.date(2026, 10, 4), {4: 23, 2: 1}),
    ],
)
def test_days_on_which_the_clock_is_set(
    make_plant: MakePlant, zone: str, day: dt.date, widths: dict[int, int]
) -> None:
    site = EnergySite(make_plant(zone), day - dt.timedelta(days=1), day + dt.timedelta(days=2))
    site.add("Grid", {"import": even(0.25)}, role="grid")
    site.plant.build(LATER)
    quarters = sum(width * count for width, count in widths.items())

    by_hour = read(site, Unit.DAY, day, now=LATER)
    by_day = read(site, Unit.MONTH, day, now=LATER)

    found = by_hour.frame.widths.tolist()
    assert {width: found.count(width) for width in set(found)} == widths
    assert by_hour.use.amounts.tolist() == [width * 250_000 for width in found]
    assert by_day.use.amounts[day.day - 1] == quarters * 250_000
    assert by_day.frame.widths[day.day - 1] == quarters
    assert by_day.use.known[day.day - 1] == quarters


def test_flows_balance_and_forecast(home: EnergySite) -> None:
    now = dt.datetime(2026, 10, 11, 12, tzinfo=home.zone)
    found = read(home, Unit.MONTH, dt.date(2026, 10, 1), now=now)
    day = read(home, Unit.DAY, dt.date(2026, 10, 6), now=now)

    flows, by_quarter = find_flows(found), find_flows(day)
    with home.plant.red.scope():
        forecast = find_forecast(found, now=now)
    nodes = find_balance(day)

    assert flows is not None and by_quarter is not None
    assert by_quarter.production_to_consumption == 8
    assert flows.self_consumption_rate == by_quarter.self_consumption_rate == 0.25
    assert by_quarter.autarky_rate == pytest.approx(8 / 88)
    assert forecast is not None
    assert forecast.method is Method.WEEKDAYS
    assert float(forecast.total_kwh) == pytest.approx(88 * 31, rel=0.001)
    top = nodes[0].balance
    assert (nodes[0].meter.name, nodes[0].level) == ("Grid", 0)
    assert top is not None
    # 80 bought − 24 sold, and of the submeters 48 used − 32 made: 72 that nobody meters
    assert top.total.residual == Decimal(40)
    assert top.total.verdict is Verdict.UNMETERED
    assert [node.level for node in nodes] == [0, 1, 1, 1]


def test_a_meter_with_what_is_below_it(home: EnergySite) -> None:
    with home.plant.red.scope():
        scope = find_meter_scope(home.meters["Pump"].id)
        found = read_summary(scope, home.frame(Unit.DAY, dt.date(2026, 10, 6)), now=NOW)

    assert found.total == Decimal("19.2")
    assert [band.kind for band in found.sources] == ["use"]
    assert found.circuits == ()


@pytest.mark.parametrize("count", [2, 12])
def test_reads_any_number_of_meters_with_the_same_queries(
    red: Team, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    site = SiteFactory(tenant=red.tenant, timezone="Europe/Berlin")
    start, end = dt.date(2025, 1, 1), dt.date(2026, 11, 20)
    make_day_meters(red, site.id, count, start=start, end=end)

    with red.scope(), CaptureQueriesContext(connection) as queries:
        scope = find_site_scope(site.id)
        frame = make_frame(Unit.YEAR, dt.date(2026, 5, 5), zone=scope.zone)
        found = read_summary(scope, frame, now=NOW, against=Against.PREVIOUS)
        find_flows(found)
        find_balance(found)
        find_forecast(found, now=NOW)

    assert found.total == 96 * 323
    assert found.compared is not None
    assert found.compared.amounts[1] == 28 * 96_000_000
    assert len(queries) == 14


@pytest.mark.parametrize("text", ["2026", "2026-11", "2026-11-20"])
def test_reads_how_it_names_periods(text: str) -> None:
    unit = {4: Unit.YEAR, 7: Unit.MONTH, 10: Unit.DAY}[len(text)]

    assert write_day(unit, read_day(text, today=dt.date(1999, 1, 1))) == text


@pytest.mark.parametrize("text", ["2026-13", "2026-02-30", "x", "2026-1-1-1", "٢٠٢٦", "0"])
def test_refuses_what_is_no_date(text: str) -> None:
    with pytest.raises(UnknownPeriod):
        read_day(text, today=dt.date(1999, 1, 1))


def test_refuses_a_width_that_is_not_offered(home: EnergySite) -> None:
    with pytest.raises(UnknownPeriod):
        home.frame(Unit.YEAR, dt.date(2026, 1, 1), Step.QUARTER)
