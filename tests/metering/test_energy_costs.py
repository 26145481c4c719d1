"""What the energy of a period cost, and its CO₂: by bucket, component, meter and currency."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from metering.analysis.compare import Against
from metering.models import CostLine, CostMonth, Price, PriceSeries
from metering.queries.cost_quarters import share_out
from metering.queries.emissions import read_emissions
from metering.queries.energy import read_summary
from metering.queries.energy_costs import CostAnswer, read_costs
from metering.queries.frames import Step, Unit, make_frame
from metering.queries.scopes import find_site_scope
from metering.services.cost_rebuilds import rebuild_costs
from tests.metering.billing import Bill, day, flat
from tests.metering.conftest import NOW, Plant
from tests.metering.energy_home import WHOLE, ask, co2, costs, follow, make_home, tariff
from tests.metering.energy_site import EnergySite, even


@pytest.fixture
def home(plant: Plant) -> EnergySite:
    """A day costs (8.00 + 2.40) × 1.25 − 0.64."""
    return make_home(plant)


def test_every_width_costs_the_same(home: EnergySite) -> None:
    tariff(home.plant, WHOLE, since="2026-11-01")
    follow()
    a_day = 13_000_000 - 640_000

    for unit, step, count, days in (
        (Unit.DAY, Step.QUARTER, 96, 1), (Unit.DAY, None, 24, 1), (Unit.WEEK, None, 7, 7),
        (Unit.WEEK, Step.HOUR, 168, 7), (Unit.YEAR, None, 12, 19),
    ):  # fmt: skip
        found = costs(home.plant, unit, "2026-11-04", step=step)
        more = 3_000_000 if unit is Unit.YEAR else 0  # today's fee, with its tax

        assert len(found.amounts) == count
        assert found.total == days * a_day + more, unit
        assert found.total == sum(band.total for band in found.components)


def test_hours_cost_what_was_used_in_them(home: EnergySite) -> None:
    tariff(home.plant, WHOLE)
    follow()

    found = costs(home.plant, Unit.DAY, "2026-11-04")
    hours = found.amounts.tolist()
    parts = {band.name: band.amounts.tolist() for band in found.components}

    assert set(parts) == {"energy", "feed-in", "base", "VAT"}
    assert parts["energy"] == [200_000] * 6 + [400_000] * 16 + [200_000] * 2
    assert parts["base"] == [100_000] * 24
    assert parts["feed-in"][11:17] == [0, *[-160_000] * 4, 0]
    assert (hours[0], hours[7], hours[12]) == (375_000, 625_000, 465_000)


def test_demand_stands_where_it_was_drawn(plant: Plant) -> None:
    site = EnergySite(plant, dt.date(2026, 10, 1), dt.date(2026, 11, 1))
    peak = dt.datetime(2026, 10, 31, 17, 15, tzinfo=site.zone)
    site.add("Grid", {"import": lambda at: 5.0 if at == peak else 0.25}, role="grid")
    plant.build()
    tariff(plant, {"components": [{"kind": "demand", "name": "power", "price": "3"}]})
    follow()

    found = costs(plant, Unit.DAY, "2026-10-31", step=Step.QUARTER)

    assert found.total == 60_000_000  # 20 kW at 3
    assert found.amounts.tolist().index(60_000_000) == 17 * 4 + 1


def test_a_running_week_is_compared_up_to_the_day_before(home: EnergySite) -> None:
    tariff(home.plant, WHOLE)
    follow()

    found = costs(home.plant, Unit.WEEK, "2026-11-18", against=Against.PREVIOUS).compared

    assert found is not None
    assert found.current == found.base == 4 * 12_360_000
    assert (found.percent, found.is_like) == (0, True)
    assert found.amounts.tolist() == [12_360_000] * 7


def test_a_month_is_compared_with_what_is_known(home: EnergySite) -> None:
    tariff(home.plant, WHOLE, since="2026-11-01")
    follow()

    found = costs(home.plant, Unit.MONTH, "2026-11-01", against=Against.PREVIOUS).compared

    assert found is not None
    assert (found.current, found.base) == (19 * 12_360_000, 0)
    assert (found.percent, found.is_known, found.is_like) == (None, False, False)


def test_a_running_day_is_compared_up_to_the_same_moment(home: EnergySite) -> None:
    tariff(home.plant, WHOLE)
    follow()
    noon = dt.datetime(2026, 11, 19, 12, tzinfo=home.zone)

    found = costs(home.plant, Unit.DAY, "2026-11-19", against=Against.PREVIOUS, now=noon).compared

    assert found is not None
    assert found.current == found.base == 6 * 375_000 + 6 * 625_000


def test_closed_periods_are_as_billed(plant: Plant) -> None:
    bill = Bill(plant, "2026-10-01", "2026-11-20", plant.site.timezone, role="grid")
    bill.version(flat("0.10"), "2026-01-01")
    bill.assign("2026-01-01")
    bill.follow()
    bill.close("2026-10-01", "2026-11-01")
    bill.version(flat("0.20"), "2026-10-01", now=NOW + dt.timedelta(seconds=1))
    bill.follow(NOW + dt.timedelta(minutes=1))

    october: CostAnswer = ask(plant, Unit.MONTH, "2026-10-01")
    found = october.of("TRY")
    hours: CostAnswer = ask(plant, Unit.DAY, "2026-10-05")
    by_hour = hours.of("TRY")
    november: CostAnswer = ask(plant, Unit.MONTH, "2026-11-01")
    running = november.of("TRY")

    assert found is not None and by_hour is not None and running is not None
    assert found.total == found.billed == 31 * 2_400_000
    assert found.adjusted == 31 * 2_400_000
    assert by_hour.amounts.tolist() == [100_000] * 24
    assert (by_hour.billed, by_hour.adjusted) == (2_400_000, 2_400_000)
    assert (running.billed, running.adjusted) == (0, 0)
    assert running.total == 19 * 4_800_000


def test_months_say_what_their_lines_say(plant: Plant) -> None:
    bill = Bill(plant, "2026-10-01", "2026-11-20", plant.site.timezone, role="grid")
    bill.version(flat("0.10"), "2026-01-01")
    bill.assign("2026-01-01")
    bill.follow()
    first: CostAnswer = ask(plant, Unit.YEAR, "2026-01-01")
    bill.close("2026-10-01", "2026-11-01")
    bill.version(flat("0.20"), "2026-10-01", now=NOW + dt.timedelta(seconds=1))
    bill.follow(NOW + dt.timedelta(minutes=1))
    second: CostAnswer = ask(plant, Unit.YEAR, "2026-01-01")
    with plant.red.scope():
        CostMonth.objects.update(amount=1)
        for _part in rebuild_costs(start=day("2026-10-01"), end=day("2026-11-21"), now=NOW):
            pass
    third: CostAnswer = ask(plant, Unit.YEAR, "2026-01-01")

    october, before, after = 31 * 2_400_000, first.of("TRY"), second.of("TRY")
    assert before is not None and after is not None
    assert before.amounts.tolist() == [*[0] * 9, october, 19 * 2_400_000, 0]
    assert (before.billed, before.adjusted) == (0, 0)
    assert after.amounts.tolist() == [*[0] * 9, october, 19 * 4_800_000, 0]
    assert (after.billed, after.adjusted) == (october, october)
    assert third.of("TRY").amounts.tolist() == after.amounts.tolist()
    with plant.red.scope():
        sums = CostMonth.objects.aggregate(kept=Sum("amount") + Sum("adjusted"))["kept"]
        assert sums == CostLine.objects.filter(superseded_at=None).aggregate(
            held=Sum("amount")
        )["held"]  # fmt: skip


def test_a_submeter_with_a_tariff_is_not_counted_twice(home: EnergySite) -> None:
    oven = home.meters["Oven"]
    tariff(home.plant, flat("0.30"))
    tariff(home.plant, flat("0.50"), meter=oven)
    follow()

    site = costs(home.plant, Unit.DAY, "2026-11-04")
    own = costs(home.plant, Unit.DAY, "2026-11-04", meter=oven)

    assert [(band.name, band.total) for band in site.meters] == [("Grid", 7_200_000)]
    assert own.total == 4_800_000


def test_tells_what_has_no_tariff(home: EnergySite) -> None:
    home.add("Second", {"import": even(0.25)}, role="grid")
    home.plant.build()
    before: CostAnswer = ask(home.plant, Unit.MONTH, "2026-11-01")
    tariff(home.plant, flat("0.30"), meter=home.meters["Grid"], since="2026-11-11")
    follow()

    after: CostAnswer = ask(home.plant, Unit.MONTH, "2026-11-01")

    assert [(lack.meter.name, lack.days, lack.of) for lack in before.coverage.lacks] == [
        ("Grid", 20, 20), ("Second", 20, 20)
    ]  # fmt: skip
    assert before.of("EUR") is None
    assert [(lack.meter.name, lack.days) for lack in after.coverage.lacks] == [
        ("Grid", 10), ("Second", 20)
    ]  # fmt: skip
    assert after.coverage.share == pytest.approx(10 / 40)


def test_currencies_are_never_added(home: EnergySite) -> None:
    home.add("Second", {"import": even(0.25)}, role="grid")
    home.plant.build()
    tariff(home.plant, WHOLE, meter=home.meters["Grid"])
    tariff(home.plant, flat("1"), meter=home.meters["Second"], currency="TRY")
    follow()

    found: CostAnswer = ask(home.plant, Unit.DAY, "2026-11-04")

    assert [(one.currency, one.total) for one in found.currencies] == [
        ("EUR", 12_360_000), ("TRY", 24_000_000)
    ]  # fmt: skip
    lira = found.of("TRY")
    assert lira is not None and lira.currency == "TRY"


def test_quarters_without_a_price_are_counted(home: EnergySite) -> None:
    prices(home.plant, "spot", "EUR", "2026-11-04", 12)
    tariff(home.plant, {"components": [
        {"kind": "dynamic", "name": "spot", "series": "spot"},
        {"kind": "dynamic", "name": "grid", "series": "spot", "factor": "0.5"},
    ]})  # fmt: skip
    follow()

    by_hour = costs(home.plant, Unit.DAY, "2026-11-04")
    by_day = costs(home.plant, Unit.MONTH, "2026-11-04")

    assert by_hour.amounts.tolist() == [150_000] * 12 + [0] * 12
    assert by_hour.unpriced.tolist() == [0] * 12 + [4] * 12
    assert by_day.unpriced[3] == 48


def prices(plant: Plant, name: str, currency: str, on: str, hours: int) -> None:
    """Let each hour cost 0.1, from midnight on."""
    with plant.red.scope():
        series = PriceSeries.objects.create(tenant=plant.red.tenant, name=name, currency=currency)
        zone = EnergySite(plant, day(on), day(on)).zone
        midnight = dt.datetime.fromisoformat(on).replace(tzinfo=zone)
        first = int(midnight.timestamp()) // 900
        Price.objects.bulk_create(
            Price(tenant=plant.red.tenant, series=series, number=first + number,
                  price=100_000, known_at=NOW)
            for number in range(hours * 4)
        )  # fmt: skip


def test_co2_follows_what_was_bought(home: EnergySite) -> None:
    tariff(home.plant, WHOLE)

    for unit, step, days in (
        (Unit.DAY, Step.QUARTER, 1), (Unit.WEEK, None, 7), (Unit.YEAR, None, 19),
    ):  # fmt: skip
        found = co2(home.plant, unit, "2026-11-04", step=step)

        assert found.total == pytest.approx(24 * 400 * days)
        assert found.grams_per_unit == 400
        assert not found.coverage.lacks


def test_co2_of_a_series_has_the_factor_of_each_quarter(home: EnergySite) -> None:
    prices(home.plant, "mix", "", "2026-11-04", 12)
    tariff(home.plant, flat("0.3") | {"co2": {"series": "mix"}})

    by_hour = co2(home.plant, Unit.DAY, "2026-11-04", against=Against.PREVIOUS)
    by_day = co2(home.plant, Unit.MONTH, "2026-11-04")

    assert by_hour.amounts.tolist() == pytest.approx([0.1] * 12 + [0] * 12)
    assert by_hour.unknown.tolist() == [0] * 12 + [4] * 12
    assert by_day.amounts[3] == pytest.approx(1.2)
    assert by_hour.units == 12
    assert by_hour.compared is not None and by_hour.compared.base == 0


def test_co2_is_compared(home: EnergySite) -> None:
    tariff(home.plant, WHOLE)

    found = co2(home.plant, Unit.WEEK, "2026-11-18", against=Against.PREVIOUS).compared

    assert found is not None
    assert found.current == pytest.approx(4 * 9600)
    assert found.base == pytest.approx(4 * 9600)
    assert found.percent == pytest.approx(0)
    assert found.is_like


def test_without_a_factor_there_is_no_co2(home: EnergySite) -> None:
    tariff(home.plant, flat("0.3"))

    found = co2(home.plant, Unit.DAY, "2026-11-04")

    assert found.bands == ()
    assert [lack.meter.name for lack in found.coverage.lacks] == ["Grid"]


@given(
    st.integers(-(10**12), 10**12),
    st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=30),
)
def test_shares_add_up(amount: int, weights: list[int]) -> None:
    found = share_out(amount, np.array(weights, dtype=np.float64))

    assert int(found.sum()) == amount
    assert len(found) == len(weights)


@pytest.mark.parametrize("unit", [Unit.YEAR, Unit.DAY])
@pytest.mark.parametrize("count", [1, 4])
def test_any_number_of_meters_takes_the_same_queries(plant: Plant, count: int, unit: Unit) -> None:
    site = EnergySite(plant, dt.date(2026, 11, 2), dt.date(2026, 11, 6))
    for number in range(count):
        meter = site.add(f"Grid {number}", {"import": even(0.25)}, role="grid")
        tariff(plant, WHOLE, meter=meter)
    plant.build()
    follow()
    with plant.red.scope():
        scope = find_site_scope(plant.site.id)
        frame = make_frame(unit, day("2026-11-04"), zone=scope.zone)
        summary = read_summary(scope, frame, now=NOW)

    with plant.red.scope(), CaptureQueriesContext(connection) as for_costs:
        found = read_costs(summary, now=NOW, against=Against.PREVIOUS)
    with plant.red.scope(), CaptureQueriesContext(connection) as for_co2:
        read_emissions(summary, now=NOW, against=Against.PREVIOUS)

    assert len(found.currencies[0].meters) == count
    assert len(for_costs) == {Unit.YEAR: 11, Unit.DAY: 17}[unit]
    assert len(for_co2) == {Unit.YEAR: 8, Unit.DAY: 9}[unit]
