"""Where the energy of a site comes from and goes: every quarter adds up in whole numbers."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.analysis.flows import Flows, SiteMeters, split_flows, sum_flows
from metering.series import Grade, Series
from tests.metering.analysis.series import facts, near, needs_files, quarters, read_solar_day
from tests.pace import assert_within

START = dt.datetime(2026, 6, 1, 10, tzinfo=dt.UTC)
PATHS = [
    "production_to_consumption", "production_to_grid", "production_to_ess", "grid_to_ess",
    "grid_to_consumption", "ess_to_consumption", "ess_to_grid", "unexplained_to_grid",
    "unexplained_to_ess", "unexplained_to_consumption",
]  # fmt: skip
SIX = [field.name for field in fields(SiteMeters)]


def split(**kwh: float) -> dict[str, float]:
    """Return what is not zero of one quarter, in kWh."""
    meters = SiteMeters(**{name: quarters(START, [value]) for name, value in kwh.items()})
    flows = split_flows(meters)
    check(flows)
    names = [*PATHS, "consumption"]
    found = {name: int(getattr(flows, name)[0]) / 1e6 for name in names}
    return {name: value for name, value in found.items() if value}


def check(flows: Flows) -> None:
    """Check that sources, sinks and paths agree in every quarter, and nothing is negative."""
    path = {name: getattr(flows, name) for name in PATHS}
    assert all((amounts >= 0).all() for amounts in path.values())
    for source, name in [
        ("production", "production"), ("grid", "grid_import"), ("ess", "discharge")
    ]:  # fmt: skip
        parts = [amounts for key, amounts in path.items() if key.startswith(f"{source}_to_")]
        assert np.array_equal(sum(parts), getattr(flows, name))
    for sink, name in [
        ("consumption", "consumption"), ("grid", "grid_export"), ("ess", "charge")
    ]:  # fmt: skip
        parts = [amounts for key, amounts in path.items() if key.endswith(f"_to_{sink}")]
        assert np.array_equal(sum(parts), getattr(flows, name))
    sources = flows.grid_import + flows.production + flows.discharge + flows.unexplained
    assert np.array_equal(sources, flows.consumption + flows.grid_export + flows.charge)
    assert (flows.consumption >= flows.ev).all()


def test_sun_goes_to_the_house_then_to_the_battery_then_to_the_grid() -> None:
    assert split(grid_import=0, production=5, charge=2, grid_export=1) == {
        "production_to_consumption": 2,
        "production_to_ess": 2,
        "production_to_grid": 1,
        "consumption": 2,
    }


def test_the_house_is_served_by_the_sun_before_the_battery_is() -> None:
    assert split(grid_import=3, production=5, charge=3) == {
        "production_to_consumption": 5,
        "grid_to_ess": 3,
        "consumption": 5,
    }


def test_the_battery_serves_the_house_at_night() -> None:
    assert split(grid_import=1, production=0, discharge=2) == {
        "grid_to_consumption": 1,
        "ess_to_consumption": 2,
        "consumption": 3,
    }


def test_the_battery_sells_and_charges_from_the_grid() -> None:
    assert split(grid_import=0, grid_export=2, discharge=2) == {"ess_to_grid": 2}
    assert split(grid_import=2, charge=2) == {"grid_to_ess": 2}


def test_more_sold_than_made_is_reported_and_hides_no_consumption() -> None:
    assert split(grid_import=1, grid_export=4, production=3) == {
        "production_to_grid": 3,
        "grid_to_consumption": 1,
        "unexplained_to_grid": 1,
        "consumption": 1,
    }


def test_more_charged_than_there_was_is_reported() -> None:
    assert split(grid_import=1, production=1, charge=3) == {
        "production_to_ess": 1,
        "grid_to_ess": 1,
        "unexplained_to_ess": 1,
    }


def test_sold_and_charged_together_are_more_than_there_was() -> None:
    assert split(grid_import=0, production=3, charge=2, grid_export=2) == {
        "production_to_ess": 2,
        "production_to_grid": 1,
        "unexplained_to_grid": 1,
    }


def test_cars_that_took_more_than_the_site_are_reported() -> None:
    assert split(grid_import=2, ev=3) == {
        "grid_to_consumption": 2,
        "unexplained_to_consumption": 1,
        "consumption": 3,
    }


def test_only_quarters_that_all_meters_know_count() -> None:
    bought = quarters(START, [1, 1, 1, 1])
    made = quarters(START, [2, float("nan"), 2], [Grade.MEASURED] * 2 + [Grade.ESTIMATED])
    flows = split_flows(SiteMeters(grid_import=bought, production=made))

    assert (flows.numbers - bought.numbers[0]).tolist() == [0, 2]
    assert (flows.asked, flows.grades.tolist()) == (4, [Grade.MEASURED, Grade.ESTIMATED])
    assert flows.series("consumption").amounts.tolist() == [3_000_000, 3_000_000]


def test_shares_are_unknown_without_anything_to_share() -> None:
    totals = sum_flows(split_flows(SiteMeters(grid_import=quarters(START, [0]))))

    assert (totals.self_consumption_rate, totals.autarky_rate) == (None, None)
    nothing = sum_flows(split_flows(SiteMeters(grid_import=Series.empty())))
    assert (nothing.consumption, nothing.autarky_rate) == (0, None)


def test_shares_of_a_day() -> None:
    meters = SiteMeters(
        grid_import=quarters(START, [1, 0]),
        grid_export=quarters(START, [0, 2]),
        production=quarters(START, [0, 5]),
    )
    totals = sum_flows(split_flows(meters))

    assert totals.self_consumption_rate == pytest.approx(0.6)
    assert totals.autarky_rate == pytest.approx(0.75)


def test_shares_of_a_battery_that_sells_and_buys() -> None:
    sells = SiteMeters(
        grid_import=quarters(START, [0]), grid_export=quarters(START, [3]),
        production=quarters(START, [4]), discharge=quarters(START, [2]),
    )  # fmt: skip
    # only one of the three sold was made by the sun in that quarter
    assert sum_flows(split_flows(sells)).self_consumption_rate == pytest.approx(0.75)

    buys = SiteMeters(grid_import=quarters(START, [5]), charge=quarters(START, [4]))
    assert sum_flows(split_flows(buys)).autarky_rate == 0


amounts = st.one_of(st.integers(0, 6), st.integers(0, 10**15))


@given(st.lists(st.tuples(*[amounts] * 6), min_size=1, max_size=30), st.sets(st.sampled_from(SIX)))
def test_every_quarter_adds_up_exactly(rows: list[tuple[int, ...]], absent: set[str]) -> None:
    columns = np.array(rows, dtype=np.int64).T
    numbers = np.arange(len(rows), dtype=np.int64)
    given_series = {
        name: Series(numbers, column, np.zeros(len(rows), dtype=np.int8))
        for name, column in zip(SIX, columns, strict=True)
        if name == "grid_import" or name not in absent
    }

    check(split_flows(SiteMeters(**given_series)))


@given(st.lists(st.tuples(*[st.integers(0, 50)] * 7), min_size=1, max_size=30))
def test_what_is_physically_possible_leaves_nothing_unexplained(
    rows: list[tuple[int, ...]],
) -> None:
    sun_home, sun_grid, sun_ess, grid_ess, grid_home, ess_home, ess_grid = np.array(
        rows, dtype=np.int64
    ).T
    marks = np.zeros(len(rows), dtype=np.int8)
    columns = {
        "production": sun_home + sun_grid + sun_ess,
        "grid_import": grid_ess + grid_home,
        "grid_export": sun_grid + ess_grid,
        "charge": sun_ess + grid_ess,
        "discharge": ess_home + ess_grid,
    }
    series = {name: Series(np.arange(len(rows)), c, marks) for name, c in columns.items()}

    flows = split_flows(SiteMeters(**series))
    assert not flows.unexplained.any()
    assert np.array_equal(flows.consumption, sun_home + grid_home + ess_home)
    # no split of these amounts gives more of the sun to the house
    assert (flows.production_to_consumption >= sun_home).all()


@needs_files
@pytest.mark.parametrize("name", ["day1_grid_ie.csv", "day2_grid_ie.csv"])
def test_a_day_of_sun(name: str) -> None:
    want = facts(f"openevse-solar-grid/{name}")
    series = read_solar_day(name)

    flows = split_flows(SiteMeters(**series))
    check(flows)
    totals = sum_flows(flows)
    assert float(totals.production) == near(want["solar_kwh"], 4)
    assert float(totals.grid_import) == near(want["import_kwh"], 4)
    assert float(totals.grid_export) == near(want["export_kwh"], 4)
    kept = float(totals.production - totals.production_to_grid - totals.unexplained)
    assert kept == near(want["self_consumption_kwh"], 3)
    assert float(totals.unexplained) < 0.01 * want["solar_kwh"]


def test_a_year_is_split_within_the_time_of_a_page() -> None:
    numbers = np.arange(35_040, dtype=np.int64)
    source = np.random.default_rng(7)
    marks = np.zeros(35_040, dtype=np.int8)
    meters = SiteMeters(
        **{name: Series(numbers, source.integers(0, 10**7, 35_040), marks) for name in SIX}
    )

    times = []
    for _ in range(5):
        began = time.process_time()
        split_flows(meters)
        times.append(time.process_time() - began)
    assert_within(min(times), 0.02)
