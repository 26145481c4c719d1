"""Units and their conversions."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.lib.units import (
    SPELLINGS,
    UNITS,
    IncompatibleUnits,
    UnknownUnit,
    conversion,
    symbol,
    ucum,
)

PAIRS = [
    (one, other)
    for one, other in itertools.permutations(UNITS, 2)
    if UNITS[one].quantity == UNITS[other].quantity
]


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (1500, "W", "kW", 1.5),
        (2, "MW", "kW", 2000),
        (250, "var", "kvar", 0.25),
        (3.6, "MJ", "kWh", 1),
        (1, "GJ", "kWh", 277.7777777777778),
        (0, "Cel", "K", 273.15),
        (212, "degF", "Cel", 100),
        (-40, "°F", "°C", -40),
        (60, "L/min", "m3/h", 3.6),
        (1013.25, "mbar", "hPa", 1013.25),
        (0.5, "1", "%", 50),
        (2, "h", "s", 7200),
        (5, "", "", 5),
        (5, "furlong", "furlong", 5),
    ],
)
def test_converts(value, source, target, expected):
    assert conversion(source, target).apply(value) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_a_decimal_number_of_watts_stays_decimal():
    assert conversion("W", "kW").apply(350) == 0.35


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@given(value=st.floats(-1e12, 1e12))
def test_there_and_back_is_the_same(pair, value):
    there, back = conversion(*pair), conversion(*reversed(pair))

    returned = back.apply(there.apply(value))

    assert math.isclose(returned, value, rel_tol=1e-9, abs_tol=1e-6)


@pytest.mark.parametrize(
    ("source", "target"), [("kW", "kWh"), ("kvar", "kW"), ("", "kW"), ("V", "")]
)
def test_refuses_other_quantities(source, target):
    with pytest.raises(IncompatibleUnits):
        conversion(source, target)


@pytest.mark.parametrize("name", ["furlong", "kw", "C"])
def test_refuses_unknown_units(name):
    with pytest.raises(UnknownUnit):
        conversion(name, "kW")


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("Cel", "°C"),
        ("kW", "kW"),
        ("m3", "m³"),
        ("1", ""),
        ("", ""),
        ("%", "%"),
        ("furlong", "furlong"),
    ],
)
def test_shows_what_people_read(code, shown):
    assert symbol(code) == shown


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("kvar", "kV.A{reactive}"),
        ("kWh", "kW.h"),
        ("kvarh", "kV.A.h{reactive}"),
        ("ppm", "[ppm]"),
        ("Cel", "Cel"),
        ("°C", "Cel"),
    ],
)
def test_gives_the_exchange_code(code, expected):
    assert ucum(code) == expected


def test_every_spelling_leads_to_a_unit():
    assert set(SPELLINGS.values()) <= UNITS.keys()
    assert not SPELLINGS.keys() & UNITS.keys()
