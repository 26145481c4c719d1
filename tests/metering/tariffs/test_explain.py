from decimal import Decimal

import numpy as np
import pytest

from metering.series import Series
from metering.tariffs.explain import explain_quarter, price_at
from metering.tariffs.prices import PriceSeries
from metering.tariffs.rating import rate
from tests.metering.tariffs.quarters import (
    BERLIN,
    ISTANBUL,
    THREE_RATES,
    day,
    quarter,
    series,
    steady,
    tariff,
)

D = Decimal
FLAT = {"kind": "flat", "name": "energy", "price": "0.30"}
VAT = {"kind": "percent", "name": "vat", "percent": "20"}


def explain(definition, at, imported=None, **others):
    imported = Series.empty() if imported is None else imported
    return explain_quarter(
        definition, quarter=quarter(at), zone=BERLIN, imported=imported, **others
    )


def test_says_which_rule_and_band_and_taxes_apply():
    used = series({quarter("2026-03-02T18:00"): "0.5"})
    definition = tariff(
        THREE_RATES, {"kind": "levy", "name": "levy", "price": "0.1"}, VAT,
        co2={"grams_per_kwh": "400"},
    )  # fmt: skip

    found = explain(definition, "2026-03-02T18:00", used)

    assert found.starts_at.isoformat() == "2026-03-02T18:00:00+01:00"
    assert found.day_types == {"weekday"}
    energy, levy, vat = found.steps
    assert (energy.band, energy.price, energy.amount) == ("peak", D(4), D(2))
    assert energy.facts == {"rule": 1}
    assert (levy.price, levy.amount) == (D("0.1"), D("0.05"))
    assert (vat.price, vat.amount) == (D("0.82"), D("0.41"))
    assert vat.facts == {"percent": "20", "on": ["energy", "levy"]}
    assert found.price_of("energy", "vat") == D("4.82")
    assert found.grams_per_kwh == D(400)


def test_the_default_band_has_no_rule():
    found = explain(tariff(THREE_RATES), "2026-03-02T23:00")

    assert (found.steps[0].band, found.steps[0].facts) == ("night", {"rule": None})
    assert (found.steps[0].quantity, found.steps[0].amount) == (None, None)
    assert found.grams_per_kwh is None


TIERS = {
    "kind": "tiers", "name": "steps", "per": "month",
    "tiers": [{"up_to": "10", "price": "1"}, {"price": "2"}],
}  # fmt: skip


def test_a_quarter_in_two_tiers_has_two_steps():
    used = series({quarter("2026-02-28T23:45"): "99", quarter("2026-03-01"): "9",
                   quarter("2026-03-05"): "4", quarter("2026-03-06"): "1"})  # fmt: skip

    first, second = explain(tariff(TIERS), "2026-03-05", used).steps

    assert (first.band, first.quantity, first.amount) == ("1", D(1), D(1))
    assert (second.band, second.quantity, second.amount) == ("2", D(3), D(6))
    assert first.facts == {"used_before_kwh": "9.000000", "from_kwh": "0", "up_to_kwh": "10"}
    assert second.facts == {"used_before_kwh": "9.000000", "from_kwh": "10", "up_to_kwh": None}


@pytest.mark.parametrize(("used", "price"), [("9.99", D(1)), ("10", D(2))])
def test_without_a_reading_it_says_what_the_next_kwh_costs(used, price):
    before = series({quarter("2026-03-01"): used})

    found = price_at(
        tariff(TIERS, {"kind": "fixed", "name": "fee", "price": "5", "per": "day"}, VAT),
        quarter=quarter("2026-03-05"), zone=BERLIN, imported=before,
    )  # fmt: skip

    assert found == price * D("1.2")


def test_a_reading_of_nothing_is_nothing():
    used = series({quarter("2026-03-02T18:00"): "0"})

    (step,) = explain(tariff(FLAT), "2026-03-02T18:00", used).steps

    assert (step.quantity, step.amount, step.price) == (D(0), D(0), D("0.3"))


def test_a_dynamic_price_shows_where_it_comes_from():
    definition = tariff({"kind": "dynamic", "name": "spot", "series": "de", "factor": "1.1",
                         "surcharge": "0.02"}, VAT)  # fmt: skip
    prices = {"de": PriceSeries(np.array([quarter("2026-03-02")]), np.array([100_000]))}
    used = steady("2026-03-02", "2026-03-03", BERLIN, "2")

    spot, vat = explain(definition, "2026-03-02", used, prices=prices).steps
    missing, no_vat = explain(definition, "2026-03-02T00:15", used, prices=prices).steps

    assert (spot.price, spot.amount) == (D("0.13"), D("0.26"))
    assert spot.facts == {
        "series": "de", "series_price": "0.100000", "factor": "1.1", "surcharge": "0.02",
    }  # fmt: skip
    assert (vat.price, vat.amount) == (D("0.026"), D("0.052"))
    assert (missing.band, missing.price, missing.amount) == ("unpriced", None, None)
    assert missing.facts["series_price"] is None
    assert (no_vat.price, no_vat.amount) == (None, None)
    at = quarter("2026-03-02T00:15")
    assert price_at(definition, quarter=at, zone=BERLIN, prices=prices) is None


def test_demand_says_whether_the_quarter_made_the_peak():
    definition = tariff({"kind": "demand", "name": "power", "price": "5", "window_minutes": 30})
    used = series({quarter("2026-03-10T18:00"): "10", quarter("2026-03-10T18:15"): "12",
                   quarter("2026-03-02"): "1"})  # fmt: skip

    (at_peak,) = explain(definition, "2026-03-10T18:15", used).steps
    (before,) = explain(definition, "2026-03-02T00:00", used).steps

    assert at_peak.facts == {
        "peak_kw": "44.000000", "peak_quarter": quarter("2026-03-10T18:00"), "is_peak": True,
    }  # fmt: skip
    assert before.facts["is_peak"] is False
    assert before.facts["peak_kw"] == "44.000000"


def test_an_export_has_a_negative_price_of_its_own():
    definition = tariff(FLAT, {"kind": "flat", "name": "feed-in", "price": "0.08",
                               "flow": "export"}, {**VAT, "on": ["energy"]})  # fmt: skip
    at = quarter("2026-03-02")

    assert price_at(definition, quarter=at, zone=BERLIN, flow="export") == D("-0.08")
    assert price_at(definition, quarter=at, zone=BERLIN) == D("0.36")


def test_steps_of_the_quarters_add_up_to_the_items_of_the_day():
    definition = tariff(THREE_RATES, TIERS, VAT)
    used = steady("2026-03-01", "2026-03-02", ISTANBUL)

    items = rate(
        definition, start=day("2026-03-01"), end=day("2026-03-02"), zone=ISTANBUL, imported=used
    )
    steps = [
        step.amount
        for number in used.numbers.tolist()
        for step in explain_quarter(definition, quarter=number, zone=ISTANBUL, imported=used).steps
    ]

    assert sum(step for step in steps if step) == items.total()


def test_a_tax_has_a_price_also_where_power_is_charged_before_it():
    demand = {"kind": "demand", "name": "power", "price": "5"}

    *_, vat = explain(tariff(FLAT, demand, VAT), "2026-03-02").steps

    assert vat.price == D("0.06")


def test_a_quarter_of_nothing_at_a_limit_is_in_the_tier_of_the_next_kwh():
    used = series({quarter("2026-03-01"): "10", quarter("2026-03-05"): "0"})

    (step,) = explain(tariff(TIERS), "2026-03-05", used).steps

    assert (step.band, step.quantity, step.amount) == ("2", D(0), D(0))
