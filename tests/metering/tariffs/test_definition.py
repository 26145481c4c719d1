import copy
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.tariffs.components import Demand, Fixed, Percent
from metering.tariffs.definition import BadDefinition, read_definition, write_definition
from metering.tariffs.explain import explain_quarter
from metering.tariffs.prices import PriceSeries
from metering.tariffs.rating import rate, series_names
from tests.metering.tariffs.quarters import BERLIN, THREE_RATES, day, steady

FLAT = {"kind": "flat", "name": "energy", "price": "0.30"}
FULL = {
    "components": [
        THREE_RATES,
        {
            "kind": "tiers", "name": "steps", "per": "day",
            "tiers": [{"up_to": "8", "price": "1"}, {"price": "1.5"}],
        },
        {
            "kind": "demand", "name": "power", "price": "10", "window_minutes": 60,
            "within": {"component": "energy", "band": "peak"},
            "contracted_kw": "50", "excess_price": "20", "billed": "contracted",
        },
        {"kind": "fixed", "name": "meter", "price": "12", "per": "year"},
        {"kind": "levy", "name": "levy", "price": "0.0205"},
        {"kind": "dynamic", "name": "spot", "series": "de", "surcharge": "0.01"},
        {"kind": "flat", "name": "feed-in", "price": "0.08", "flow": "export"},
        {"kind": "percent", "name": "vat", "percent": "19", "on": ["energy", "levy"]},
    ],
    "calendar": {
        "holidays": ["2026-03-20"], "yearly": ["01-01", "02-29"], "easter": [-2, 1],
        "day_types": [{"name": "bridge", "dates": ["2026-05-15"]}],
    },
    "co2": {"grams_per_kwh": "380.5"},
}  # fmt: skip


def with_first(**members):
    return {"components": [{**FULL["components"][0], **members}]}


def demand(**members):
    return {"components": [THREE_RATES, {"kind": "demand", "name": "p", "price": "1", **members}]}


def tiers(*limits):
    found = [
        {"price": "1"} if limit is None else {"price": "1", "up_to": limit} for limit in limits
    ]
    return {"components": [{"kind": "tiers", "name": "t", "per": "month", "tiers": found}]}


def percent(**members):
    tax = {"kind": "percent", "name": "vat", "percent": "20", **members}
    return {"components": [FLAT, tax, {**FLAT, "name": "later"}]}


BAD = [
    ("no_components", "components", {"components": []}),
    ("bad_shape", "components[0].prize", {"components": [{**FLAT, "prize": "1"}]}),
    ("bad_shape", "components[0].kind", {"components": [{**FLAT, "kind": "magic"}]}),
    ("bad_shape", "", {"components": [FLAT], "currency": "EUR"}),
    ("bad_number", "components[0].price", {"components": [{**FLAT, "price": 0.3}]}),
    ("bad_number", "components[0].price", {"components": [{**FLAT, "price": "0.1234567"}]}),
    ("bad_number", "components[0].price", {"components": [{**FLAT, "price": "1e3"}]}),
    ("bad_number", "components[0].price", {"components": [{**FLAT, "price": "1\n"}]}),
    ("duplicate_name", "components[1].name", {"components": [FLAT, FLAT]}),
    ("duplicate_band", "components[0].bands[1].name",
     with_first(bands=[{"name": "night", "price": "1"}] * 2)),
    ("unknown_band", "components[0].default", with_first(default="dawn")),
    ("unknown_band", "components[0].rules[0].band", with_first(rules=[{"band": "dawn"}])),
    ("unused_band", "components[0].bands[1]", with_first(rules=[{"band": "day"}])),
    ("unknown_day_type", "components[0].rules[0].day_types[0]",
     with_first(rules=[{"band": "day", "day_types": ["feast"]}])),
    ("bad_time", "components[0].rules[0].from",
     with_first(rules=[{"band": "day", "from": "6:00"}])),
    ("bad_time", "components[0].rules[0].to", with_first(rules=[{"band": "day", "to": "06:10"}])),
    ("empty_slot", "components[0].rules[0].from",
     with_first(rules=[{"band": "day", "from": "06:00", "to": "06:00"}])),
    ("empty_slot", "components[0].rules[0].from",
     with_first(rules=[{"band": "day", "from": "24:00", "to": "06:00"}])),
    ("bad_shape", "components[0].rules[0].months[0]",
     with_first(rules=[{"band": "day", "months": [13]}])),
    ("no_open_tier", "components[0].tiers", tiers("10")),
    ("no_open_tier", "components[0].tiers", tiers()),
    ("open_tier_not_last", "components[0].tiers[0].up_to", tiers(None, "10", None)),
    ("tiers_not_ascending", "components[0].tiers[1].up_to", tiers("10", "10", None)),
    ("tiers_not_ascending", "components[0].tiers[0].up_to", tiers("0", None)),
    ("missing_contracted_power", "components[1].contracted_kw", demand(excess_price="1")),
    ("missing_contracted_power", "components[1].contracted_kw", demand(billed="contracted")),
    ("missing_excess_price", "components[1].excess_price", demand(contracted_kw="5")),
    ("unknown_component", "components[1].within.component",
     demand(within={"component": "p", "band": "peak"})),
    ("unknown_band", "components[1].within.band",
     demand(within={"component": "energy", "band": "dawn"})),
    ("unknown_day_type", "components[1].within[0].day_types[0]",
     demand(within=[{"day_types": ["feast"]}])),
    ("bad_shape", "components[1].window_minutes", demand(window_minutes=20)),
    ("unknown_component", "components[1].on[0]", percent(on=["nothing"])),
    ("later_component", "components[1].on[0]", percent(on=["later"])),
    ("later_component", "components[1].on[0]", percent(on=["vat"])),
    ("later_component", "components[0]",
     {"components": [{"kind": "percent", "name": "vat", "percent": "20"}, FLAT]}),
    ("duplicate_name", "components[1].on[1].name", percent(on=["energy", "energy"])),
    ("bad_date", "calendar.yearly[0]", {"components": [FLAT], "calendar": {"yearly": ["02-30"]}}),
    ("bad_date", "calendar.yearly[0]", {"components": [FLAT], "calendar": {"yearly": ["1-1"]}}),
    ("duplicate_name", "calendar.day_types[0].name",
     {"components": [FLAT], "calendar": {"day_types": [{"name": "sunday", "weekdays": [7]}]}}),
    ("bad_day_type", "calendar.day_types[0]",
     {"components": [FLAT], "calendar": {"day_types": [{"name": "x"}]}}),
    ("bad_date", "calendar.day_types[0].yearly[0]",
     {"components": [FLAT], "calendar": {"day_types": [{"name": "x", "yearly": ["13-01"]}]}}),
    ("bad_co2", "co2", {"components": [FLAT], "co2": {}}),
    ("bad_co2", "co2", {"components": [FLAT], "co2": {"grams_per_kwh": "1", "series": "s"}}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "field", "document"), BAD)
