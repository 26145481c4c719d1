"""What people decide and ask on the page of a meter."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from metering.ledger.kinds import Judgement
from metering.models import LedgerDecision, LedgerMark, Meter
from metering.series import QUARTER_US
from metering.services.meters import Hardware, Wanted, create_meter
from telemetry.ingest.batch import to_microseconds
from tests.conftest import Team
from tests.metering.conftest import NOW, Plant, total
from tests.metering.counted import BEGIN, START, count, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture
def browser(client_for: Any, red: Team) -> Client:
    client: Client = client_for(red.owner)
    return client


def jumped(plant: Plant) -> tuple[Meter, LedgerDecision]:
    values = np.arange(40) * 0.25
    values[20:] += 5_000
    meter = count(plant, values, most_per_hour=Decimal(20))
    with plant.red.scope():
        return meter, LedgerDecision.objects.get(kind=Judgement.JUMP)


def test_a_jump_that_was_no_consumption_is_kept_out_for_good(plant: Plant, browser: Client) -> None:
    meter, decision = jumped(plant)
    keep = reverse("meter-decision-keep", args=[meter.id, decision.id])
    book = reverse("meter-decision-book", args=[meter.id, decision.id])
    assert keep in text_of(browser, "meter", meter.id)

    browser.post(keep, {"reason": " "})
    with plant.red.scope():
        decision.refresh_from_db()
        assert decision.kept_at is None
    browser.post(keep, {"reason": "the display shows less"})
    browser.post(reverse("meter-recalculate", args=[meter.id]))
    plant.build(timezone.now())

    page = text_of(browser, "meter", meter.id)
    assert keep not in page
    assert "the display shows less" in page
    with plant.red.scope():
        assert total(meter.registers.get()) == Decimal("9.5")

    browser.post(book, {"reason": "it was used after all"})
    refused = browser.post(keep, {"reason": "no"}, follow=True)
    plant.build(timezone.now())

    assert "It has been booked already." in refused.content.decode()
    with plant.red.scope():
        decision.refresh_from_db()
        assert decision.kept_at is None
        assert total(meter.registers.get()) == Decimal("5009.75")


def test_jumps_of_others_are_decided_by_nobody_else(
    plant: Plant, client_for: Any, blue: Team
) -> None:
    meter, decision = jumped(plant)
    keep = reverse("meter-decision-keep", args=[meter.id, decision.id])

    assert client_for(blue.owner).post(keep, {"reason": "x"}).status_code == 404
    assert client_for(plant.red.viewer).post(keep, {"reason": "x"}).status_code == 403


def test_a_jump_is_kept_out_by_the_api(plant: Plant, browser: Client) -> None:
    meter, decision = jumped(plant)
    address = f"/api/v1/meters/{meter.id}/decisions/{decision.id}/keep"
    other = reverse("api-meter-decision-keep", args=[meter.id, decision.id + 99])

    kept = browser.post(address, {"reason": "a fault"}, content_type="application/json")

    assert kept.status_code == 200
    assert kept.json()["kept_reason"] == "a fault"
    assert browser.post(other, {"reason": "x"}, content_type="application/json").status_code == 404


def restarted(plant: Plant, *, serial: str = "", of_device: str = "", at: float = 0.0) -> str:
    """Return the id of a meter whose register fell from 4009.5 to `at`."""
    values = np.concatenate((4_000 + np.arange(20) * 0.5, at + np.arange(20) * 0.5))
    channel = plant.channel()
    register = plant.meter(channel, hardware=Hardware(serial=serial))
    plant.store(channel, BEGIN + np.arange(len(values)) * QUARTER_US, values)
    plant.build()
    with plant.red.scope():
        channel.device.serial_number = of_device
        channel.device.save()
    return str(register.meter_id)


@pytest.mark.parametrize(
    ("given", "is_change"),
    [
        ({}, False),
        ({"at": 0.5}, False),
        ({"at": 70.0}, True),
        ({"serial": "A", "of_device": "A", "at": 70.0}, False),
        ({"serial": "A", "of_device": "B"}, True),
        ({"serial": "A", "at": 70.0}, True),
    ],
)
def test_a_change_is_proposed_only_where_the_meter_is_another(
    plant: Plant, browser: Client, given: dict[str, Any], is_change: bool
) -> None:
    page = text_of(browser, "meter", restarted(plant, **given))

    assert ("Was the meter changed?" in page) == is_change
    assert ("probably a restart" in page) != is_change


def test_the_newest_quarter_is_explained_where_none_is_named(plant: Plant, browser: Client) -> None:
    meter = count(plant, 100 + np.arange(9) * 0.5)

    shown = text_of(browser, "meter-explain", meter.id)

    assert "01:45 – 02:00" in shown
    assert "104 − 103.5 + 0 = 0.5 kWh" in shown


def test_a_computed_meter_names_those_that_can_be_explained(plant: Plant, browser: Client) -> None:
    meter = count(plant, np.arange(3) * 0.5, name="Main")
    with plant.red.scope():
        made = create_meter(
            site_id=plant.site.id, wanted=Wanted("Half", terms={meter.id: Decimal("0.5")}), now=NOW
        )

    answer = browser.get(reverse("meter-explain", args=[made.id]))

    assert answer.status_code == 400
    assert reverse("meter", args=[meter.id]) in answer.content.decode()


def test_chosen_days_are_calculated_anew(plant: Plant, browser: Client) -> None:
    meter = count(plant, np.arange(5) * 0.5)
    address = reverse("meter-recalculate", args=[meter.id])

    for wrong in ({"first": "2026-11-20", "last": "2026-11-19"}, {"first": "2190-01-01"}):
        assert browser.post(address, wrong).context["recalculate"].errors
    with plant.red.scope():
        assert not LedgerMark.objects.filter(register__meter=meter).exists()
    answer = browser.post(address, {"first": "2026-11-19", "last": "2026-11-19"})

    assert answer.status_code == 302
    with plant.red.scope():
        mark = LedgerMark.objects.get(register__meter=meter)
    day = dt.timedelta(days=1)
    assert (mark.start, mark.end) == (to_microseconds(START - day), BEGIN - 1)
