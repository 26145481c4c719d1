"""The sample bill of Green Button: 480 quarters with what each of them cost."""

import os
import re
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.conf import settings

from metering.series import Series
from metering.tariffs.explain import price_at
from metering.tariffs.rating import rate
from tests.metering.tariffs.quarters import day, tariff

REALDATA = Path(os.environ.get("REALDATA_DIR", settings.BASE_DIR.parent / "shared" / "realdata"))
FILE = REALDATA / "series" / "green-button-espi" / "test_usage_data_1.xml"
ROW = re.compile(
    r"<cost>(\d+)</cost>.*?<duration>900</duration>\s*<start>(\d+)</start>.*?<value>(\d+)</value>",
    re.DOTALL,
)
ZONE = ZoneInfo("America/New_York")

pytestmark = pytest.mark.skipif(
    not FILE.exists(), reason=f"no real bill at {FILE}: set REALDATA_DIR"
)


def rules(day_types, prices):
    """Return a rule for each (price, from, to)."""
    return [
        {"band": band, "from": start, "to": end, "day_types": day_types}
        for band, start, end in prices
    ]


# On Friday evening the weekend has begun, on Sunday evening it is over.
WEEKDAY_EVENING = [("24", "19:00", "20:00"), ("18", "20:00", "21:00"), ("12", "21:00", "22:00"),
                   ("6", "22:00", "23:00")]  # fmt: skip
WEEKEND_EVENING = [("12", "19:00", "20:00"), ("9", "20:00", "21:00"), ("6", "21:00", "22:00"),
                   ("3", "22:00", "23:00")]  # fmt: skip
DEFINITION = {
    "kind": "time_of_use",
    "name": "energy",
    "bands": [
        {"name": str(cents), "price": f"0.{cents:02}"} for cents in (3, 6, 9, 12, 15, 18, 24, 30)
    ],
    "default": "3",
    "rules": [
        *rules(["friday"], WEEKEND_EVENING),
        *rules(["sunday"], WEEKDAY_EVENING),
        *rules(["weekday"], WEEKDAY_EVENING),
        *rules(["saturday"], WEEKEND_EVENING),
        *rules(["weekday"], [("12", "14:00", "15:00"), ("18", "15:00", "16:00"),
                             ("24", "16:00", "17:00"), ("30", "17:00", "19:00")]),
        *rules(["saturday", "sunday"], [("9", "14:00", "15:00"), ("12", "15:00", "16:00"),
                                        ("15", "16:00", "19:00")]),
        {"band": "6", "from": "06:00", "to": "14:00"},
    ],
}  # fmt: skip
CALENDAR = {"day_types": [{"name": "friday", "weekdays": [5]}]}


@pytest.fixture(scope="module")
def bill():
    """Return quarter, Wh and cost in dollars, in order of time."""
    found = [(int(row[1]) // 900, int(row[2]), Decimal(row[0]).scaleb(-5))
             for row in ROW.findall(FILE.read_text())]  # fmt: skip
    assert len(found) == 480
    return sorted(found)


@pytest.fixture(scope="module")
def used(bill):
    numbers, watt_hours, _ = zip(*bill, strict=True)
    return Series(np.array(numbers), np.array(watt_hours) * 1000, np.zeros(480, dtype=np.int8))


def test_every_quarter_has_the_price_of_the_bill(bill):
    definition = tariff(DEFINITION, calendar=CALENDAR)

    for number, watt_hours, cost in bill[2:]:  # the costs of the first two are of other amounts
        price = price_at(definition, quarter=number, zone=ZONE)

        # the file cuts the fraction of a watt-hour off, the cost is with it
        assert 0 <= cost - price * watt_hours / 1000 < price / 1000


def test_the_bill_is_met_but_for_the_fractions_of_watt_hours(bill, used):
    definition = tariff(DEFINITION, calendar=CALENDAR)

    total = rate(
        definition, start=day("2012-03-01"), end=day("2012-03-06"), zone=ZONE, imported=used
    ).total()

    billed = sum(cost for *_, cost in bill)
    assert billed == Decimal("52.40025")
    assert billed - total == Decimal("0.02103")
