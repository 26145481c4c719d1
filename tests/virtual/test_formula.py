"""Formulas: what they compute, which units fit, and that nothing else runs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.virtual.formula import FormulaError, compile_formula, names_of

KW = {"a": "kW", "b": "kW", "c": "kW"}
COLUMNS = {"a": np.array([1.0, 2.0, 3.0]), "b": np.array([4.0, 0.0, -1.0]), "c": np.ones(3)}


def value(text, units=KW, unit="kW", columns=COLUMNS):
    return compile_formula(text, units, unit).evaluate(columns).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b", [5, 2, 2]),
        ("a - b - c", [-4, 1, 3]),
        ("-a + +b", [3, -2, -4]),
        ("2 * a + 1", [3, 5, 7]),
        ("(a + b) / 2", [2.5, 1, 1]),
        ("max(a, b, 2)", [4, 2, 3]),
        ("min(a, b)", [1, 0, -1]),
        ("abs(b)", [4, 0, 1]),
        ("if(b > 0, b, 0)", [4, 0, 0]),
        ("b if b > 0 else 0", [4, 0, 0]),
        ("1 + if(a >= 2 and not b < 0, a, c) * 2", [3, 5, 3]),
        ("if(a > 1 or b > 1, 1, 0) + c * 0", [1, 1, 1]),
        ("a if (b) > 0 else if(b == 0, 7, 8)", [1, 7, 8]),
    ],
)
def test_what_is_computed(text, expected):
    assert value(text) == pytest.approx(expected)


def test_a_division_by_zero_has_no_value():
    found = compile_formula("a / b", KW, "%").evaluate(COLUMNS)
    assert np.isnan(found[1])
    assert found[0] == pytest.approx(25.0), "kW by kW is a ratio, shown in percent"


@pytest.mark.parametrize(
    ("text", "units", "unit", "expected"),
    [
        ("p + w", {"p": "kW", "w": "W"}, "kW", 1.002),
        ("w + p", {"p": "kW", "w": "W"}, "kW", 1.002),
        ("w + p", {"p": "kW", "w": "W"}, "W", 1002.0),
        ("v * i", {"v": "V", "i": "A"}, "kVA", 0.006),
        ("p * h", {"p": "kW", "h": "h"}, "kWh", 3.0),
        ("e / h", {"e": "kWh", "h": "h"}, "kW", 2.0),
        ("p * s", {"p": "kW", "s": "%"}, "kW", 0.5),
        ("max(w, p)", {"p": "kW", "w": "W"}, "W", 1000.0),
        ("t", {"t": "Cel"}, "degF", 68.0),
        ("n * 0.5", {"n": ""}, "kWh", 2.0),
        ("p / a", {"p": "kW", "a": "kVA"}, "1", 0.5),
        ("f * h", {"f": "m3/h", "h": "h"}, "m3", 12.0),
    ],
)
def test_units_that_fit(text, units, unit, expected):
    numbers = {"p": 1.0, "w": 2.0, "v": 3.0, "i": 2.0, "h": 3.0, "e": 6.0, "s": 50.0, "t": 20.0,
               "n": 4.0, "a": 2.0, "f": 4.0}  # fmt: skip
    columns = {name: np.array([numbers[name]]) for name in units}
    assert value(text, units, unit, columns) == pytest.approx([expected])


@pytest.mark.parametrize(
    ("text", "units", "unit"),
    [
        ("p + e", {"p": "kW", "e": "kWh"}, "kW"),
        ("p", {"p": "kW"}, "kWh"),
        ("p * p", {"p": "kW"}, "kW"),
        ("1 / p", {"p": "kW"}, "kW"),
        ("p + n", {"p": "kW", "n": ""}, "kW"),
        ("t + f", {"t": "Cel", "f": "degF"}, "Cel"),
        ("p / p", {"p": "kW"}, "kW"),
        ("if(p > e, p, p)", {"p": "kW", "e": "kWh"}, "kW"),
        ("x + 1", {"x": "furlong"}, "kW"),
    ],
)
def test_units_that_do_not_fit(text, units, unit):
    with pytest.raises(FormulaError) as refused:
        compile_formula(text, units, unit)
    assert refused.value.code == "units_do_not_fit"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("__import__('os')", "unknown_name"),
        ("a.real", "not_allowed"),
        ("a[0]", "not_allowed"),
        ("a ** 2", "not_allowed"),
        ("a // 2", "not_allowed"),
        ("lambda: a", "not_allowed"),
        ("[a for a in b]", "not_allowed"),
        ("a if a else b", "not_allowed"),
        ("a < b", "not_allowed"),
        ("a + True", "not_allowed"),
        ("a + 'x'", "not_allowed"),
        ("max(a)", "not_allowed"),
        ("max(a, b, key=c)", "not_allowed"),
        ("sum(a, b)", "unknown_name"),
        ("a < b < c", "not_allowed"),
        ("(a := b)", "not_allowed"),
        ("a + z", "unknown_name"),
        ("1 + 1", "no_input"),
        ("", "bad_formula"),
        ("a +", "bad_formula"),
        ("a; b", "bad_formula"),
        ("a\nb", "bad_formula"),
        ("a + 1e999", "bad_formula"),
        ("a" + "+a" * 300, "too_long"),
        ("(" * 60 + "a" + ")" * 60 + "+a" * 80, "too_long"),
        ("-" * 100 + "a", "too_long"),
        ("\x00a", "bad_formula"),
    ],
)
def test_what_may_not_stand_there(text, code):
    with pytest.raises(FormulaError) as refused:
        compile_formula(text, KW, "kW")
    assert refused.value.code == code


@given(st.text(max_size=60) | st.text("ab+-*/(),if <>0.", max_size=60))
def test_no_text_breaks_it(text):
    try:
        found = compile_formula(text, KW, "kW")
    except FormulaError:
        return
    assert len(found.evaluate(COLUMNS)) == 3
    assert found.names <= set("abc")


def test_names():
    assert names_of("max(a, if(b > 0, c, 1))") == {"a", "b", "c"}
