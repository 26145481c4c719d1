"""What a running month comes to, with a band, and how it stands against a plan."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from metering.analysis.forecast import (
    BudgetVerdict,
    Forecast,
    Method,
    compare_budget,
    forecast_period,
)
from metering.analysis.local import Days, sum_days
from metering.series import Grade, Series
from tests.metering.analysis.series import days_of, needs_files, read_rows, spread_hours

BERLIN = ZoneInfo("Europe/Berlin")
MAY, JUNE, JULY = dt.date(2026, 5, 1), dt.date(2026, 6, 1), dt.date(2026, 7, 1)
TODAY = dt.date(2026, 6, 11)
NAN = float("nan")


def week(day: dt.date) -> float:
    return 20 if day.weekday() < 5 else 8


def history(start: dt.date, end: dt.date, kwh: object = week) -> Days:
    span = [start + dt.timedelta(days=n) for n in range((end - start).days)]
    return days_of(start, [kwh(day) for day in span], BERLIN)  # type: ignore[operator]


def total_of(start: dt.date, end: dt.date) -> float:
    return sum(week(start + dt.timedelta(days=n)) for n in range((end - start).days))


def test_the_rest_of_a_month_takes_what_its_weekdays_took() -> None:
    forecast = forecast_period(history(MAY, TODAY), start=JUNE, end=JULY, today=TODAY)

    assert forecast.method == Method.WEEKDAYS
    assert forecast.actual_kwh == Decimal(str(total_of(JUNE, TODAY)))
    assert float(forecast.total_kwh) == pytest.approx(total_of(JUNE, JULY))
    assert forecast.low_kwh == forecast.total_kwh == forecast.high_kwh  # it never varied


def test_a_day_that_is_not_over_counts_with_what_is_left_of_it() -> None:
    days = history(MAY, TODAY + dt.timedelta(days=1))
    days.known[-1], days.amounts[-1] = 24, 9_000_000

    forecast = forecast_period(days, start=JUNE, end=JULY, today=TODAY)
    want = total_of(JUNE, JULY) - 20 + 9 + 20 * 0.75
    assert float(forecast.total_kwh) == pytest.approx(want)


def test_a_gap_is_filled_and_said_to_be() -> None:
    days = history(MAY, TODAY)
    days = days.take(days.numbers != days.numbers[-3])

    forecast = forecast_period(days, start=JUNE, end=JULY, today=TODAY)
    assert forecast.filled_kwh == 20
    assert float(forecast.total_kwh) == pytest.approx(total_of(JUNE, JULY))


def test_days_after_today_are_not_looked_at() -> None:
    early = forecast_period(history(MAY, TODAY), start=JUNE, end=JULY, today=TODAY)
    later = history(MAY, dt.date(2026, 8, 1), lambda day: week(day) * (1 if day < TODAY else 99))
    again = forecast_period(later, start=JUNE, end=JULY, today=TODAY - dt.timedelta(days=1))

    assert again.total_kwh == early.total_kwh


def test_a_month_that_is_over_is_what_it_was() -> None:
    forecast = forecast_period(history(MAY, TODAY), start=MAY, end=JUNE, today=TODAY)

    assert forecast.method == Method.OVER
    assert forecast.low_kwh == forecast.total_kwh == forecast.actual_kwh == forecast.high_kwh


def test_too_little_history_gives_no_forecast() -> None:
    days = history(dt.date(2026, 6, 6), TODAY)
    forecast = forecast_period(days, start=JUNE, end=JULY, today=TODAY)

    assert forecast == Forecast(
        Method.NONE, Decimal(str(total_of(dt.date(2026, 6, 6), TODAY))), Decimal(0), Decimal(0),
        None, None,
    )  # fmt: skip
    nothing = sum_days(Series.empty(), zone=BERLIN)
    assert forecast_period(nothing, start=JUNE, end=JULY, today=TODAY).method == Method.NONE


def test_the_shape_of_last_year_is_scaled() -> None:
    # use grows towards the winter; this year everything is a quarter more
    def seasons(day: dt.date) -> float:
        rise = 10 + day.timetuple().tm_yday / 20
        return (rise if day.weekday() < 5 else 4) * (1.25 if day.year == 2026 else 1)

    days = history(dt.date(2025, 1, 1), TODAY, seasons)
    new_year = dt.date(2027, 1, 1)
    forecast = forecast_period(days, start=dt.date(2026, 1, 1), end=new_year, today=TODAY)

    assert forecast.method == Method.LAST_YEAR
    whole = history(dt.date(2026, 1, 1), new_year, seasons).amounts.sum() / 1e6
    assert float(forecast.total_kwh) == pytest.approx(whole, rel=0.01)


@pytest.mark.parametrize("lost", [(dt.date(2025, 6, 20), JULY), (dt.date(2025, 4, 10), MAY)])
def test_a_last_year_with_holes_is_no_shape(lost: tuple[dt.date, dt.date]) -> None:
    # the first is needed for the rest of June, the second for how the years compare
    days = history(dt.date(2025, 1, 1), TODAY)
    numbers = history(lost[0], lost[1].replace(year=2025)).numbers

    whole = forecast_period(days, start=JUNE, end=JULY, today=TODAY)
    assert whole.method == Method.LAST_YEAR
    holed = days.take(~np.isin(days.numbers, numbers))
    forecast = forecast_period(holed, start=JUNE, end=JULY, today=TODAY)
    assert forecast.method == Method.WEEKDAYS


def test_weekdays_give_no_band_for_seasons_they_have_not_seen() -> None:
    year = dt.date(2026, 1, 1), dt.date(2027, 1, 1)
    forecast = forecast_period(history(MAY, TODAY), start=year[0], end=year[1], today=TODAY)

    assert (forecast.method, forecast.low_kwh) == (Method.WEEKDAYS, None)
    assert forecast.rest_kwh > 0


def test_the_band_does_not_fall_below_what_is_used() -> None:
    # two of the Tuesdays, and the last day is one
    spikes = [100.0 if n in (11, 39) else 0.0 for n in range(60)]
    days = days_of(dt.date(2026, 5, 1), spikes, BERLIN)
    last = dt.date(2026, 6, 30)

    forecast = forecast_period(days, start=JUNE, end=JULY, today=last)
    assert forecast.low_kwh == forecast.actual_kwh < forecast.total_kwh


def test_days_that_are_not_whole_teach_nothing() -> None:
    days = history(MAY, TODAY)
    days.known[5], days.amounts[5] = 10, 1_000

    forecast = forecast_period(days, start=JUNE, end=JULY, today=TODAY)
    assert float(forecast.total_kwh) == pytest.approx(total_of(JUNE, JULY))


def test_the_band_takes_days_weeks_and_level() -> None:
    # each weekday is 9 in one week and 11 in the other: one day tells 2 wrong about the next
    days = days_of(dt.date(2026, 5, 28), [9.0] * 7 + [11.0] * 7, BERLIN)
    end = dt.date(2026, 6, 16)

    forecast = forecast_period(days, start=JUNE, end=end, today=TODAY)
    days_left, variance, weeks = 5, 14 * 4 / 13, 8
    want = variance * (days_left + days_left**2 / 14) + 2 * weeks * days_left**2
    assert forecast.rest_kwh == 50
    assert forecast.high_kwh is not None
    half = float(forecast.high_kwh - forecast.total_kwh)
    assert half == pytest.approx(1.64485 * want**0.5, rel=1e-4)


def test_the_band_holds_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(100):
        source = np.random.default_rng(seed)
        kwh = 20 + source.normal(0, 3, 100)
        days = days_of(dt.date(2026, 4, 1), kwh.tolist(), BERLIN)
        forecast = forecast_period(days, start=JUNE, end=JULY, today=TODAY)
        assert forecast.low_kwh is not None and forecast.high_kwh is not None
        held += forecast.low_kwh <= Decimal(float(kwh[61:91].sum())) <= forecast.high_kwh
    assert 83 <= held <= 98


def test_a_plan_is_compared_month_by_month() -> None:
    plan = {
        JUNE: Decimal(500), MAY: Decimal(500), dt.date(2026, 4, 1): Decimal(400),
        dt.date(2026, 12, 1): Decimal(500),
    }  # fmt: skip
    lines = compare_budget(plan, history(dt.date(2026, 4, 1), TODAY), today=TODAY)

    assert [(line.month.month, line.verdict) for line in lines] == [
        (4, BudgetVerdict.EXCEEDED),
        (5, BudgetVerdict.MET),
        (6, BudgetVerdict.WILL_EXCEED),
        (12, BudgetVerdict.UNKNOWN),
    ]
    assert float(lines[1].difference_kwh) == pytest.approx(total_of(MAY, JUNE) - 500)


def test_a_running_month_is_judged_by_its_band() -> None:
    noise = np.random.default_rng(3).normal(20, 1, 71)
    days = days_of(dt.date(2026, 4, 1), noise.tolist(), BERLIN)
    seen = forecast_period(days, start=JUNE, end=JULY, today=TODAY)
    assert seen.low_kwh is not None and seen.high_kwh is not None
    assert seen.actual_kwh < seen.low_kwh < seen.total_kwh < seen.high_kwh
    step = Decimal("0.5")

    verdicts = [
        compare_budget({JUNE: kwh}, days, today=TODAY)[0].verdict
        for kwh in (seen.actual_kwh - step, seen.low_kwh - step, seen.total_kwh - step,
                    seen.total_kwh + step)
    ]  # fmt: skip
    assert verdicts == [
        BudgetVerdict.EXCEEDED,
        BudgetVerdict.WILL_EXCEED,
        BudgetVerdict.MAY_EXCEED,
        BudgetVerdict.ON_TRACK,
    ]


def test_days_count_their_quarters_and_guesses() -> None:
    # 2026-03-29 has 23 hours in Berlin
    first = int(dt.datetime(2026, 3, 28, 23, tzinfo=dt.UTC).timestamp()) // 900
    numbers = np.arange(first, first + 92 + 10, dtype=np.int64)
    grades = np.full(len(numbers), Grade.PRORATED, dtype=np.int8)
    grades[:5] = Grade.ESTIMATED
    days = sum_days(Series(numbers, numbers * 0 + 7, grades), zone=BERLIN)

    assert days.amounts.tolist() == [7 * 92, 70]
    assert (days.known.tolist(), days.expected.tolist()) == ([92, 10], [92, 96])
    assert (days.whole.tolist(), days.estimated.tolist()) == ([True, False], [5, 0])


@needs_files
def test_months_of_a_home_are_forecast_from_their_tenth_day() -> None:
    rows = read_rows("uk-home-hourly/uk-electricity-hdd-only-hourly-sample-0.csv.gz")
    days = sum_days(spread_hours(rows), zone=ZoneInfo("Europe/London"))
    errors, widths, held, methods = [], [], 0, set()
    months = [dt.date(2020 + n // 12, n % 12 + 1, 1) for n in range(6, 35)]
    for month in months:
        end = (month + dt.timedelta(days=32)).replace(day=1)
        actual = Decimal(int(days.between(month, end).amounts.sum())) / 10**6
        forecast = forecast_period(days, start=month, end=end, today=month.replace(day=11))
        assert forecast.low_kwh is not None and forecast.high_kwh is not None
        errors.append(abs(forecast.total_kwh / actual - 1))
        held += forecast.low_kwh <= actual <= forecast.high_kwh
        widths.append(float((forecast.high_kwh - forecast.low_kwh) / actual))
        methods.add(forecast.method)

    assert methods == {Method.WEEKDAYS, Method.LAST_YEAR}
    assert float(np.mean([float(error) for error in errors])) < 0.1
    assert held / len(months) > 0.8
    assert float(np.mean(widths)) < 0.45
