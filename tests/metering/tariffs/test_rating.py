"""Amounts that were worked out by hand."""

from decimal import Decimal

import numpy as np
import pytest

from metering.series import Series
from metering.tariffs.energy import UnknownPriceSeries
from metering.tariffs.prices import PriceSeries
from metering.tariffs.rating import context_start, series_names
from tests.metering.tariffs.quarters import (
    BERLIN,
    ISTANBUL,
    LORD_HOWE,
    PEAKS,
    THREE_RATES,
    by_band,
    day,
    quarter,
    rated,
    series,
    shaped,
    steady,
    tariff,
)

FLAT = {"kind": "flat", "name": "energy", "price": "0.30"}
D = Decimal


def test_three_rates_of_a_day_in_turkey():
    used = steady("2026-03-01", "2026-03-02", ISTANBUL)  # 1 kW: 1 kWh an hour

    found = rated(tariff(THREE_RATES), "2026-03-01", "2026-03-02", ISTANBUL, used)

    assert by_band(found.costs) == {
        "day": (D(11), D("27.5")),
        "peak": (D(5), D(20)),
        "night": (D(8), D(12)),
    }
    night = next(item for item in found.costs if item.band == "night")
    assert night.first_quarter == quarter("2026-03-01T00:00", ISTANBUL)
    assert night.last_quarter == quarter("2026-03-01T23:45", ISTANBUL)
    assert night.price == D("1.5")


@pytest.mark.parametrize(
    ("zone", "text", "after", "night"),
    [
        (BERLIN, "2026-03-29", "2026-03-30", D(7)),  # 02 to 03 is left out
        (BERLIN, "2026-10-25", "2026-10-26", D(9)),  # 02 to 03 comes twice
        (ISTANBUL, "2026-03-29", "2026-03-30", D(8)),
        (ISTANBUL, "2026-10-25", "2026-10-26", D(8)),
        (LORD_HOWE, "2026-10-04", "2026-10-05", D("7.5")),
        (LORD_HOWE, "2026-04-05", "2026-04-06", D("8.5")),
    ],
)
def test_only_the_hours_of_the_night_change_with_the_clock(zone, text, after, night):
    found = rated(tariff(THREE_RATES), text, after, zone, steady(text, after, zone))

    quantities = {band: quantity for band, (quantity, _) in by_band(found.costs).items()}
    assert quantities == {"day": D(11), "peak": D(5), "night": night}


def test_an_item_is_rounded_once_and_half_to_even():
    used = series({quarter("2026-01-01"): "0.000001", quarter("2026-01-01T00:15"): "0.000002",
                   quarter("2026-01-02"): "0.000005"})  # fmt: skip
    definition = tariff({**FLAT, "price": "0.5"})

    found = rated(definition, "2026-01-01", "2026-01-03", BERLIN, used)

    assert [item.amount for item in found.costs] == [D("0.000002"), D("0.000002")]


def test_tiers_go_on_where_the_month_stands():
    tiers = {
        "kind": "tiers", "name": "steps", "per": "month",
        "tiers": [{"up_to": "240", "price": "1.5"}, {"up_to": "300", "price": "2"}, {"price": "3"}],
    }  # fmt: skip
    used = shaped("2026-03-01", "2026-04-02", ISTANBUL, lambda _: "0.125")  # 12 kWh a day

    found = rated(tariff(tiers), "2026-03-01", "2026-04-02", ISTANBUL, used)

    # 31 days: 240 in 20 days, 60 in 5, 72 in 6; April begins anew with 12
    assert by_band(found.costs) == {
        "1": (D(252), D(378)), "2": (D(60), D(120)), "3": (D(72), D(216)),
    }  # fmt: skip
    assert [item.band for item in found.costs if item.day == day("2026-03-20")] == ["1"]
    assert [item.band for item in found.costs if item.day == day("2026-03-21")] == ["2"]


def test_a_quarter_is_divided_at_the_limit_of_a_tier():
    tiers = {
        "kind": "tiers", "name": "steps", "per": "day",
        "tiers": [{"up_to": "8", "price": "1"}, {"price": "2"}],
    }  # fmt: skip
    used = series({quarter("2026-03-01"): "7.5", quarter("2026-03-01T12:00"): "2"})

    found = rated(tariff(tiers), "2026-03-01", "2026-03-02", BERLIN, used)

    assert by_band(found.costs) == {"1": (D(8), D(8)), "2": (D("1.5"), D(3))}
    assert found.costs[1].first_quarter == quarter("2026-03-01T12:00")


