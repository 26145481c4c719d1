"""Demand of windows on the wall clock, its peaks, and what is above the contract."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.analysis.demand import (
    UnknownWidth,
    duration_curve,
    find_excess,
    find_peaks,
    find_windows,
    load_factor,
    peak_per_day,
    peak_per_month,
    predict_demand,
)
from metering.analysis.local import quarter_at, to_moment
from metering.series import Grade, Series
from tests.metering.analysis.series import (
    facts,
    near,
    needs_files,
    quarters,
    read_household,
    read_school,
)

UTC = ZoneInfo("UTC")
PARIS = ZoneInfo("Europe/Paris")
NEPAL = ZoneInfo("Asia/Kathmandu")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
START = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
NAN = float("nan")


@pytest.mark.parametrize(("minutes", "powers"), [(15, [4, 8, 12, 16]), (30, [6, 14]), (60, [10])])
def test_power_is_the_energy_of_a_window_per_hour(minutes: int, powers: list[int]) -> None:
    windows = find_windows(quarters(START, [1, 2, 3, 4]), minutes=minutes, zone=UTC)

    assert [power / 1e6 for power in windows.powers] == powers
    assert windows.whole.all()


def test_a_window_with_a_missing_quarter_is_no_peak() -> None:
    windows = find_windows(quarters(START, [9, NAN, 9, 9, 1, 1, 1, 1]), minutes=60, zone=UTC)

    assert windows.whole.tolist() == [False, True]
    assert [peak.power_kw for peak in find_peaks(windows, count=5)] == [Decimal(4)]


def test_a_window_of_which_nothing_is_known_has_no_entry() -> None:
    windows = find_windows(quarters(START, [1] * 4 + [NAN] * 4 + [1] * 4), minutes=60, zone=UTC)

    assert [to_moment(start).hour for start in windows.starts] == [0, 2]


def test_hours_begin_where_the_wall_clock_says_so() -> None:
    # Nepal is 5:45 ahead: its hours begin at 15 minutes past
    windows = find_windows(quarters(START, [1] * 9), minutes=60, zone=NEPAL)

    assert [to_moment(start).minute for start in windows.starts] == [15, 15, 15]
    assert (windows.known.tolist(), windows.lengths.tolist()) == ([1, 4, 4], [4, 4, 4])


def test_a_clock_set_back_by_half_an_hour_cuts_a_window_short() -> None:
    # 2026-04-05 at 2:00 the clock of Lord Howe goes back to 1:30; it is 15:00 UTC
    start = dt.datetime(2026, 4, 4, 14, tzinfo=dt.UTC)
    windows = find_windows(quarters(start, [1] * 10), minutes=60, zone=LORD_HOWE)

    assert windows.lengths.tolist() == [4, 2, 4]
    assert [power / 1e6 for power in windows.powers] == [4, 4, 4]


@pytest.mark.parametrize(("minutes", "count"), [(15, 16), (30, 8), (60, 4)])
def test_an_hour_shown_twice_is_two_hours(minutes: int, count: int) -> None:
    # 2026-10-25 at 3:00 the clock of Berlin goes back to 2:00; it is 1:00 UTC
    start = dt.datetime(2026, 10, 24, 23, tzinfo=dt.UTC)
    windows = find_windows(quarters(start, [1] * 16), minutes=minutes, zone=PARIS)

    assert set(windows.lengths.tolist()) == {minutes // 15}
    assert (len(windows), set(windows.powers.tolist())) == (count, {4_000_000})


def test_an_hour_that_is_skipped_is_no_window() -> None:
    start = dt.datetime(2026, 3, 28, 23, tzinfo=dt.UTC)
    windows = find_windows(quarters(start, [1] * 16), minutes=60, zone=PARIS)

    hours = [to_moment(n).astimezone(PARIS).hour for n in windows.starts]
    assert (hours, windows.whole.all()) == ([0, 1, 3, 4], True)


def test_of_equal_peaks_the_first_counts() -> None:
    days = [[5.0, 1, 5, *[1] * 93]] * 2
    windows = find_windows(quarters(START, sum(days, [])), minutes=15, zone=UTC)

    assert [peak.start for peak in find_peaks(windows, count=2)] == [
        START, START + dt.timedelta(minutes=30),
    ]  # fmt: skip
    assert [peak.start for peak in peak_per_day(windows, zone=UTC).values()] == [
        START, START + dt.timedelta(days=1),
    ]  # fmt: skip
    assert peak_per_month(windows, zone=UTC)[dt.date(2026, 3, 1)].start == START


def test_the_worst_quarter_grades_a_window() -> None:
    grades = [Grade.MEASURED, Grade.ESTIMATED, Grade.PRORATED, Grade.MEASURED]
    windows = find_windows(quarters(START, [1] * 4, grades), minutes=30, zone=UTC)

    assert windows.grades.tolist() == [Grade.ESTIMATED, Grade.PRORATED]


def test_peaks_come_highest_first_with_their_time_and_grade() -> None:
    grades = [Grade.MEASURED, Grade.ESTIMATED, Grade.MEASURED, Grade.MEASURED]
    windows = find_windows(quarters(START, [1, 3, 2, 3], grades), minutes=15, zone=UTC)

    first, second = find_peaks(windows, count=2)
    assert (first.power_kw, first.start.minute, first.grade) == (12, 15, Grade.ESTIMATED)
    assert (second.power_kw, second.start.minute, second.grade) == (12, 45, Grade.MEASURED)


def test_each_local_day_and_month_has_its_peak() -> None:
    start = dt.datetime(2026, 3, 31, 20, tzinfo=dt.UTC)  # 22:00 in Paris
    values = [1, 5, 2, 2] + [1] * 4 + [7] + [1] * 3
    windows = find_windows(quarters(start, values), minutes=15, zone=PARIS)

    days = peak_per_day(windows, zone=PARIS)
    assert {day: peak.power_kw for day, peak in days.items()} == {
        dt.date(2026, 3, 31): 20,
        dt.date(2026, 4, 1): 28,
    }
    assert days[dt.date(2026, 4, 1)].start == dt.datetime(2026, 3, 31, 22, tzinfo=dt.UTC)
    assert list(peak_per_month(windows, zone=PARIS)) == [dt.date(2026, 3, 1), dt.date(2026, 4, 1)]


def test_what_is_above_the_contracted_power() -> None:
    windows = find_windows(quarters(START, [1, 3, 2, 4, NAN]), minutes=15, zone=UTC)

    excess = find_excess(windows, limit_kw=Decimal(8))
    assert [peak.power_kw for peak in excess.peaks] == [16, 12]
    assert (excess.energy_kwh, excess.checked, excess.incomplete) == (3, 4, 0)
    half = find_excess(
        find_windows(quarters(START, [1, 3, 2]), minutes=30, zone=UTC), limit_kw=Decimal(1)
    )
    assert (half.checked, half.incomplete, half.energy_kwh) == (1, 1, Decimal("3.5"))


def test_the_curve_keeps_its_ends_and_its_bound() -> None:
    series = quarters(START, np.arange(3000) / 4)
    curve = duration_curve(find_windows(series, minutes=15, zone=UTC))

    assert len(curve) == 500
    assert (curve[0], curve[-1]) == ((pytest.approx(1 / 3000), 2999.0), (1.0, 0.0))
    assert [kw for _, kw in curve] == sorted((kw for _, kw in curve), reverse=True)


def test_nothing_known_has_no_demand() -> None:
    windows = find_windows(Series.empty(), minutes=15, zone=UTC)

    assert (find_peaks(windows, count=3), duration_curve(windows)) == ([], [])
    assert load_factor(windows) is None
    assert peak_per_month(windows, zone=UTC) == {}


def test_a_width_no_grid_uses_is_refused() -> None:
    with pytest.raises(UnknownWidth):
        find_windows(Series.empty(), minutes=10, zone=UTC)


def test_the_end_of_a_window_is_predicted() -> None:
    now = START + dt.timedelta(minutes=7)
    predicted = predict_demand(
        start=START, minutes=15, now=now, energy_kwh=Decimal(7), power_kw=Decimal(60),
        limit_kw=Decimal(50),
    )  # fmt: skip

    assert (predicted.power_kw, predicted.remaining_seconds) == (60, 480)
    assert (predicted.exceeds, predicted.reached) == (True, False)
    # 5.5 kWh are left for 8 minutes
    assert predicted.allowed_kw == pytest.approx(Decimal("41.25"))
    gone = predict_demand(
        start=START, minutes=15, now=now, energy_kwh=Decimal(13), power_kw=Decimal(0),
        limit_kw=Decimal(50),
    )  # fmt: skip
    assert (gone.power_kw, gone.reached, gone.allowed_kw) == (52, True, 0)


@pytest.mark.parametrize(("minutes", "remaining"), [(-5, 900), (0, 900), (15, 0), (20, 0)])
def test_a_window_is_predicted_from_its_start_to_its_end(minutes: int, remaining: int) -> None:
    predicted = predict_demand(
        start=START, minutes=15, now=START + dt.timedelta(minutes=minutes),
        energy_kwh=Decimal(2), power_kw=Decimal(4), limit_kw=Decimal(10),
    )  # fmt: skip

    assert predicted.remaining_seconds == remaining
    assert predicted.power_kw == (12 if remaining else 8)
    assert (predicted.allowed_kw is None) == (remaining == 0)


@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=400),
    st.integers(0, 10**6),
    st.sampled_from([15, 30, 60]),
    st.sampled_from([UTC, PARIS, NEPAL, LORD_HOWE]),
)
def test_windows_lose_no_energy(
    amounts: list[int], first: int, minutes: int, zone: ZoneInfo
) -> None:
    numbers = np.arange(len(amounts), dtype=np.int64) + first
    kept = np.array([n % 7 != 3 for n in range(len(amounts))])
    series = Series(
        numbers, np.array(amounts, dtype=np.int64), np.zeros(len(amounts), np.int8)
    ).take(kept)

    windows = find_windows(series, minutes=minutes, zone=zone)
    assert windows.amounts.sum() == series.amounts.sum()
    assert windows.known.sum() == len(series)
    assert (windows.known <= windows.lengths).all()
    if minutes == 15:
        assert windows.starts.tolist() == series.numbers.tolist()


@needs_files
def test_the_peaks_of_a_household() -> None:
    want = facts("uci-household/household_power_consumption_2007-02-05_06.txt")
    series = read_household()

    [quarter] = find_peaks(find_windows(series, minutes=15, zone=PARIS), count=1)
    # half a millionth of a kWh in a quarter hour is 2 millionths of a kW
    rounded = 2.5e-6
    assert float(quarter.power_kw) == pytest.approx(want["peak_15min_demand_kw"], abs=rounded)
    assert f"{quarter.start.astimezone(PARIS):%Y-%m-%d %H:%M:%S}" == want["peak_15min_start"]
    [hour] = find_peaks(find_windows(series, minutes=60, zone=PARIS), count=1)
    assert float(hour.power_kw) == pytest.approx(want["peak_hour_kwh"], abs=rounded)
    assert f"{hour.start.astimezone(PARIS):%Y-%m-%d %H:%M:%S}" == want["peak_hour_start"]


@needs_files
def test_the_load_factor_and_the_peak_of_a_school() -> None:
    want = facts("school-hourly-2018/school_eload.rda")
    series = read_school()

    windows = find_windows(series, minutes=60, zone=UTC)
    assert series.amounts.sum() == round(want["total_kwh"] * 1e6)
    assert len(windows) == want["rows"] - want["nulls"]
    assert load_factor(windows) == near(want["load_factor"], 4)
    [peak] = find_peaks(windows, count=1)
    assert float(peak.power_kw) == want["max_kw"]
    assert f"{peak.start:%Y-%m-%d %H:%M:%S}" == want["max_at"]
    assert quarter_at(peak.start) in series.numbers
