"""A meter against its submeters: when to raise an alarm, and about whom."""

from __future__ import annotations

import datetime as dt
import time
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.analysis.balance import (
    Balance,
    MeterReading,
    Verdict,
    balance_per_day,
    check_balance,
    check_tree,
)
from metering.series import Grade, Series
from tests.metering.analysis.series import quarters
from tests.pace import assert_within

START = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
BERLIN = ZoneInfo("Europe/Berlin")
NAN = float("nan")


def meter(key: str, kwh: list[float], percent: str = "1", **extra: object) -> MeterReading:
    series = quarters(START, kwh, extra.pop("grades", None))  # type: ignore[arg-type]
    return MeterReading(key, series, Decimal(percent), **extra)  # type: ignore[arg-type]


def family(parent_kwh: float, *children_kwh: float, percent: str) -> Balance:
    """Return the balance of four equal quarters; amounts are the totals."""
    children = [
        meter(f"c{n}", [kwh / 4] * 4, percent, parent="site") for n, kwh in enumerate(children_kwh)
    ]
    return check_balance(meter("site", [parent_kwh / 4] * 4, percent), children)


@pytest.mark.parametrize(
    ("percent", "children", "verdict"),
    [
        ("2", 102, Verdict.WITHIN_BAND),
        ("3.5", 102, Verdict.WITHIN_BAND),
        ("1", 102, Verdict.CHILDREN_EXCEED),  # not to be had from two class 1 meters
        ("0.5", 110, Verdict.CHILDREN_EXCEED),
        ("2", 110, Verdict.CHILDREN_EXCEED),
        ("3.5", 110, Verdict.CHILDREN_EXCEED),
        ("2", 98, Verdict.WITHIN_BAND),
        ("2", 90, Verdict.UNMETERED),
        ("3.5", 90, Verdict.UNMETERED),
    ],
)
def test_an_alarm_is_raised_outside_the_band_of_the_class(
    percent: str, children: float, verdict: Verdict
) -> None:
    balance = family(100, children / 2, children / 2, percent=percent)

    assert balance.total.verdict == verdict
    assert balance.total.residual == 100 - children
    assert balance.total.residual_percent == 100 - children


def test_errors_add_up_as_independent_ones() -> None:
    balance = family(100, 60, 40, percent="2")

    assert float(balance.total.band) == pytest.approx((4 + 1.44 + 0.64) ** 0.5, abs=1e-6)
    assert balance.bands[0] / 1e6 == pytest.approx((4 + 1.44 + 0.64) ** 0.5 / 4)


def test_a_step_of_the_register_is_no_alarm() -> None:
    site = meter("site", [1.1], step=100_000)
    child = meter("a", [1.0], step=100_000)

    assert check_balance(site, [child]).total.verdict == Verdict.WITHIN_BAND
    assert family(1.1, 1.0, percent="1").total.verdict == Verdict.UNMETERED
    still = check_balance(meter("site", [0], step=3000), [meter("a", [0], step=4000)])
    assert (still.bands[0], still.total.band) == (pytest.approx(5000), Decimal("0.005"))


def test_a_site_that_uses_nothing_is_in_balance() -> None:
    balance = family(0, 0, percent="1")

    assert (balance.total.verdict, balance.total.band) == (Verdict.WITHIN_BAND, 0)
    assert balance.total.residual_percent is None


def test_a_producer_behind_the_meter_counts_with_a_minus() -> None:
    site = meter("site", [2, 2])  # 5 used, 3 made
    balance = check_balance(site, [meter("load", [5, 5]), meter("sun", [3, 3], feeds=True)])

    assert (balance.total.residual, balance.total.children) == (0, 4)
    assert balance.total.verdict == Verdict.WITHIN_BAND


def test_only_quarters_that_all_know_count() -> None:
    balance = check_balance(
        meter("site", [10, 10, 10, 10]), [meter("a", [5, NAN, 5, 5]), meter("b", [5, 5, NAN, 5])]
    )

    assert (balance.total.parent, balance.total.residual) == (20, 0)
    assert (balance.coverage, balance.asked) == (0.5, 4)


def test_nothing_in_common_has_no_verdict() -> None:
    balance = check_balance(meter("site", [10, NAN]), [meter("a", [NAN, 5])])

    assert (balance.total.verdict, balance.coverage) == (Verdict.UNKNOWN, 0.0)
    assert balance_per_day(balance, zone=BERLIN) == {}
    nothing = MeterReading("b", Series.empty(), Decimal(1))
    assert check_balance(nothing, [nothing]).coverage == 0.0


def test_each_local_day_has_its_balance() -> None:
    # 22:00 to 01:00 UTC: four quarters of the 2nd, eight of the 3rd in Berlin
    start = dt.datetime(2026, 3, 2, 22, tzinfo=dt.UTC)
    site = MeterReading("site", quarters(start, [1] * 12), Decimal(1))
    child = MeterReading("a", quarters(start, [1] * 4 + [0.5] * 8), Decimal(1))

    days = balance_per_day(check_balance(site, [child]), zone=BERLIN)
    assert [(day.day, sums.parent, sums.verdict) for day, sums in days.items()] == [
        (2, 4, Verdict.WITHIN_BAND),
        (3, 8, Verdict.UNMETERED),
    ]


