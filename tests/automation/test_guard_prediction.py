"""What the running window comes to."""

from __future__ import annotations

import csv
import datetime as dt
import os
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from automation.guard.prediction import (
    Prediction,
    Switched,
    demand_of,
    predict,
    window_start,
)
from automation.guard.series import Floats, Stretches, of_counter, of_power

START, QUARTER = 1_795_000_500.0 - 1_795_000_500.0 % 900, 900
REALDATA = Path(os.environ.get("REALDATA_DIR", settings.BASE_DIR.parent / "shared" / "realdata"))
HOUSEHOLD = REALDATA / "series" / "uci-household" / "household_power_consumption_2007-02-05_06.txt"


def power(*pairs: tuple[float, float], longest: float = 90, holds: bool = False) -> Stretches:
    """Return a power; times count from the begin of the window."""
    times = np.array([START + at for at, _kw in pairs], dtype=float)
    return of_power(times, np.array([kw for _at, kw in pairs]), longest=longest, holds=holds)


def steady(kw: float, begin: int, end: int, step: int = 10) -> Stretches:
    return power(*((at, kw) for at in range(begin, end + 1, step)))


def told(series: Stretches, at: float, switched: tuple[Switched, ...] = ()) -> Prediction:
    found = predict(
        series, start=START, seconds=QUARTER, now=START + at, stale_seconds=60, switched=switched
    )
    assert found is not None
    return found


@given(
    kw=st.floats(0, 5_000), at=st.integers(1, 900), step=st.integers(1, 30),
    counts=st.booleans(),
)  # fmt: skip
def test_a_constant_power_is_predicted_exactly(kw: float, at: int, step: int, counts: bool) -> None:
    times = np.arange(at - 400, at + 1, step, dtype=float) + START
    series = (
        of_counter(times, kw * (times - times[0]) / 3600, most_kw=10_000)
        if counts
        else of_power(times, np.full(len(times), kw), longest=90)
    )

    found = told(series, at)

    for value in (found.expected_kw, found.low_kw, found.high_kw, found.power_kw):
        assert value == pytest.approx(kw, abs=1e-6)


@given(st.lists(st.floats(0, 500), min_size=40, max_size=91), st.integers(0, 60))
def test_the_band_holds_what_is_expected_and_the_end_is_known(
    values: list[float], late: int
) -> None:
    series = power(*((number * 10, kw) for number, kw in enumerate(values)))
    at = (len(values) - 1) * 10 + min(late, 900 - (len(values) - 1) * 10)

    found = told(series, at)

    assert found.low_kw - 1e-6 <= found.expected_kw <= found.high_kw + 1e-6
    if len(values) == 91:
        assert found.expected_kw == pytest.approx(found.energy_kwh * 4)
        assert demand_of(series, start=START, seconds=QUARTER) == pytest.approx(found.expected_kw)


@given(st.lists(st.floats(0, 500), min_size=60, max_size=91), st.data())
def test_late_samples_lead_to_what_would_have_been_known(
    values: list[float], data: st.DataObject
) -> None:
    rows = [(float(number * 10), kw) for number, kw in enumerate(values)]
    late = data.draw(st.sets(st.integers(1, len(rows) - 2), max_size=10))
    before = power(*(row for number, row in enumerate(rows) if number not in late))
    at = rows[-1][0]

    assert told(before, at).until == START + at
    assert told(power(*rows), at) == told(power(*sorted(rows)), at)


def test_a_window_just_begun_counts_on_what_flowed_before() -> None:
    found = told(steady(80, -300, 0), 5)

    assert (found.energy_kwh, found.until) == (0.0, START)
    assert found.expected_kw == pytest.approx(80)


def test_a_higher_power_counts_for_the_rest() -> None:
    series = power((-10, 100), (0, 100), (299, 100), (300, 200), (420, 200), longest=400)

    found = told(series, 420)

    assert found.power_kw == pytest.approx(200)
    assert found.expected_kw == pytest.approx((100 * 300 + 200 * 600) / 900, rel=0.01)
    assert found.low_kw < found.expected_kw


def test_a_gap_widens_the_band() -> None:
    rows = [(at, 100.0) for at in range(0, 201, 10)] + [(at, 300.0) for at in range(400, 421, 10)]

    found = told(power(*rows), 420)

    assert found.low_kw < found.expected_kw < found.high_kw
    assert found.energy_kwh == pytest.approx((100 * 200 + 200 * 200 + 300 * 20) / 3600)


