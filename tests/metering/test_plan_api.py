"""Budgets, baselines and savings in the API: who may, what it says, how many queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Role, User
from devices.models import Site
from metering.models import Baseline
from metering.queries.plans import find_scope
from metering.services.plans import (
    Year,
    remove_baseline,
    set_budget,
)
from tests.conftest import Team
from tests.factories import MembershipFactory, SiteFactory
from tests.metering.conftest import NOW
from tests.metering.energy_site import make_day_meters
from tests.metering.planned import (
    START,
    TODAY,
    heat,
    make_site,
    make_weather,
    send,
)

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
BUDGET, BASELINE, SAVINGS = (f"/api/v1/energy/{name}" for name in ("budget", "baseline", "savings"))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.fixture
def site(red: Team, clock: None) -> Site:
    return make_site(red)


def test_the_api_sets_reads_and_removes_a_budget(red: Team, site: Site, client_for: SignIn) -> None:
    client = client_for(red.owner)
    whose = {"scope": f"site:{site.id}", "year": 2026}

    assert client.get(BUDGET, whose).status_code == 404
    made = send(client, "put", BUDGET, whose | {"amounts": ["2976"] + ["3000"] * 11})
    copied = send(client, "put", BUDGET, whose | {"year": 2027, "last_year_percent": "-5"})
    read = client.get(BUDGET, whose).json()

    assert made.status_code == 200 and made.json() == read
    assert read["months"][0] == {
        "start": "2026-01-01", "plan": 2976.0, "actual": 2976.0, "expected": 2976.0,
        "low": 2976.0, "high": 2976.0, "difference": 0.0, "method": "over", "verdict": "met",
    }  # fmt: skip
    assert read["unit"] == "kWh" and len(read["months"]) == 12
    assert read["total"]["plan"] == 2976 + 33000
    assert copied.json()["months"][0]["plan"] == 2827.2
    assert send(client, "delete", f"{BUDGET}/{read['id']}", {}).status_code == 204
    assert client.get(BUDGET, whose).status_code == 404


def test_the_api_refuses_with_a_code_and_a_place(red: Team, site: Site, client_for: SignIn) -> None:
    client = client_for(red.owner)
    whose = {"scope": f"site:{site.id}"}
    both = {"year": 2026, "amounts": ["1"] * 12, "last_year_percent": "1"}

    for method, url, body, code, pointer in (
        ("put", BUDGET, {"year": 2026, "amounts": ["-1"] * 12}, "negative", "#/amounts"),
        ("put", BUDGET, {"year": 2026}, "invalid", "#/amounts"),
        ("put", BUDGET, both, "invalid", "#/amounts"),
        ("post", BASELINE, {"start": "2026-01-01", "end": "2026-03-01",
                            "counted_from": "2026-03-01"}, "too_short", "#/start"),
    ):  # fmt: skip
        answer = send(client, method, url, whose | body)
        assert answer.status_code == 400, answer.content
        assert answer.json()["errors"][0]["code"] == code
        assert answer.json()["errors"][0]["pointer"] == pointer


def test_the_api_fits_a_baseline_and_tells_savings(
    red: Team, site: Site, client_for: SignIn
) -> None:
    make_weather(site)
    heat(site, saved=0.1, since=dt.date(2026, 2, 1))
    client = client_for(red.operator)
    whose = {"scope": f"site:{site.id}"}

    made = send(client, "post", BASELINE, whose | {
        "start": "2025-01-01", "end": "2026-01-01", "counted_from": "2026-02-01", "note": "Boiler"
    })  # fmt: skip
    savings = client.get(SAVINGS, whose).json()

    assert made.status_code == 201, made.content
    assert made.json()["verdict"] == "good"
    assert made.json()["fitted_by"] == red.operator.email
    assert client.get(BASELINE, whose).json() == made.json() == savings["baseline"]
    assert savings["total"]["saved_share"] == pytest.approx(0.1, abs=0.001)
    assert savings["total"]["uncertainty"] < savings["total"]["saved"]
    assert len(savings["months"]) == 10
    with red.scope():
        remove_baseline(baseline_id=Baseline.objects.get().id, now=NOW)
    assert client.get(SAVINGS, whose).status_code == 404


def test_money_is_for_those_who_may_read_costs(red: Team, site: Site, client_for: SignIn) -> None:
    body = {"scope": f"site:{site.id}", "year": 2026, "measure": "cost", "currency": "EUR",
            "amounts": ["100"] * 12}  # fmt: skip
    query = {"scope": f"site:{site.id}", "year": 2026, "measure": "cost"}
    meters_only = _member(red, "meters", "read:meter", "write:meter")

    assert send(client_for(red.owner), "put", BUDGET, body).json()["unit"] == "EUR"
    assert client_for(red.viewer).get(BUDGET, query).status_code == 200
    assert client_for(meters_only).get(BUDGET, query).status_code == 403
    assert send(client_for(meters_only), "put", BUDGET, body).status_code == 403


def _member(team: Team, name: str, *codes: str) -> User:
    with team.scope():
        role = Role.objects.create(name=name, codes=list(codes))
    user: User = MembershipFactory(tenant=team.tenant, role="", custom_role=role).user
    return user


def test_strangers_find_nothing_and_viewers_change_nothing(
    red: Team, blue: Team, site: Site, client_for: SignIn
) -> None:
    whose = {"scope": f"site:{site.id}", "year": 2026}
    with red.scope():
        budget = set_budget(
            scope=find_scope("site", site.id), year=Year(2026), amounts=[Decimal(1)] * 12, now=NOW
        )
    stranger, viewer = client_for(blue.owner), client_for(red.viewer)
    body = whose | {"amounts": ["5"] * 12}

    assert stranger.get(BUDGET, whose).status_code == 404
    assert stranger.get(SAVINGS, {"scope": whose["scope"]}).status_code == 404
    assert send(stranger, "put", BUDGET, body).status_code == 404
    assert send(stranger, "delete", f"{BUDGET}/{budget.id}", {}).status_code == 404
    assert viewer.get(BUDGET, whose).status_code == 200
    assert send(viewer, "put", BUDGET, body).status_code == 403
    assert send(viewer, "delete", f"{BUDGET}/{budget.id}", {}).status_code == 403


@pytest.mark.parametrize("count", [2, 9])
def test_any_number_of_meters_needs_as_many_queries(
    red: Team, clock: None, client_for: SignIn, count: int
) -> None:
    site = SiteFactory(tenant=red.tenant)
    make_day_meters(red, site.id, count, start=START, end=TODAY)
    client = client_for(red.owner)
    whose = {"scope": f"site:{site.id}", "year": 2026}
    send(client, "put", BUDGET, whose | {"amounts": ["3000"] * 12})

    with CaptureQueriesContext(connection) as queries:
        assert client.get(BUDGET, whose).status_code == 200

    mine = [q for q in queries if "metering_" in q["sql"] or "devices_site" in q["sql"]]
    assert len(mine) <= 7
