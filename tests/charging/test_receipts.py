"""Receipts: what stands on them adds up to what the session costs."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from charging.models import ChargingSession
from charging.pricing import Price, cost_of
from charging.queries.pages_receipt import price_lines
from tests.charging.places import Place
from tests.charging.test_api import ROOT, sign_in
from tests.charging.test_pages import ended, text_of
from tests.conftest import Team
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(red: Team) -> Client:
    return sign_in(red.owner)


def pdf_text(content: bytes) -> str:
    return " ".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages)


def test_the_receipt_says_seller_place_lines_and_vat(place: Place, boss: Client) -> None:
    session = ended(place)

    text = text_of(boss.get(f"/charging/sessions/{session.id}/receipt"))

    assert "Receipt 7" in text
    assert place.red.tenant.name in text
    assert "12.345 kWh" in text
    assert "77.99 TRY" in text  # without VAT
    assert "15.60 TRY" in text
    assert "93.59 TRY" in text
    assert "100.000 – 112.345 kWh" in text


def test_page_pdf_and_api_say_the_same(place: Place, boss: Client) -> None:
    session = ended(place)

    found = boss.get(f"{ROOT}/sessions/{session.id}/receipt").json()
    answer = boss.get(f"/charging/sessions/{session.id}/receipt.pdf")
    again = boss.get(f"/charging/sessions/{session.id}/receipt.pdf")

    assert (found["number"], found["total"], found["net"], found["vat"]) == (
        7, "93.59", "77.99", "15.60",
    )  # fmt: skip
    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF")
    assert answer.content == again.content
    text = pdf_text(answer.content)
    for amount in ("93.59", "77.99", "15.60", "12.345"):
        assert amount in text
    assert place.red.tenant.name in text


def test_idle_minutes_stand_on_a_line_of_their_own(place: Place, boss: Client) -> None:
    begin = timezone.now() - dt.timedelta(hours=2)
    session = ended(
        place, charging_at=begin, started_at=begin, ended_at=begin + dt.timedelta(minutes=80),
        energised_seconds=3600, cost=Decimal("98.59"),
    )  # fmt: skip

    lines = boss.get(f"{ROOT}/sessions/{session.id}/receipt").json()["lines"]

    assert [(line["kind"], line["amount"]) for line in lines] == [
        ("energy", "92.59"), ("session", "1.00"), ("idle", "5.00"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "fields", [{"receipt_number": None, "ended_at": None, "state": "charging"}, {"price": {}}]
)
def test_an_open_session_and_one_without_a_price_have_none(
    place: Place, boss: Client, fields: Any
) -> None:
    session = ended(place, **fields)

    assert boss.get(f"/charging/sessions/{session.id}/receipt").status_code == 404
    assert boss.get(f"/charging/sessions/{session.id}/receipt.pdf").status_code == 404
    assert boss.get(f"{ROOT}/sessions/{session.id}/receipt").status_code == 404


def test_strangers_get_no_receipt(place: Place, blue: Team) -> None:
    session = ended(place)

    url = f"/charging/sessions/{session.id}/receipt.pdf"

    assert sign_in(blue.owner).get(url).status_code == 404


_AMOUNTS = st.decimals(min_value=0, max_value=50, places=4)


@given(
    energy=st.decimals(min_value=0, max_value=500, places=6),
    prices=st.tuples(_AMOUNTS, _AMOUNTS, _AMOUNTS),
    idle=st.integers(min_value=0, max_value=90_000),
)
def test_lines_always_add_up_to_the_cost(
    energy: Decimal, prices: tuple[Decimal, Decimal, Decimal], idle: int
) -> None:
    price = Price("TRY", prices[0], prices[1], prices[2], 10, Decimal(20))
    cost = cost_of(price, energy_kwh=energy, idle_seconds=idle)
    session = ChargingSession(
        price=price.as_json(), energy_kwh=energy, cost=cost.total, charging_at=NOW,
        ended_at=NOW + dt.timedelta(seconds=idle), energised_seconds=0, state="ended",
    )  # fmt: skip

    lines = price_lines(session, now=NOW)

    assert sum((line.amount for line in lines), Decimal(0)) == cost.total