def test_refuses_what_does_not_fit_together(code, field, document):
    with pytest.raises(BadDefinition) as caught:
        read_definition(document)

    assert caught.value.code == code
    if code != "bad_shape":
        assert caught.value.field == field
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize("document", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, [], None])
def test_refuses_what_is_no_definition_at_all(document):
    with pytest.raises(BadDefinition) as caught:
        read_definition(document)

    assert caught.value.code == "bad_shape"


@pytest.mark.parametrize("write", [lambda document: document, lambda it: json.dumps(it).encode()])
def test_refuses_a_document_too_large(write):
    large = {"components": [FLAT], "calendar": {"holidays": ["2026-01-01"] * 30_000}}

    with pytest.raises(BadDefinition) as caught:
        read_definition(write(large))

    assert caught.value.code == "too_large"


def test_writes_what_it_reads():
    definition = read_definition(FULL)

    written = write_definition(definition)

    assert json.loads(json.dumps(written)) == FULL
    assert read_definition(json.dumps(written).encode()) == definition


def places(node, path=()):
    yield path
    if not isinstance(node, dict | list):
        return
    for key, child in node.items() if isinstance(node, dict) else enumerate(node):
        yield from places(child, (*path, key))


def node_at(document, path):
    for key in path:
        document = document[key]
    return document


PLACES = [path for path in places(FULL) if path]
WORDS = {
    "from": ["23:45", "06:15", "24:00"], "to": ["00:00", "06:00", "25:00"], "name": ["vat", ""],
    "up_to": ["0", "8.000001", None], "price": ["-1", "0", "999999999.999999", "1e3"],
    "per": ["month", "year", "week"], "flow": ["export", "import"], "default": ["day", "dawn"],
    "window_minutes": [15, 30, 31], "billed": ["measured"], "band": ["night", "dawn"],
    "within": [None, [{"day_types": ["bridge"]}], [{"from": "22:00", "to": "06:00"}], []],
    "on": [[], ["meter"], ["vat"]], "percent": ["100", "-5"], "factor": ["0", "-2.5"],
    "yearly": [["03-02"], ["3-2"]], "holidays": [["2026-03-02"], ["2026-02-29"]],
    "rules": [[], [{"band": "peak", "months": [3], "day_types": ["holiday"]}]],
    "tiers": [[{"price": "3"}], []], "co2": [None, {"series": "mix"}, {}],
    "contracted_kw": ["0", None], "excess_price": ["0", None],
}  # fmt: skip
junk = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 40), st.floats(), st.text(max_size=5),
    st.sampled_from([[], {}, [{}], [[]]]),
)  # fmt: skip


@st.composite
def changes(draw):
    """Draw a place and what shall stand there: mostly what may stand in such a place."""
    path = draw(st.sampled_from(PLACES))
    same = [node_at(FULL, other) for other in PLACES if other[-1] == path[-1]]
    fitting = WORDS.get(path[-1], []) + same
    value = draw(junk if draw(st.integers(0, 9)) == 0 else st.sampled_from(fitting))
    return path, copy.deepcopy(value)


def changed(drawn):
    document = copy.deepcopy(FULL)
    for path, value in drawn:
        try:
            node_at(document, path[:-1])[path[-1]] = value
        except (TypeError, KeyError, IndexError):
            continue  # an earlier change took the place away
    return document


@settings(max_examples=400, deadline=None)
@given(st.lists(changes(), min_size=1, max_size=3))
def test_what_is_read_can_be_rated_and_all_else_is_refused(drawn):
    try:
        definition = read_definition(changed(drawn))
    except BadDefinition:
        return

    used = steady("2026-03-01", "2026-03-03", BERLIN)
    prices = {
        name: PriceSeries(used.numbers, np.full(len(used), 5)) for name in series_names(definition)
    }
    found = rate(
        definition, start=day("2026-03-02"), end=day("2026-03-03"), zone=BERLIN,
        imported=used, exported=used, prices=prices,
    )  # fmt: skip

    explain_quarter(
        definition, quarter=int(used.numbers[-1]), zone=BERLIN, imported=used, exported=used,
        prices=prices,
    )  # fmt: skip

    for component in definition.components:
        if not isinstance(component, Demand | Fixed | Percent):
            mine = [item.quantity for item in found.costs if item.component == component.name]
            assert sum(mine) == 24
