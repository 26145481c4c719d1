"""A new tariff by the form: contracts become prices; what is wrong is said in its place."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from metering.models import Tariff
from tests.metering.billing import Bill, day
from tests.metering.conftest import Plant

GIVEN = {
    "name": "Village works", "commodity": "electricity", "currency": "TRY", "price": "2",
    "valid_from": "2026-10-01",
}  # fmt: skip
NIGHT = {
    "hours1-name": "night", "hours1-price": "1,5", "hours1-start": "22:00", "hours1-end": "06:00",
    "hours1-days": "all",
}  # fmt: skip


@pytest.fixture
def bill(plant: Plant) -> Bill:
    """A meter that counts 1 kWh an hour."""
    return Bill(plant, "2026-10-01", "2026-11-20T12:00", "Europe/Istanbul")


@pytest.fixture
def browser(bill: Bill, client_for: Any) -> Client:
    client: Client = client_for(bill.plant.red.owner)
    return client


def make(bill: Bill, browser: Client, **given: str) -> Any:
    return browser.post(reverse("costs-tariff", args=[bill.plant.site.id]), GIVEN | given)


def definition(bill: Bill) -> dict[str, Any]:
    with bill.plant.red.scope():
        found: dict[str, Any] = Tariff.objects.get(name=GIVEN["name"]).versions.get().definition
    return found


def assign(bill: Bill, browser: Client, made: Any) -> None:
    tariff = made.headers["Location"].partition("tariff=")[2]
    answer = browser.post(made.headers["Location"], {
        "tariff": tariff, "meter": "", "valid_from": "2026-10-01",
    })  # fmt: skip
    assert answer.status_code == 302
    bill.follow()


def test_hours_have_prices_of_their_own(bill: Bill, browser: Client) -> None:
    peak = {
        "hours2-name": "peak", "hours2-price": "3", "hours2-start": "18:00",
        "hours2-end": "00:00", "hours2-days": "weekdays",
    }  # fmt: skip
    assign(bill, browser, make(bill, browser, **NIGHT, **peak, tax="20"))

    # 1 kWh an hour: Monday has 8 hours of night, 4 of peak (the first that fits decides)
    monday = (8 * Decimal("1.5") + 4 * 3 + 12 * 2) * Decimal("1.2")
    assert bill.total(day=day("2026-10-05")) == monday
    sunday = (8 * Decimal("1.5") + 16 * 2) * Decimal("1.2")
    assert bill.total(day=day("2026-10-04")) == sunday


def test_a_limit_power_feed_in_and_co2(bill: Bill, browser: Client) -> None:
    more = {"limit": "240", "above": "3", "power": "10", "fee": "31", "tax": "20", "feed_in": "1",
            "co2": "412"}  # fmt: skip
    assign(bill, browser, make(bill, browser, **more))

    made = definition(bill)
    assert [part["kind"] for part in made["components"]] == [
        "tiers", "fixed", "demand", "percent", "flat"
    ]  # fmt: skip
    assert made["components"][3]["on"] == [part["name"] for part in made["components"][:3]]
    assert made["co2"] == {"grams_per_kwh": "412"}
    # 24 kWh a day: the limit is reached on the evening of the tenth
    assert bill.total(day=day("2026-10-10")) == (48 + 1) * Decimal("1.2")
    assert bill.total(day=day("2026-10-11")) == (72 + 1) * Decimal("1.2")


@pytest.mark.parametrize(
    ("given", "place"),
    [
        (NIGHT | {"hours1-price": ""}, "hours1-price"),
        (NIGHT | {"hours1-price": "cheap"}, "hours1-price"),
        (NIGHT | {"hours1-start": "22:10"}, "hours1-start"),
        (NIGHT | {"hours1-end": "22:00"}, "hours1-start"),
        (NIGHT | {"hours1-end": "06:10"}, "hours1-end"),
        (NIGHT | {"hours1-name": "other hours"}, "hours1-name"),
        (
            NIGHT
            | {
                "hours2-name": "night",
                "hours2-price": "3",
                "hours2-start": "12:00",
                "hours2-end": "13:00",
            },
            "hours2-name",
        ),
        (NIGHT | {"price": "cheap"}, "price"),
        (NIGHT | {"limit": "240", "above": "3"}, "limit"),
        ({"limit": "240"}, "above"),
        ({"limit": "-5", "above": "3"}, "limit"),
        ({"limit": "5", "above": "much"}, "above"),
        ({"limit": "5", "above": "3", "price": "cheap"}, "price"),
        ({"valid_from": "9999-12-31"}, "valid_from"),
        ({"power": "much"}, "power"),
        ({"feed_in": "0.12345678"}, "feed_in"),
        ({"co2": "green"}, "co2"),
        ({"tax": "a lot"}, "tax"),
        ({"price": ""}, "price"),
    ],
)
def test_what_is_wrong_is_said_in_its_place(
    bill: Bill, browser: Client, given: dict[str, str], place: str
) -> None:
    answer = make(bill, browser, **given)

    form = answer.context["form"]
    wrong = {f"{one.prefix}-{name}" if one.prefix else name
             for one in (form, *form.hours) for name in one.errors}  # fmt: skip
    assert wrong == {place}
    assert place in {"price", "tax", "valid_from"} or 'costs__more" open' in answer.content.decode()
    with bill.plant.red.scope():
        assert not Tariff.objects.filter(name=GIVEN["name"]).exists()


def test_what_is_wrong_with_hours_is_said_in_the_language_of_the_page(
    bill: Bill, browser: Client
) -> None:
    browser.cookies["django_language"] = "tr"
    twice = {"hours1-name": "diğer saatler"}

    hours = make(bill, browser, **NIGHT | twice).context["form"].hours[0]
    empty = make(bill, browser, **NIGHT | {"hours1-end": "22:00"}).context["form"].hours[0]
    limit = make(bill, browser, limit="0", above="3").context["form"]

    assert hours.errors["name"] == ["Bu saatlerin kendine ait bir adı olmalı."]
    assert empty.errors["start"] == ["Bütün gün için 00:00 ile 00:00 arasını yazın."]
    assert limit.errors["limit"] == ["Sıfırdan büyük bir sınır verin."]