def test_no_days_cost_nothing():
    definition = tariff(THREE_RATES)

    assert rated(definition, "2026-03-02", "2026-03-02", BERLIN, PEAKS).costs == ()
    assert rated(definition, "2026-03-02", "2026-03-01", BERLIN, PEAKS).costs == ()


def test_what_a_correction_takes_back_is_of_the_first_tier():
    tiers = {
        "kind": "tiers", "name": "t", "per": "day",
        "tiers": [{"up_to": "5", "price": "1"}, {"price": "2"}],
    }  # fmt: skip
    used = series({quarter("2026-03-01T00:00"): "-2", quarter("2026-03-01T00:15"): "9",
                   quarter("2026-03-02T00:00"): "-3"})  # fmt: skip

    found = rated(tariff(tiers), "2026-03-01", "2026-03-03", BERLIN, used)

    assert [(item.day.day, item.band, item.amount) for item in found.costs] == [
        (1, "1", D(5)), (1, "2", D(4)), (2, "1", D(-3)),
    ]  # fmt: skip


def test_a_water_meter_is_rated_in_its_own_unit():
    definition = tariff(FLAT, {"kind": "demand", "name": "flow", "price": "1"})

    found = rated(definition, "2026-03-01", "2026-04-01", BERLIN, PEAKS, unit="m³")

    assert {item.unit for item in found.costs} == {"m³", "m³/h"}


def test_a_fee_of_a_month_is_spread_without_losing_a_millionth():
    definition = tariff({"kind": "fixed", "name": "meter", "price": "10", "per": "month"})

    found = rated(definition, "2026-01-01", "2026-03-01", BERLIN, Series.empty())

    assert found.total() == D(20)
    assert len(found.costs) == 59
    assert {item.amount for item in found.costs} <= {D("0.322580"), D("0.322581"), D("0.322582"),
                                                     D("0.357142"), D("0.357143")}  # fmt: skip


@pytest.mark.parametrize(
    ("per", "start", "end", "amount"),
    [("day", "2026-01-01", "2026-01-11", D(10)), ("year", "2026-01-01", "2026-03-15", D("0.2")),
     ("month", "2026-02-01", "2026-02-15", D("0.5"))],
)  # fmt: skip
def test_a_part_of_a_period_costs_its_days(per, start, end, amount):
    definition = tariff({"kind": "fixed", "name": "meter", "price": "1", "per": per})

    assert rated(definition, start, end, BERLIN, Series.empty()).total() == amount


def test_an_export_is_a_credit_and_taxes_are_on_what_they_name():
    definition = tariff(
        FLAT,
        {"kind": "levy", "name": "levy", "price": "0.02"},
        {"kind": "flat", "name": "feed-in", "price": "0.08", "flow": "export"},
        {"kind": "percent", "name": "vat", "percent": "20", "on": ["energy", "levy"]},
        {"kind": "percent", "name": "all", "percent": "10"},
    )

    found = rated(
        definition, "2026-03-01", "2026-03-02", BERLIN, steady("2026-03-01", "2026-03-02", BERLIN),
        exported=steady("2026-03-01", "2026-03-02", BERLIN, "0.125"),
    )  # fmt: skip

    assert {item.component: item.amount for item in found.costs} == {
        "energy": D("7.2"), "levy": D("0.48"), "feed-in": D("-0.96"), "vat": D("1.536"),
        "all": D("0.8256"),
    }  # fmt: skip
    assert [item.component for item in found.costs] == ["energy", "levy", "feed-in", "vat", "all"]


def hourly(start, values):
    numbers = np.arange(quarter(start), quarter(start) + 4 * len(values))
    return PriceSeries(numbers, np.repeat(np.array(values, dtype=np.int64), 4))