def test_a_counter_knows_what_flowed_in_a_gap() -> None:
    times = np.array([0, 10, 400, 420], dtype=float) + START
    series = of_counter(times, np.array([0, 0.5, 20, 21]), most_kw=1000)

    assert told(series, 420).energy_kwh == pytest.approx(21)


def test_a_counter_that_begins_again_leaves_that_step_out() -> None:
    times = np.array([0, 60, 120, 180], dtype=float) + START

    reset = of_counter(times, np.array([999_998.0, 999_999.0, 0.5, 1.5]), most_kw=1000)
    wraps = of_counter(times, np.array([999_998.0, 999_999.0, 0.0, 1.0]), most_kw=1000, modulus=1e6)

    assert reset.covered(START, START + 180) == 120
    assert wraps.energy(START, START + 180)[0] == pytest.approx(3)
    # what the reset hides counts as what flows now
    assert told(reset, 180).expected_kw == pytest.approx(60)


@pytest.mark.parametrize("series", [power(), power((0, 5)), steady(50, 0, 300)])
def test_without_fresh_samples_nothing_is_known(series: Stretches) -> None:
    assert predict(series, start=START, seconds=QUARTER, now=START + 361, stale_seconds=60) is None


def test_what_is_fed_in_is_no_demand() -> None:
    assert told(steady(-40, 0, 300), 300).expected_kw == 0


@pytest.mark.parametrize(("ago", "part"), [(0, 0.0), (40, 0.0), (75, 0.5), (135, 1.0), (400, 1.0)])
def test_a_load_that_was_shed_just_now_is_taken_off_until_samples_show_it(
    ago: float, part: float
) -> None:
    """`part`: how much of it the mean of the last two minutes shows already."""
    shed_at = 420 - ago
    rows = [(at, 100.0 if at < shed_at + 15 else 80.0) for at in range(421)]

    found = told(power(*rows), 420, (Switched(START + shed_at, -20.0),))

    assert found.power_kw == pytest.approx(80, abs=0.2)
    measured = predict(power(*rows), start=START, seconds=900, now=START + 420, stale_seconds=60)
    assert measured is not None
    shown = (100 - measured.power_kw) / 20
    assert shown == pytest.approx(min(1.0, max(0.0, (ago - 15) / 120)), abs=0.02)
    assert part == pytest.approx(shown, abs=0.25)


def test_a_load_never_makes_the_power_negative() -> None:
    assert told(steady(10, 0, 400), 400, (Switched(START + 399, -50.0),)).power_kw == 0


def test_windows_are_aligned_to_the_clock() -> None:
    at = dt.datetime(2026, 3, 29, 1, 7, 31, tzinfo=dt.UTC).timestamp()

    assert window_start(at, 900) == dt.datetime(2026, 3, 29, 1, 0, tzinfo=dt.UTC).timestamp()


def test_a_window_with_holes_has_no_demand() -> None:
    assert demand_of(steady(50, 0, 800), start=START, seconds=QUARTER) is None
    assert demand_of(steady(50, -10, 900), start=START, seconds=QUARTER) == pytest.approx(50)


@pytest.mark.skipif(not HOUSEHOLD.exists(), reason=f"no real data at {HOUSEHOLD}; set REALDATA_DIR")
def test_a_real_household_is_predicted_better_than_by_its_mean_so_far() -> None:
    times, kilowatts = _household()
    series = of_power(times, kilowatts, longest=90)
    errors, naive, inside = [], [], 0
    for start in np.arange(times[0] + 900, times[-1] - 900, 900):
        begin, end = np.searchsorted(times, [start - 600, start + 421])
        known = of_power(times[begin:end], kilowatts[begin:end], longest=90)
        found = predict(known, start=start, seconds=900, now=start + 425, stale_seconds=120)
        true = demand_of(series, start=start, seconds=900)
        assert found is not None
        assert true is not None
        errors.append(abs(found.expected_kw - true))
        naive.append(abs(found.energy_kwh * 3600 / 420 - true))
        inside += found.low_kw - 0.02 <= true <= found.high_kw + 0.02

    assert len(errors) > 180
    assert np.mean(errors) < np.mean(naive)
    assert np.median(errors) < 0.05
    assert inside / len(errors) > 0.6


def _household() -> tuple[Floats, Floats]:
    """Return two days of a power that was kept every minute, in kW."""
    with HOUSEHOLD.open() as lines:
        values = [float(row["Global_active_power"]) for row in csv.DictReader(lines, delimiter=";")]
    return START + 60.0 * np.arange(len(values)), np.array(values)
