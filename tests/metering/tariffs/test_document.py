"""The examples of docs/reference/tariffs.md cost what the page says."""

import re
from decimal import Decimal

import numpy as np
import pytest
from django.conf import settings

from metering.tariffs import checks, prices
from metering.tariffs.definition import read_definition, write_definition
from metering.tariffs.prices import PriceSeries, read_csv_prices
from metering.tariffs.rating import rate
from tests.metering.tariffs.quarters import BERLIN, day, quarter, steady

TEXT = (settings.BASE_DIR / "docs/reference/tariffs.md").read_text()
EXAMPLES = re.findall(
    r"```json\n(.*?)```\s+March 2026 costs \*\*(-?[0-9.]+)\*\*", TEXT, flags=re.DOTALL
)


def test_every_example_says_what_it_costs():
    assert len(EXAMPLES) == TEXT.count("```json") == 6


@pytest.mark.parametrize(("number", "cost"), list(enumerate(cost for _, cost in EXAMPLES)))
def test_costs_what_the_page_says(number, cost):
    definition = read_definition(EXAMPLES[number][0].encode())
    numbers = np.arange(quarter("2026-03-01"), quarter("2026-04-01"))

    found = rate(
        definition, start=day("2026-03-01"), end=day("2026-04-01"), zone=BERLIN,
        imported=steady("2026-03-01", "2026-04-01", BERLIN),
        exported=steady("2026-03-01", "2026-04-01", BERLIN, "0.125"),
        prices={"de-lu": PriceSeries(numbers, np.full(len(numbers), 100_000))},
    )  # fmt: skip

    assert found.total().quantize(Decimal("0.01")) == Decimal(cost)
    assert read_definition(write_definition(definition)) == definition


def test_the_example_of_csv_is_read():
    document = re.search(r"```csv\n(.*?)```", TEXT, flags=re.DOTALL)[1]

    found = read_csv_prices(document.encode(), zone=BERLIN)

    assert found.numbers.tolist() == list(
        range(quarter("2026-10-25T02:00"), quarter("2026-10-25T04:00"))
    )
    assert found.prices.tolist() == [91_200] * 4 + [85_000] * 4 + [83_100] * 4


@pytest.mark.parametrize("error", [checks.BadDefinition, prices.BadPrices])
def test_names_every_code(error):
    listed = re.search(r"one of (.*?)\. `|`code`: (.*?)\. `place`", error.__doc__, re.DOTALL)
    codes = re.findall(r"[a-z0-9_]+", listed[1] or listed[2])

    assert len(codes) > 10
    assert [code for code in codes if f"`{code}`" not in TEXT] == []