def test_a_dynamic_price_is_that_of_the_hour():
    definition = tariff(
        {"kind": "dynamic", "name": "spot", "series": "de", "factor": "1.1", "surcharge": "0.02"}
    )
    used = series({quarter("2026-03-01T00:00"): "1", quarter("2026-03-01T01:45"): "2"})

    (item,) = rated(
        definition, "2026-03-01", "2026-03-02", BERLIN, used,
        prices={"de": hourly("2026-03-01", [100_000, -50_000])},
    ).costs  # fmt: skip

    # 1 × (0.1 × 1.1 + 0.02) + 2 × (−0.05 × 1.1 + 0.02) = 0.13 − 0.07
    assert (item.quantity, item.amount, item.price) == (D(3), D("0.06"), None)
    assert item.missing_quarters == 0


def test_what_has_no_price_is_named_and_never_free():
    definition = tariff(
        {"kind": "dynamic", "name": "spot", "series": "de"},
        {"kind": "percent", "name": "vat", "percent": "20"},
    )
    used = steady("2026-03-01", "2026-03-02", BERLIN, "1")

    found = rated(
        definition, "2026-03-01", "2026-03-02", BERLIN, used,
        prices={"de": hourly("2026-03-01", [100_000] * 20)},
    )  # fmt: skip

    priced, unpriced, tax = found.costs
    assert (priced.quantity, priced.amount, priced.missing_quarters) == (D(80), D(8), 0)
    assert (unpriced.band, unpriced.quantity, unpriced.missing_quarters) == ("unpriced", D(16), 16)
    assert unpriced.first_quarter == quarter("2026-03-01T20:00")
    assert (tax.amount, tax.missing_quarters) == (D("1.6"), 16)


def test_an_unknown_price_series_is_an_error():
    definition = tariff({"kind": "dynamic", "name": "spot", "series": "de"})

    with pytest.raises(UnknownPriceSeries):
        rated(definition, "2026-03-01", "2026-03-02", BERLIN, Series.empty())


@pytest.mark.parametrize(
    ("co2", "grams"), [({"grams_per_kwh": "380.5"}, D("9132")), ({"series": "mix"}, D(9600))]
)
def test_emissions_stand_apart_from_costs(co2, grams):
    used = steady("2026-03-01", "2026-03-02", BERLIN)

    found = rated(
        tariff(FLAT, co2=co2), "2026-03-01", "2026-03-02", BERLIN, used,
        prices={"mix": hourly("2026-03-01", [400_000_000] * 24)},
    )  # fmt: skip

    assert found.total() == D("7.2")
    assert [item.amount for item in found.emissions] == [grams]


def test_sums_are_exact_where_64_bits_are_too_few():
    large = 2_000_000 * 10**6  # 2 GWh in a quarter
    numbers = np.arange(quarter("2026-03-01"), quarter("2026-03-02"))
    used = Series(numbers, np.full(96, large), np.zeros(96, dtype=np.int8))
    prices = {"de": PriceSeries(numbers, np.full(96, 999_999))}

    found = rated(
        tariff({"kind": "dynamic", "name": "spot", "series": "de"}),
        "2026-03-01", "2026-03-02", BERLIN, used, prices=prices,
    )  # fmt: skip

    assert found.total() == D(96) * 2_000_000 * D("0.999999")
    too_large = Series(numbers, np.full(96, 2**62), np.zeros(96, dtype=np.int8))
    with pytest.raises(OverflowError):
        rated(tariff(FLAT), "2026-03-01", "2026-03-02", BERLIN, too_large)


def test_readings_are_needed_from_the_begin_of_the_longest_period():
    tiers = {"kind": "tiers", "name": "t", "per": "year", "tiers": [{"price": "1"}]}
    monthly = {"kind": "demand", "name": "p", "price": "1"}

    assert context_start(tariff(FLAT), day("2026-05-17")) == day("2026-05-17")
    assert context_start(tariff(monthly), day("2026-05-17")) == day("2026-05-01")
    assert context_start(tariff(monthly, tiers), day("2026-05-17")) == day("2026-01-01")


def test_names_the_series_it_needs():
    spot = {"kind": "dynamic", "name": "spot", "series": "de"}

    assert series_names(tariff(FLAT)) == frozenset()
    assert series_names(tariff(FLAT, spot, co2={"series": "mix"})) == {"de", "mix"}
    assert series_names(tariff(spot, co2={"grams_per_kwh": "1"})) == {"de"}
