"""A counter that is sent in a smaller unit from some moment on, and stays so."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from metering.ledger.kinds import Judgement
from metering.models import LedgerDecision, Meter
from metering.series import QUARTER_US
from tests.conftest import Team
from tests.metering.conftest import NOW, Plant, total
from tests.metering.counted import BEGIN, START, count, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture
def browser(client_for: Any, red: Team) -> Client:
    client: Client = client_for(red.owner)
    return client


def in_watt_hours(quarters: int = 40, since: int = 20) -> np.ndarray:
    values = 5_000 + np.arange(quarters) * 0.25
    values[since:] *= 1_000
    return values


def decided(plant: Plant, meter: Meter) -> list[LedgerDecision]:
    with plant.red.scope():
        rows = LedgerDecision.objects.filter(register__meter=meter, kind=Judgement.SCALE)
        return list(rows.order_by("id"))


def test_people_see_once_what_to_do(plant: Plant, browser: Client) -> None:
    meter = count(plant, in_watt_hours(), most_per_hour=Decimal(20))
    [found] = decided(plant, meter)
    keep = reverse("meter-decision-keep", args=[meter.id, found.id])
    book = reverse("meter-decision-book", args=[meter.id, found.id])
    page = text_of(browser, "meter", meter.id)

    assert "the device seems to send another unit" in page
    assert f"{reverse('meter-replace', args=[meter.id])}?decision={found.id}" in page
    assert keep in page and book not in page
    assert "Leave it as it is" in page and "Was the meter changed?" not in page

    refused = browser.post(book, {"reason": "x"}, follow=True)
    assert "It is in another unit" in refused.content.decode()
    browser.post(keep, {"reason": "the box is being repaired"})
    assert keep not in text_of(browser, "meter", meter.id)
    with plant.red.scope():
        assert total(meter.registers.get()) == Decimal("4.75")


def test_quarters_of_it_are_explained_by_it(plant: Plant, browser: Client) -> None:
    meter = count(plant, in_watt_hours(), most_per_hour=Decimal(20))
    moment = START + dt.timedelta(minutes=15 * 35)

    address = f"/api/v1/explain?meter={meter.id}&start={moment:%Y-%m-%dT%H:%M:%SZ}"
    answer = browser.get(address).json()

    assert answer["amount"] is None
    assert [row["kind"] for row in answer["decisions"]] == ["scale"]
    assert [row["counts"] for row in answer["samples"]][:2] == ["5008500", "5008750"]


def test_the_proposed_change_counts_all_that_was_withheld(plant: Plant, browser: Client) -> None:
    meter = count(plant, in_watt_hours(), most_per_hour=Decimal(20))
    [found] = decided(plant, meter)
    address = reverse("meter-replace", args=[meter.id])
    form = browser.get(f"{address}?decision={found.id}").context["form"]

    said = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    said["removed_at"] = (
        f"{timezone.localtime(found.time, ZoneInfo(plant.site.timezone)):%Y-%m-%dT%H:%M}"
    )
    answer = browser.post(address, {name: value or "" for name, value in said.items()})
    plant.build(timezone.now())

    assert answer.status_code == 302, answer.context["form"].errors
    with plant.red.scope():
        assert total(meter.registers.get()) == Decimal("9.75")
    assert decided(plant, meter)[0].superseded_at is not None


def test_the_order_of_the_samples_makes_no_difference(plant: Plant) -> None:
    values = in_watt_hours(200, since=150)
    times = BEGIN - 150 * QUARTER_US + np.arange(200) * QUARTER_US
    whole, live, shuffled = (plant.channel() for _number in range(3))
    registers = [
        plant.meter(channel, most_per_hour=Decimal(20)) for channel in (whole, live, shuffled)
    ]
    order = np.random.default_rng(3).permutation(200)
    for first in range(0, 200, 20):
        part, mixed = slice(first, first + 20), order[first : first + 20]
        plant.store(live, times[part], values[part])
        plant.store(shuffled, times[mixed], values[mixed])
        plant.build()
    plant.store(whole, times, values)
    plant.build(NOW + dt.timedelta(seconds=1))

    told = []
    with plant.red.scope():
        for register in registers:
            rows = LedgerDecision.objects.filter(register=register, superseded_at=None)
            told.append(list(rows.order_by("time", "kind").values_list(
                "kind", "time", "until", "before", "after", "withheld", "count"
            )))  # fmt: skip
    assert told[0] == told[1] == told[2]
    assert [row[0] for row in told[0]] == ["first", "scale"]


def test_it_is_over_when_the_old_unit_is_back(plant: Plant) -> None:
    channel = plant.channel()
    register = plant.meter(channel, most_per_hour=Decimal(20))
    times = BEGIN + np.arange(40) * QUARTER_US
    values = in_watt_hours(40)
    values[30:] /= 1_000
    plant.store(channel, times[:30], values[:30])
    plant.build()
    plant.store(channel, times[30:], values[30:])
    plant.build(NOW + dt.timedelta(minutes=1))

    first, second = decided(plant, register.meter)
    assert first.superseded_at is not None and first.withheld > 0
    assert (second.superseded_at, second.withheld, second.count) == (None, 0, 10)
    assert total(register) == Decimal("9.75")
