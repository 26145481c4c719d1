"""What holds for any series and any day: hypothesis looks for a counter-example."""

import datetime as dt
from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.series import Series, to_decimal
from metering.tariffs.rating import rate
from tests.metering.tariffs.quarters import THREE_RATES, ZONES, quarter, tariff

FIRST = dt.date(2026, 1, 1)
FLAT = {"kind": "flat", "name": "flat", "price": "0.123457"}
LEVY = {"kind": "levy", "name": "levy", "price": "0.000003"}
FEE = {"kind": "fixed", "name": "fee", "price": "7.77", "per": "month"}
TIERS = {
    "kind": "tiers", "name": "tiers", "per": "month",
    "tiers": [{"up_to": "3.333333", "price": "1.5"}, {"up_to": "20", "price": "2"},
              {"price": "0.7"}],
}  # fmt: skip
DEMAND = {"kind": "demand", "name": "demand", "price": "3.3", "window_minutes": 30}
WEEKEND = {
    **THREE_RATES, "name": "weekend",
    "rules": [{"band": "peak", "day_types": ["saturday", "sunday"]},
              {"band": "day", "from": "21:15", "to": "03:45", "months": [2, 3, 10]}],
}  # fmt: skip

zones = st.sampled_from(ZONES)
days = st.integers(0, 360).map(lambda number: FIRST + dt.timedelta(days=number))


@st.composite
def usages(draw, *, length=40):
    """Draw a zone, some days and a series with holes in it."""
    zone, start = draw(zones), draw(days)
    end = start + dt.timedelta(days=draw(st.integers(1, length)))
    low, high = quarter(str(start), zone), quarter(str(end), zone)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    numbers = np.arange(low, high)[rng.random(high - low) < draw(st.sampled_from([0.1, 0.9, 1.0]))]
    amounts = rng.integers(0, draw(st.sampled_from([9, 10**6, 10**9])), len(numbers))
    return zone, start, end, Series(numbers, amounts, np.zeros(len(numbers), dtype=np.int8))


def rated(definition, usage, start=None, end=None):
    zone, first, last, used = usage
    return rate(definition, start=start or first, end=end or last, zone=zone, imported=used).costs


@settings(max_examples=60, deadline=None)
@given(usages())
def test_days_one_by_one_are_the_days_at_once(usage):
    definition = tariff(FLAT, THREE_RATES, WEEKEND, LEVY, FEE)
    _, start, end, _ = usage

    one_by_one = [
        item
        for number in range((end - start).days)
        for item in rated(
            definition, usage, start + dt.timedelta(days=number),
            start + dt.timedelta(days=number + 1),
        )
    ]  # fmt: skip

    assert tuple(one_by_one) == rated(definition, usage)


@settings(max_examples=60, deadline=None)
@given(usages())
def test_every_kwh_is_in_one_band_of_each_component(usage):
    definition = tariff(FLAT, THREE_RATES, WEEKEND, TIERS, LEVY)
    total = to_decimal(int(usage[3].amounts.sum()))

    items = rated(definition, usage)

    for component in definition.components:
        mine = [item.quantity for item in items if item.component == component.name]
        assert sum(mine, Decimal(0)) == total


@settings(max_examples=60, deadline=None)
@given(usages(), st.permutations([FLAT, THREE_RATES, TIERS, DEMAND, LEVY, FEE]))
def test_the_order_of_components_changes_no_amount(usage, components):
    known = rated(tariff(FLAT, THREE_RATES, TIERS, DEMAND, LEVY, FEE), usage)

    items = rated(tariff(*components), usage)

    def key(item):
        return item.day, item.component, item.band

    assert sorted(items, key=key) == sorted(known, key=key)


@settings(max_examples=60, deadline=None)
@given(usages(length=80), st.data())
def test_tiers_cost_the_same_in_parts_when_readings_begin_with_the_period(usage, data):
    _, start, end, _ = usage
    cut = start + dt.timedelta(days=data.draw(st.integers(0, (end - start).days)))

    parts = rated(tariff(TIERS), usage, start, cut) + rated(tariff(TIERS), usage, cut, end)

    assert parts == rated(tariff(TIERS), usage)


@settings(max_examples=60, deadline=None)
@given(usages(length=20), st.sampled_from(["0.01", "99"]))
def test_a_new_price_from_february_never_touches_january(usage, price):
    zone, *_, used = usage
    numbers = np.arange(quarter("2026-01-15", zone), quarter("2026-02-15", zone))
    amounts = np.resize(used.amounts if len(used) else np.array([1]), len(numbers))
    series = Series(numbers, amounts, np.zeros(len(numbers), dtype=np.int8))
    start, change, end = dt.date(2026, 1, 15), dt.date(2026, 2, 1), dt.date(2026, 2, 15)

    def cost(definition, first, last):
        return rate(definition, start=first, end=last, zone=zone, imported=series).costs

    old, new = tariff(FLAT, TIERS), tariff({**FLAT, "price": price}, TIERS)
    as_before = cost(old, start, end)
    with_change = cost(old, start, change) + cost(new, change, end)

    def january(items):
        return [item for item in items if item.first_quarter < quarter("2026-02-01", zone)]

    assert january(with_change) == january(as_before)
    assert all(item.day < change for item in january(with_change))
    assert max(item.last_quarter for item in january(with_change)) < quarter("2026-02-01", zone)


@settings(max_examples=40, deadline=None)
@given(usages())
def test_the_peak_is_what_a_plain_search_finds(usage):
    zone, start, end, used = usage
    whole = {**DEMAND, "window_minutes": 15, "per": "year"}
    year_end = dt.date(start.year + 1, 1, 1)

    items = rate(
        tariff(whole), start=start, end=max(end, year_end), zone=zone, imported=used,
    ).costs  # fmt: skip

    in_year = used.amounts[used.numbers < quarter(str(year_end), zone)]
    if len(in_year):
        assert items[0].quantity == to_decimal(int(in_year.max()) * 4)
    else:
        assert not [item for item in items if item.day.year == start.year]
