"""Charges for power, worked out by hand."""

from decimal import Decimal

import pytest

from metering.series import Series
from tests.metering.tariffs.quarters import (
    BERLIN,
    LORD_HOWE,
    PEAKS,
    THREE_RATES,
    by_band,
    day,
    quarter,
    rated,
    series,
    tariff,
)

D = Decimal


def power(**members):
    return tariff({"kind": "demand", "name": "power", "price": "12.5", **members})


@pytest.mark.parametrize(
    ("minutes", "kw", "first"),
    [(15, D(48), "2026-03-10T18:15"), (30, D(44), "2026-03-10T18:00"),
     (60, D(36), "2026-03-11T09:00")],
)  # fmt: skip
def test_demand_is_the_highest_mean_of_a_window(minutes, kw, first):
    definition = power(window_minutes=minutes)

    (item,) = rated(definition, "2026-03-01", "2026-04-01", BERLIN, PEAKS).costs

    assert (item.day, item.quantity, item.unit) == (day("2026-03-31"), kw, "kW")
    assert item.amount == kw * D("12.5")
    assert item.first_quarter == quarter(first)
    assert item.last_quarter == quarter(first) + minutes // 15 - 1
    assert not item.is_provisional


@pytest.mark.parametrize(
    "within",
    [
        {"component": "energy", "band": "day"},
        [{"from": "06:00", "to": "17:00", "day_types": ["weekday"]}],
    ],
)
def test_demand_counts_only_where_it_is_asked_for(within):
    definition = tariff(
        THREE_RATES, {"kind": "demand", "name": "power", "price": "1", "within": within}
    )

    found = rated(definition, "2026-03-01", "2026-04-01", BERLIN, PEAKS)

    assert [item.quantity for item in found.costs if item.kind == "demand"] == [D(36)]


@pytest.mark.parametrize(
    ("billed", "contracted", "expected"),
    [
        ("measured", "40", {"": (D(40), D(500)), "excess": (D(8), D(200))}),
        ("measured", "60", {"": (D(48), D(600))}),
        ("contracted", "60", {"": (D(60), D(750))}),
        ("contracted", "40", {"": (D(40), D(500)), "excess": (D(8), D(200))}),
    ],
)
def test_power_above_the_contract_has_its_own_price(billed, contracted, expected):
    definition = power(contracted_kw=contracted, excess_price="25", billed=billed)

    found = rated(definition, "2026-03-01", "2026-04-01", BERLIN, PEAKS)

    assert by_band(found.costs) == expected


def test_contracted_power_costs_without_a_reading_and_measured_power_does_not():
    contracted = power(contracted_kw="40", excess_price="25", billed="contracted")

    found = rated(contracted, "2026-03-01", "2026-04-01", BERLIN, Series.empty())
    nothing = rated(power(), "2026-03-01", "2026-04-01", BERLIN, Series.empty())

    assert found.total() == D(500)
    assert nothing.costs == ()


def test_demand_of_a_running_month_is_provisional_on_the_running_day():
    def booked(start, end, today):
        found = rated(power(), start, end, BERLIN, PEAKS, today=today and day(today))
        return [(str(item.day), item.quantity, item.is_provisional) for item in found.costs]

    assert booked("2026-03-01", "2026-04-01", "2026-03-10") == [("2026-03-10", D(48), True)]
    assert booked("2026-03-31", "2026-04-01", "2026-04-01") == [("2026-03-31", D(48), False)]
    assert booked("2026-03-01", "2026-03-12", "2026-04-01") == []
    assert booked("2026-03-01", "2026-03-12", None) == []
    assert booked("2026-03-01", "2026-04-01", "2026-03-31") == [("2026-03-31", D(48), True)]


def test_a_version_that_does_not_hold_yet_costs_no_power():
    definition = power(contracted_kw="40", excess_price="25", billed="contracted")

    found = rated(
        definition, "2026-03-01", "2026-04-01", BERLIN, PEAKS,
        today=day("2026-03-10"), valid_from=day("2026-03-15"),
    )  # fmt: skip

    assert found.costs == ()


def test_a_tax_on_what_may_still_rise_may_rise_too():
    definition = tariff(
        {"kind": "demand", "name": "power", "price": "1"},
        {"kind": "percent", "name": "vat", "percent": "20"},
    )

    found = rated(definition, "2026-03-01", "2026-04-01", BERLIN, PEAKS, today=day("2026-03-10"))

    assert [(item.amount, item.is_provisional) for item in found.costs] == [
        (D(48), True), (D("9.6"), True),
    ]  # fmt: skip


def test_the_first_of_two_highest_windows_is_named():
    twice = series({quarter("2026-03-10T18:00"): "3", quarter("2026-03-12T18:00"): "3"})

    (item,) = rated(power(), "2026-03-01", "2026-04-01", BERLIN, twice).costs

    assert item.first_quarter == quarter("2026-03-10T18:00")


def test_a_window_counts_only_if_all_of_it_lies_where_demand_counts():
    definition = power(window_minutes=60, within=[{"from": "09:15", "to": "19:00"}])

    (item,) = rated(definition, "2026-03-01", "2026-04-01", BERLIN, PEAKS).costs

    assert (item.quantity, item.first_quarter) == (D(26), quarter("2026-03-10T18:00"))


def test_power_as_contracted_has_no_excess():
    definition = power(contracted_kw="48", excess_price="25")

    assert by_band(rated(definition, "2026-03-01", "2026-04-01", BERLIN, PEAKS).costs) == {
        "": (D(48), D(600))
    }


def test_demand_of_a_cut_month_costs_the_share_of_its_days():
    found = rated(
        power(), "2026-03-01", "2026-03-11", BERLIN, PEAKS,
        valid_from=day("2026-03-01"), valid_to=day("2026-03-11"),
    )  # fmt: skip
    later = rated(
        power(), "2026-03-11", "2026-04-01", BERLIN, PEAKS,
        valid_from=day("2026-03-11"), valid_to=None,
    )  # fmt: skip

    assert [(item.day, item.amount) for item in found.costs] == [
        (day("2026-03-10"), D("193.548387"))  # 48 kW × 12.5 × 10/31
    ]
    assert [item.amount for item in later.costs] == [D("304.83871")]  # 36 × 12.5 × 21/31


def test_a_window_of_an_hour_starts_at_local_midnight_also_after_half_an_hour_was_left_out():
    # Lord Howe, 02:00 becomes 02:30: two hours after midnight it is 02:30
    text = "2026-10-04T02:30"
    first = quarter(text, LORD_HOWE)
    used = series({first + number: "1" for number in range(4)})

    (item,) = rated(power(window_minutes=60), "2026-10-01", "2026-11-01", LORD_HOWE, used).costs

    assert (item.quantity, item.first_quarter) == (D(4), first)


def test_a_window_ends_with_its_day():
    # 23.5 hours: the last window of an hour has two quarters
    last = quarter("2026-10-05T00:00", LORD_HOWE) - 1
    used = series({last - 1: "1", last: "1", last + 1: "0.5", last + 2: "0.5"})

    (item,) = rated(power(window_minutes=60), "2026-10-01", "2026-11-01", LORD_HOWE, used).costs

    assert (item.quantity, item.first_quarter, item.last_quarter) == (D(2), last - 1, last)