def test_every_level_of_a_tree_has_its_balance() -> None:
    meters = [
        meter("site", [10]),
        meter("floor", [6], parent="site"),
        meter("shop", [4], parent="site"),
        meter("lights", [1], parent="floor"),
        meter("oven", [4], parent="floor"),
    ]

    balances = check_tree(meters)
    assert {key: balance.total.residual for key, balance in balances.items()} == {
        "site": 0,
        "floor": 1,
    }


def blame(children: list[MeterReading], residual: list[float]) -> Balance:
    kwh = sum(child.series.amounts for child in children) / 1e6 + np.array(residual)
    return check_balance(meter("site", kwh.tolist()), children)


def test_a_child_that_reads_half_is_suspected_and_measured() -> None:
    source = np.random.default_rng(3)
    kwh = source.uniform(0, 5, (4, 200))
    children = [meter(f"c{n}", row.tolist()) for n, row in enumerate(kwh)]

    first, *others = blame(children, kwh[2].tolist()).suspects
    assert (first.key, first.silent) == ("c2", False)
    assert first.score == pytest.approx(first.follows) == pytest.approx(1.0)
    assert first.factor == pytest.approx(2.0, abs=1e-4)
    assert max(suspect.score for suspect in others) < 0.1


def test_a_producer_that_reads_half_is_measured_too() -> None:
    sun = np.random.default_rng(5).uniform(0, 2, 100)
    load = meter("load", [9.0] * 100)
    site = meter("site", (9 - 2 * sun).tolist())

    balance = check_balance(site, [load, meter("sun", sun.tolist(), feeds=True)])
    assert balance.suspects[0].key == "sun"
    assert balance.suspects[0].factor == pytest.approx(2.0, abs=1e-4)


def test_a_child_that_always_shows_the_same_follows_nothing() -> None:
    gap = np.random.default_rng(9).uniform(0.5, 2, 60).tolist()

    [only] = blame([meter("fan", [1.234567] * 60)], gap).suspects
    assert (only.follows, only.score) == (0.0, 0.0)
    assert only.factor == pytest.approx(1 + np.mean(gap) / 1.234567, abs=1e-6)


def test_a_silent_child_with_a_history_is_suspected() -> None:
    children = [
        meter("idle", [0.0] * 40),
        meter("dead", [0.0] * 40, usual=500_000),
        meter("busy", [3.0] * 40),
    ]

    first, *others = blame(children, [1.0, 2.0] * 20).suspects
    assert (first.key, first.silent, first.factor) == ("dead", True, None)
    assert [suspect.silent for suspect in others] == [False, False]


def test_an_estimated_and_an_absent_child_are_suspected() -> None:
    grades = [Grade.ESTIMATED] * 3 + [Grade.MEASURED]
    children = [
        meter("good", [1] * 4),
        meter("guessed", [1] * 4, grades=grades),
        meter("gone", [1, 1, NAN, NAN]),
    ]

    balance = check_balance(meter("site", [3] * 4), children)
    assert [(s.key, s.estimated_share, s.missing_share) for s in balance.suspects] == [
        ("guessed", 0.75, 0.0),
        ("gone", 0.0, 0.5),
        ("good", 0.0, 0.0),
    ]


def test_nobody_is_blamed_for_a_residual_within_the_band() -> None:
    children = [meter("a", [1, 2, 3, 4]), meter("b", [4, 3, 2, 1])]

    balance = blame(children, [0.001, 0.002, 0.003, 0.004])
    assert balance.total.verdict == Verdict.WITHIN_BAND
    assert [(s.score, s.factor) for s in balance.suspects] == [(0.0, None)] * 2


@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.integers(0, 10**12)), min_size=60, max_size=60),
        min_size=2, max_size=5,
    )
)  # fmt: skip
def test_the_residual_is_exact(rows: list[list[int | None]]) -> None:
    def series(row: list[int | None]) -> Series:
        known = [n for n, amount in enumerate(row) if amount is not None]
        amounts = np.array([row[n] for n in known], dtype=np.int64)
        return Series(np.array(known, dtype=np.int64), amounts, np.zeros(len(known), np.int8))

    parent, *children = [
        MeterReading(str(n), series(row), Decimal(1)) for n, row in enumerate(rows)
    ]
    balance = check_balance(parent, children)

    whole = [n for n in range(60) if all(row[n] is not None for row in rows)]
    want = [rows[0][n] - sum(row[n] for row in rows[1:]) for n in whole]  # type: ignore[operator,misc]
    assert balance.numbers.tolist() == whole
    assert balance.residuals.tolist() == want
    assert balance.total.residual * 1_000_000 == sum(want)
    days = balance_per_day(balance, zone=BERLIN)
    assert sum(day.residual for day in days.values()) == balance.total.residual


def test_a_year_of_fifty_meters_is_balanced_within_the_time_of_a_page() -> None:
    source = np.random.default_rng(7)
    numbers, marks = np.arange(35_040, dtype=np.int64), np.zeros(35_040, dtype=np.int8)
    amounts = source.integers(0, 10**7, (49, 35_040))
    site = MeterReading("site", Series(numbers, amounts.sum(axis=0), marks), Decimal(1))
    children = [
        MeterReading(f"{n}", Series(numbers, row, marks), Decimal(1), parent="site")
        for n, row in enumerate(amounts)
    ]

    times = []
    for _ in range(5):
        began = time.process_time()
        check_tree([site, *children])
        times.append(time.process_time() - began)
    assert_within(min(times), 0.1)
