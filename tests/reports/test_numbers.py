"""Numbers are rounded like in the browser and written like the reader does."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from reports.templatetags.ui import number, unit_symbol


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (1234.5678, 2, "1,234.57"),
        (236.36, 1, "236.4"),
        (0.25, 1, "0.3"),
        (1.005, 2, "1.01"),
        (-0.0004, 3, "0.000"),
        (-2.5, 0, "-3"),
        (1e22, 0, "10,000,000,000,000,000,000,000"),
        (None, 3, "–"),
        (float("nan"), 3, "–"),
    ],
)
def test_writes_a_number(value: float | None, decimals: int, text: str) -> None:
    assert number(value, decimals) == text


def test_writes_turkish_numbers() -> None:
    with override("tr"):
        assert number(1234.5, 2) == "1.234,50"


def test_shows_symbols_for_stored_units() -> None:
    assert [unit_symbol(unit) for unit in ("Cel", "1", "kW")] == ["°C", "", "kW"]
