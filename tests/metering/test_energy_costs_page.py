"""Costs and CO₂ on the energy page and in its endpoint: who sees them, and how."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.metering.conftest import NOW, Plant
from tests.metering.energy_home import WHOLE, follow, make_home, tariff
from tests.metering.energy_site import EnergySite

SignIn = Callable[[User], Client]
URL = "/api/v1/energy/summary"


@pytest.fixture
def home(plant: Plant) -> EnergySite:
    """A day costs (8.00 + 2.40) × 1.25 − 0.64."""
    return make_home(plant)


@pytest.fixture
def shown(home: EnergySite, monkeypatch: pytest.MonkeyPatch) -> EnergySite:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    tariff(home.plant, WHOLE)
    follow()
    return home


def test_the_page_shows_costs_and_co2(shown: EnergySite, client_for: SignIn) -> None:
    client = client_for(shown.plant.red.viewer)
    query = {"period": "week", "date": "2026-11-11"}

    cost = client.get(reverse("energy"), query | {"show": "cost"}).content.decode()
    emitted = client.get(reverse("energy"), query | {"show": "co2"}).content.decode()

    assert "86.52" in cost and "EUR" in cost  # 7 × 12.36
    assert "0.5150" in cost  # over 168 kWh
    assert "feed-in" in cost and "By component" in cost
    assert "show=cost&amp;period=month" in cost or "period=month&amp;" in cost
    assert 'name="show" value="cost"' in cost
    assert "67.2" in emitted  # 168 kWh × 400 g
    assert "No tariff" not in cost and "No CO₂ factor" not in emitted


def test_the_page_leads_to_costs_where_there_is_no_tariff(
    home: EnergySite, client_for: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    client = client_for(home.plant.red.viewer)

    cost = client.get(reverse("energy"), {"show": "cost"}).content.decode()
    emitted = client.get(reverse("energy"), {"show": "co2"}).content.decode()

    assert "No tariff: 1 meter (Grid)" in cost
    assert f"{reverse('costs')}?site={home.meters['Grid'].site_id}" in cost
    assert "Nothing was charged in this period" in cost
    assert "No CO₂ factor: 1 meter (Grid)" in emitted
    oven = home.meters["Oven"]
    part = client.get(reverse("energy"), {"show": "cost", "meter": str(oven.id)}).content.decode()
    assert "it is part of what its site is charged" in part
    assert f"show=cost&amp;site={oven.site_id}" in part


def test_who_may_not_read_tariffs_sees_no_money(
    shown: EnergySite, client_for: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accounts.rbac import registry

    viewer = frozenset(registry.SYSTEM_ROLES["viewer"] - {"read:tariff"})
    monkeypatch.setitem(registry.SYSTEM_ROLES, "viewer", viewer)
    client = client_for(shown.plant.red.viewer)
    scope = {"scope": f"meter:{shown.meters['Grid'].id}"}

    page = client.get(reverse("energy"), {"show": "cost"})
    emitted = client.get(reverse("energy"), {"show": "co2"}).content.decode()
    text = page.content.decode()

    assert page.status_code == 200
    assert "EUR" not in text and ">Cost</a>" not in text
    assert "EUR" not in emitted and reverse("costs") not in emitted.partition("<h1>")[2]
    assert client.get(URL, scope | {"include": "cost"}).status_code == 403
    assert client.get(URL, scope | {"include": "co2"}).json()["costs"] is None


def test_answers_costs_and_co2(shown: EnergySite, client_for: SignIn) -> None:
    client = client_for(shown.plant.red.viewer)
    query = {"scope": f"meter:{shown.meters['Grid'].id}", "period": "week", "date": "2026-11-11",
             "compare": "previous"}  # fmt: skip

    answer = client.get(URL, query | {"include": "cost,co2"}).json()
    plain = client.get(URL, query).json()
    table = client.get(URL, query | {"include": "cost"}, headers={"accept": "text/csv"})

    cost = answer["costs"]["currencies"][0]
    assert (cost["currency"], cost["total"], cost["billed"]) == ("EUR", "86.520000", "0.000000")
    assert cost["v"] == ["12.360000"] * 7
    assert {band["name"]: band["total"] for band in cost["components"]} == {
        "energy": "56.000000", "base": "16.800000", "VAT": "18.200000", "feed-in": "-4.480000"
    }  # fmt: skip
    assert cost["comparison"]["v"][-1] == "12.360000"
    assert answer["co2"]["total"] == pytest.approx(67.2)
    assert answer["costs"]["without_tariff"] == []
    assert plain["costs"] is None and plain["co2"] is None
    assert "cost (EUR)" in table.content.decode().splitlines()[0]
    assert client.get(URL, query | {"include": "gold"}).status_code == 400
