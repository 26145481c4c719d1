"""Which period goes with which, up to the same moment, and what changed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metering.analysis.compare import (
    Against,
    Period,
    Span,
    compare_series,
    find_base,
    pair_periods,
)
from metering.analysis.local import first_quarter, local_days, to_date, to_moment
from metering.series import Grade, Series
from tests.metering.analysis.series import quarters

BERLIN = ZoneInfo("Europe/Berlin")


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def period(start: str, end: str) -> Period:
    return Period(day(start), day(end))


@pytest.mark.parametrize(
    ("current", "against", "base"),
    [
        (("2026-03-01", "2026-04-01"), Against.PREVIOUS, ("2026-02-01", "2026-03-01")),
        (("2026-01-01", "2027-01-01"), Against.PREVIOUS, ("2025-01-01", "2026-01-01")),
        (("2026-01-01", "2026-04-01"), Against.PREVIOUS, ("2025-10-01", "2026-01-01")),
        (("2026-03-09", "2026-03-16"), Against.PREVIOUS, ("2026-03-02", "2026-03-09")),
        (("2026-03-01", "2026-03-02"), Against.PREVIOUS, ("2026-02-28", "2026-03-01")),
        (("2024-02-01", "2024-03-01"), Against.LAST_YEAR, ("2023-02-01", "2023-03-01")),
        (("2025-02-01", "2025-03-01"), Against.LAST_YEAR, ("2024-02-01", "2024-03-01")),
        (("2024-02-29", "2024-03-01"), Against.LAST_YEAR, ("2023-02-28", "2023-03-01")),
        (("2025-02-28", "2025-03-01"), Against.LAST_YEAR, ("2024-02-28", "2024-02-29")),
        (("2025-12-30", "2026-01-06"), Against.LAST_YEAR, ("2024-12-30", "2025-01-06")),
        (("2026-03-09", "2026-03-16"), Against.SAME_WEEKDAY, ("2025-03-10", "2025-03-17")),
    ],
)
def test_periods_go_with_their_like(
    current: tuple[str, str], against: Against, base: tuple[str, str]
) -> None:
    assert find_base(period(*current), against) == period(*base)


def moments(span: Span, zone: ZoneInfo = BERLIN) -> list[str]:
    return [f"{to_moment(n).astimezone(zone):%Y-%m-%d %H:%M}" for n in (span.first, span.last)]


def test_a_running_month_is_compared_up_to_the_same_moment() -> None:
    now = dt.datetime(2026, 4, 12, 10, 37, tzinfo=BERLIN)
    pair = pair_periods(period("2026-04-01", "2026-05-01"), Against.PREVIOUS, zone=BERLIN, now=now)

    assert moments(pair.current) == ["2026-04-01 00:00", "2026-04-12 10:30"]
    assert moments(pair.base) == ["2026-03-01 00:00", "2026-03-12 10:30"]
    assert (pair.running, pair.shorter) == (True, False)


def test_an_hour_skipped_in_the_other_month_moves_nothing() -> None:
    # on the 29th of March the clock of Berlin jumps from 2 to 3
    current = period("2026-04-01", "2026-05-01")
    now = dt.datetime(2026, 4, 29, 12, tzinfo=BERLIN)
    pair = pair_periods(current, Against.PREVIOUS, zone=BERLIN, now=now)

    assert moments(pair.base)[1] == "2026-03-29 12:00"
    assert pair.current.last - pair.current.first == pair.base.last - pair.base.first + 4


def test_a_month_that_is_over_is_whole() -> None:
    now = dt.datetime(2026, 5, 1, tzinfo=BERLIN)
    pair = pair_periods(period("2026-04-01", "2026-05-01"), Against.LAST_YEAR, zone=BERLIN, now=now)

    assert not pair.running
    assert moments(pair.base) == ["2025-04-01 00:00", "2025-05-01 00:00"]


def test_a_shorter_month_ends_before_that_day() -> None:
    now = dt.datetime(2026, 3, 30, 12, tzinfo=BERLIN)
    pair = pair_periods(period("2026-03-01", "2026-04-01"), Against.PREVIOUS, zone=BERLIN, now=now)

    assert moments(pair.base) == ["2026-02-01 00:00", "2026-03-01 00:00"]
    assert pair.shorter
    known = quarters(dt.datetime(2026, 2, 1, tzinfo=BERLIN), [1] * 96 * 60)
    change = compare_series(known, pair)
    assert (change.base.known_share, change.current.known_share) == (1, 1)
    assert not change.is_like


def test_an_hour_shown_twice_has_its_second_time_in_both_years() -> None:
    # 52 weeks before the night the clock is set back it was set back too
    current = period("2026-10-25", "2026-10-26")
    for fold, passed in [(0, 10), (1, 14)]:
        now = dt.datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=BERLIN)
        pair = pair_periods(current, Against.SAME_WEEKDAY, zone=BERLIN, now=now)
        assert pair.current.last - pair.current.first == passed
        assert pair.base.last - pair.base.first == passed


def test_a_period_to_come_has_nothing_yet() -> None:
    now = dt.datetime(2026, 3, 30, tzinfo=BERLIN)
    pair = pair_periods(period("2026-05-01", "2026-06-01"), Against.PREVIOUS, zone=BERLIN, now=now)

    assert pair.current.first == pair.current.last
    assert pair.base.first == pair.base.last
    assert compare_series(Series.empty(), pair).percent is None


DAY = period("2026-03-10", "2026-03-11")
LATER = dt.datetime(2026, 3, 12, tzinfo=BERLIN)


def two_days(before: list[float], current: list[float]) -> Series:
    start = dt.datetime(2026, 3, 9, tzinfo=BERLIN)
    return quarters(start, before + current)


def test_the_change_is_exact_and_in_percent() -> None:
    pair = pair_periods(DAY, Against.PREVIOUS, zone=BERLIN, now=LATER)
    change = compare_series(two_days([0.1] * 96, [0.125] * 96), pair)

    assert (change.current.kwh, change.base.kwh, change.change_kwh) == (
        12, Decimal("9.6"), Decimal("2.4"),
    )  # fmt: skip
    assert change.percent == 25
    assert change.is_like
    lower = compare_series(two_days([-0.1] * 96, [-0.15] * 96), pair)
    assert lower.percent == -50


@pytest.mark.parametrize("before", [0.0, float("nan")])
def test_nothing_to_compare_with_has_no_percent(before: float) -> None:
    pair = pair_periods(DAY, Against.PREVIOUS, zone=BERLIN, now=LATER)

    assert compare_series(two_days([before] * 96, [1] * 96), pair).percent is None


def test_a_period_nobody_measured_has_not_fallen_to_zero() -> None:
    pair = pair_periods(DAY, Against.PREVIOUS, zone=BERLIN, now=LATER)
    change = compare_series(two_days([1] * 96, []), pair)

    assert (change.percent, change.current.known_share, change.is_like) == (None, 0.0, False)


def test_shares_say_how_much_is_known_and_guessed() -> None:
    pair = pair_periods(DAY, Against.PREVIOUS, zone=BERLIN, now=LATER)
    start = dt.datetime(2026, 3, 9, tzinfo=BERLIN)
    base = quarters(start, [1.0] * 48, [Grade.ESTIMATED] * 24 + [Grade.MEASURED] * 24)
    current = quarters(start + dt.timedelta(days=1), [1.0] * 96)

    change = compare_series(current, pair, base=base)
    assert (change.base.known_share, change.base.estimated_share) == (0.5, 0.25)
    assert not change.is_like
    assert compare_series(current, pair, base=Series.empty()).base.kwh == 0


@given(
    st.dates(dt.date(2000, 1, 1), dt.date(2040, 1, 1)),
    st.integers(1, 400),
    st.sampled_from(list(Against)),
    st.integers(0, 400 * 96),
)
def test_the_other_period_lies_before_and_ends_at_the_same_time_of_day(
    start: dt.date, length: int, against: Against, passed: int
) -> None:
    current = Period(start, start + dt.timedelta(days=length))
    now = to_moment(first_quarter(start, BERLIN) + passed)
    pair = pair_periods(current, against, zone=BERLIN, now=now)

    assert pair.base_period.end > pair.base_period.start
    assert pair.base_period.start < current.start
    assert pair.base.first <= pair.base.last <= first_quarter(pair.base_period.end, BERLIN)
    ends = [to_moment(span.last).astimezone(BERLIN) for span in (pair.current, pair.base)]
    # a time that the clock skips on that day is an hour later there
    if not pair.shorter and ends[1].time() != ends[0].time():
        assert ends[0].hour == 2 and ends[1].hour == 3


# clocks that are set at midnight (Beirut, Cairo, Asuncion) or a minute after it (St. John's)
ZONES = [
    "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "Asia/Beirut", "Africa/Cairo",
    "America/Asuncion", "America/St_Johns",
]  # fmt: skip


@given(
    st.dates(dt.date(1990, 1, 1), dt.date(2040, 1, 1)),
    st.sampled_from([ZoneInfo(name) for name in ZONES]),
)
@example(dt.date(2007, 11, 4), ZoneInfo("America/St_Johns"))
@example(dt.date(2007, 11, 5), ZoneInfo("America/St_Johns"))
@example(dt.date(2023, 3, 26), ZoneInfo("Asia/Beirut"))
@example(dt.date(2023, 3, 26), ZoneInfo("America/Asuncion"))
def test_a_local_day_begins_at_its_first_quarter(start: dt.date, zone: ZoneInfo) -> None:
    first = first_quarter(start, zone)
    days = local_days(np.arange(first - 3, first + 3, dtype=np.int64), zone)

    assert [to_date(n) for n in days] == [start - dt.timedelta(days=1)] * 3 + [start] * 3
