"""Models of a baseline period, and what was saved against them."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.analysis.baseline import (
    DegreeDayModel,
    Fit,
    Shape,
    TooLittleData,
    fit_degree_days,
    fit_weekdays,
)
from metering.analysis.local import Days, to_date
from metering.analysis.savings import measure_savings, student_quantile
from metering.analysis.use import (
    Bill,
    Problem,
    check_sufficiency,
    use_of_bills,
    use_of_days,
)
from tests.metering.analysis.series import days_of, needs_files, read_rows

YEAR = dt.date(2025, 1, 1)
NEXT = dt.date(2026, 1, 1)
ILLINOIS = "il-synthetic-dst/il-electricity-cdd-hdd"


def weather(start: dt.date, length: int, seed: int = 1) -> dict[dt.date, float]:
    """Return temperatures of a continental climate."""
    noise = np.random.default_rng(seed).normal(0, 4, length)
    days = [start + dt.timedelta(days=n) for n in range(length)]
    return {
        day: 11 - 14 * math.cos(2 * math.pi * (day.timetuple().tm_yday - 20) / 365) + wiggle
        for day, wiggle in zip(days, noise, strict=True)
    }


def site(
    temperatures: dict[dt.date, float], *, base: float = 10, heat: float = 0, cool: float = 0,
    noise: float = 0, factor: float = 1, seed: int = 2,
) -> Days:  # fmt: skip
    """Return days of a site that heats below 15 and cools above 20 °C."""
    degrees = np.array(list(temperatures.values()))
    kwh = base + heat * np.maximum(15 - degrees, 0) + cool * np.maximum(degrees - 20, 0)
    kwh += np.random.default_rng(seed).normal(0, noise, len(degrees)) if noise else 0
    return days_of(min(temperatures), kwh * factor)


def test_a_site_that_heats_and_cools_is_recovered() -> None:
    temperatures = weather(YEAR, 365)
    model = fit_degree_days(use_of_days(site(temperatures, heat=2, cool=3), temperatures))

    assert (model.shape, model.heating_point, model.cooling_point) == (Shape.BOTH, 15.0, 20.0)
    assert (model.base, model.heating_slope, model.cooling_slope) == pytest.approx((10, 2, 3))
    assert model.fit.r2 == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("loads", "shape"),
    [
        ({"heat": 2}, Shape.HEATING),
        ({"cool": 3}, Shape.COOLING),
        ({}, Shape.FLAT),
        ({"heat": -1}, Shape.COOLING),  # more use when it is warm is no negative heating
    ],
)
def test_the_simplest_model_that_fits_is_taken(loads: dict[str, float], shape: Shape) -> None:
    temperatures = weather(YEAR, 365)
    model = fit_degree_days(use_of_days(site(temperatures, base=60, **loads), temperatures))

    assert model.shape == shape
    assert model.base >= 0
    assert min(model.heating_slope, model.cooling_slope) >= 0


def test_the_slopes_are_those_of_plain_least_squares() -> None:
    temperatures = weather(YEAR, 365)
    use = use_of_days(site(temperatures, heat=2, cool=3, noise=5), temperatures)
    model = fit_degree_days(use)
    assert model.shape == Shape.BOTH
    assert model.heating_point is not None and model.cooling_point is not None
    degrees = use.temperatures
    columns = np.column_stack([
        np.ones(len(use)),
        np.maximum(model.heating_point - degrees, 0),
        np.maximum(degrees - model.cooling_point, 0),
    ])  # fmt: skip

    want, squares, *_ = np.linalg.lstsq(columns, use.kwh)
    found = (model.base, model.heating_slope, model.cooling_slope)
    assert found == pytest.approx(want.tolist())
    assert model.fit.rmse == pytest.approx(math.sqrt(squares[0] / (365 - 3)))
    assert model.predict(use) == pytest.approx(columns @ want)


def test_a_model_that_would_need_a_negative_base_is_not_taken() -> None:
    temperatures = weather(YEAR, 365)
    degrees = np.array(list(temperatures.values()))
    days = days_of(YEAR, 2 * np.abs(degrees - 17) - 5)
    model = fit_degree_days(use_of_days(days, temperatures))

    assert model.shape == Shape.BOTH
    assert 0 <= model.base < 1


def test_a_slope_that_explains_next_to_nothing_is_left_out_of_bills() -> None:
    shapes = []
    for seed in range(12):
        temperatures = weather(YEAR, 365, seed)
        days = site(temperatures, base=30, heat=2, noise=12, seed=seed)
        bills = [
            Bill(to_date(days.numbers[n]), to_date(days.numbers[n] + 30),
                 Decimal(int(days.amounts[n : n + 30].sum())) / 10**6)
            for n in range(0, 360, 30)
        ]  # fmt: skip
        model = fit_degree_days(use_of_bills(bills, temperatures))
        assert model.fit.adjusted_r2 < model.fit.r2
        shapes.append(model.shape)
    assert set(shapes) <= {Shape.HEATING, Shape.BOTH}
    assert shapes.count(Shape.HEATING) >= 6, shapes


def test_a_few_cold_days_make_no_heating() -> None:
    temperatures = {YEAR + dt.timedelta(days=n): 33.0 + n % 7 for n in range(365)}
    for n in range(5):
        temperatures[YEAR + dt.timedelta(days=n)] = 0.0

    model = fit_degree_days(use_of_days(site(temperatures, heat=2, cool=1), temperatures))
    assert model.heating_point is None


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(-5, 5), st.floats(-5, 5))
def test_no_model_has_a_negative_base_or_slope(seed: int, heat: float, cool: float) -> None:
    temperatures = weather(YEAR, 200, seed)
    use = use_of_days(site(temperatures, heat=heat, cool=cool, noise=9, seed=seed), temperatures)
    model = fit_degree_days(use)

    if model.shape != Shape.FLAT:
        assert model.base >= -1e-9
    assert min(model.heating_slope, model.cooling_slope) >= 0
    assert model.fit.adjusted_r2 >= -1e-9
    points = (model.heating_point, model.cooling_point)
    if points[0] is not None and points[1] is not None:
        assert points[0] <= points[1]


def test_bills_of_different_lengths_count_by_their_days() -> None:
    temperatures = weather(YEAR, 365)
    days = site(temperatures, heat=2, cool=3)
    edges = [0, 20, 55, 85, 120, 145, 180, 205, 240, 270, 305, 330, 365]
    bills = [
        Bill(to_date(days.numbers[a]), to_date(days.numbers[b - 1] + 1),
             Decimal(int(days.amounts[a:b].sum())) / 10**6)
        for a, b in zip(edges, edges[1:], strict=False)
    ]  # fmt: skip
    use = use_of_bills(bills, temperatures)
    model = fit_degree_days(use)

    assert use.is_billing and len(use) == 12
    assert (model.base, model.heating_slope, model.cooling_slope) == pytest.approx((10, 2, 3))
    assert model.predict(use) == pytest.approx(use.kwh)


def test_days_without_a_temperature_or_with_guesses_are_left_out() -> None:
    temperatures = weather(YEAR, 365)
    days = site(temperatures)
    days.estimated[:3] = 40
    days.known[3] = 95
    del temperatures[dt.date(2025, 12, 31)]

    assert len(use_of_days(days, temperatures)) == 365 - 5
    bills = [
        Bill(YEAR, dt.date(2025, 2, 1), Decimal(1)),
        Bill(dt.date(2025, 12, 28), NEXT, Decimal(1)),
    ]
    assert len(use_of_bills(bills, temperatures)) == 1


def test_too_little_is_refused() -> None:
    temperatures = weather(YEAR, 9)
    with pytest.raises(TooLittleData):
        fit_degree_days(use_of_days(site(temperatures), temperatures))
    with pytest.raises(TooLittleData):
        fit_weekdays(use_of_days(site(temperatures)))


def test_a_baseline_period_is_judged() -> None:
    temperatures = weather(YEAR, 365)
    days = site(temperatures)
    enough = check_sufficiency(days, start=YEAR, end=NEXT, temperatures=temperatures)
    assert (enough.enough, enough.days_usable, enough.days_asked) == (True, 365, 365)

    half = check_sufficiency(days.take(slice(0, 300)), start=YEAR, end=NEXT, temperatures={})
    assert half.problems == (Problem.TOO_FEW_DAYS, Problem.TOO_FEW_TEMPERATURES)
    short = check_sufficiency(days, start=YEAR, end=dt.date(2025, 12, 1))
    assert short.problems == (Problem.TOO_SHORT,)
    sold = check_sufficiency(site(temperatures, factor=-1), start=YEAR, end=NEXT)
    assert sold.problems == (Problem.NEGATIVE_USE,)


def test_weekdays_have_means_of_their_season() -> None:
    # more at weekends, and twice as much in winter
    days = [YEAR + dt.timedelta(days=n) for n in range(365)]
    kwh = [(3 if day.weekday() >= 5 else 2) * (2 if day.month in (12, 1, 2) else 1) for day in days]
    use = use_of_days(days_of(YEAR, kwh))
    model = fit_weekdays(use)

    assert model.fit.r2 == pytest.approx(1.0)
    later = use_of_days(days_of(dt.date(2026, 1, 10), [0] * 3))  # a Saturday
    assert model.predict(later).tolist() == pytest.approx([6, 6, 4])


def test_a_season_nobody_saw_takes_the_mean_of_the_weekday() -> None:
    model = fit_weekdays(use_of_days(days_of(dt.date(2025, 1, 6), [1, 2, 3, 4, 5, 6, 7] * 3)))

    summer = use_of_days(days_of(dt.date(2025, 7, 7), [0] * 7))
    assert model.predict(summer).tolist() == pytest.approx([1, 2, 3, 4, 5, 6, 7])


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(5, 2.015), (10, 1.8125), (30, 1.6973), (362, 1.6491)]
)
def test_the_quantile_of_student(freedom: int, quantile: float) -> None:
    assert student_quantile(0.9, freedom) == pytest.approx(quantile, rel=3e-3)


def test_a_tenth_saved_is_found_with_its_band() -> None:
    temperatures = weather(YEAR, 730)
    days = site(temperatures, heat=2, cool=3, noise=4)
    model = fit_degree_days(use_of_days(days.between(YEAR, NEXT), temperatures))
    later = days.between(NEXT, dt.date(2027, 1, 1))
    saved = Days(
        later.numbers, later.amounts * 9 // 10, later.known, later.expected, later.estimated
    )

    savings = measure_savings(model, use_of_days(saved, temperatures))
    assert savings.avoided_share == pytest.approx(0.1, abs=0.02)
    assert savings.is_certain
    assert savings.fractional_uncertainty is not None
    assert savings.fractional_uncertainty < 0.5
    assert savings.avoided_kwh == savings.expected_kwh - savings.actual_kwh


def test_the_band_holds_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(60):
        temperatures = weather(YEAR, 730, seed)
        days = site(temperatures, heat=2, cool=3, noise=6, seed=seed)
        model = fit_degree_days(use_of_days(days.between(YEAR, NEXT), temperatures))
        savings = measure_savings(
            model, use_of_days(days.between(NEXT, dt.date(2027, 1, 1)), temperatures)
        )
        held += not savings.is_certain
    assert 48 <= held <= 60  # nothing was saved; 90 % of 60 are 54


def test_days_that_resemble_their_neighbours_widen_the_band() -> None:
    temperatures = weather(YEAR, 365)
    days = site(temperatures, heat=2)
    source = np.random.default_rng(4)
    drift = np.repeat(source.normal(0, 3, 73), 5)
    alone = Days(days.numbers, days.amounts + (source.permutation(drift) * 1e6).astype(np.int64),
                 days.known, days.expected, days.estimated)  # fmt: skip
    together = Days(days.numbers, days.amounts + (drift * 1e6).astype(np.int64),
                    days.known, days.expected, days.estimated)  # fmt: skip
    bands = []
    for each in (alone, together):
        use = use_of_days(each, temperatures)
        bands.append(measure_savings(fit_degree_days(use), use).uncertainty_kwh or 0)
    assert bands[1] > 1.5 * bands[0]


def test_days_apart_are_no_neighbours() -> None:
    kwh = np.repeat(np.random.default_rng(6).normal(20, 3, 30), 7)
    kwh[::2] = np.nan

    assert fit_weekdays(use_of_days(days_of(YEAR, kwh))).fit.autocorrelation == 0


def test_the_band_is_that_of_the_guideline() -> None:
    fit = Fit(observations=365, parameters=3, mean=40, r2=0.8, adjusted_r2=0.8, rmse=8,
              autocorrelation=0.5)  # fmt: skip
    model = DegreeDayModel(Shape.FLAT, 40, 0, None, 0, None, fit)
    days = use_of_days(days_of(YEAR, [40] * 100))
    independent, months = 365 / 3, 100 / (365.25 / 12)

    factor = -0.00024 * months**2 + 0.03535 * months + 1.00286
    want = 1.6491 * factor * 0.2 * math.sqrt(365 / independent * (1 + 2 / independent) / 100)
    assert measure_savings(model, days).uncertainty_kwh == pytest.approx(want * 4000, rel=1e-3)

    bill_fit = replace(fit, observations=12, autocorrelation=0)
    bills = use_of_bills(
        [Bill(YEAR, dt.date(2025, 2, 1), Decimal(1200)),
         Bill(dt.date(2025, 2, 1), dt.date(2025, 3, 1), Decimal(1200))],
        weather(YEAR, 59),
    )  # fmt: skip
    months = 59 / (365.25 / 12)
    factor = -0.00022 * months**2 + 0.03306 * months + 0.94054
    want = 1.8331 * factor * 0.2 * math.sqrt((1 + 2 / 12) / 2)
    savings = measure_savings(replace(model, fit=bill_fit), bills)
    assert savings.uncertainty_kwh == pytest.approx(want * 40 * 59, rel=3e-3)


def test_a_baseline_without_use_has_no_band() -> None:
    use = use_of_days(days_of(YEAR, [0] * 100))
    savings = measure_savings(fit_weekdays(use), use)

    assert (savings.uncertainty_kwh, savings.avoided_share) == (None, None)
    assert (savings.fractional_uncertainty, savings.is_certain) == (None, False)


def normal_year(day: dt.date) -> float:
    """Return the mean temperature of a day in central Illinois, from −3 to 26 °C."""
    return 11.5 - 14.5 * math.cos(2 * math.pi * (day.timetuple().tm_yday - 20) / 365.25)


@needs_files
def test_bills_of_illinois_that_were_lowered_by_a_tenth() -> None:
    # the publisher made them from 20 % base, 40 % heating and 40 % cooling load, and took
    # 10 % off everything from January 2017 on
    rows = read_rows(f"{ILLINOIS}-billing_monthly.csv.gz")
    dates = [moment.date() for moment, _ in rows]
    bills = [
        Bill(start, end, Decimal(str(kwh)))
        for start, end, (_, kwh) in zip(dates, dates[1:], rows, strict=False)
    ]
    span = (dates[-1] - dates[0]).days
    temperatures = {
        day: normal_year(day) for day in (dates[0] + dt.timedelta(n) for n in range(span))
    }

    model = fit_degree_days(use_of_bills(bills[:12], temperatures))
    assert isinstance(model, DegreeDayModel)
    assert model.shape == Shape.BOTH
    assert model.fit.adjusted_r2 > 0.9
    assert model.fit.cvrmse is not None and model.fit.cvrmse < 0.1
    savings = measure_savings(model, use_of_bills(bills[13:25], temperatures))
    assert savings.avoided_share == pytest.approx(0.1, abs=0.05)
    assert savings.uncertainty_kwh is not None
    assert abs(savings.avoided_kwh - 0.1 * savings.expected_kwh) < savings.uncertainty_kwh


@needs_files
def test_days_of_illinois_without_temperatures() -> None:
    rows = read_rows(f"{ILLINOIS}-daily.csv.gz")
    days = days_of(rows[0][0].date(), [kwh for _, kwh in rows])
    start, end = dt.date(2015, 12, 1), dt.date(2016, 12, 1)

    assert check_sufficiency(days, start=start, end=end).enough
    model = fit_weekdays(use_of_days(days.between(start, end)))
    assert 0.25 < model.fit.r2 < 0.35  # the weather is not in it
    assert model.fit.autocorrelation > 0.3
