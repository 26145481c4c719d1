"""The page on budgets and savings: who sees it, what it says, in which language."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from devices.models import Site
from metering.models import Baseline, Budget
from metering.queries.plans import find_scope
from metering.services.plans import (
    Year,
    fit_baseline,
    set_budget,
)
from tests.conftest import Team
from tests.factories import SiteFactory
from tests.metering.conftest import NOW
from tests.metering.energy_site import make_day_meters
from tests.metering.planned import (
    REFERENCE,
    START,
    TODAY,
    heat,
    make_site,
    make_weather,
)

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.fixture
def site(red: Team, clock: None) -> Site:
    return make_site(red)


def test_the_page_invites_to_plan(red: Team, site: Site, client_for: SignIn) -> None:
    page = client_for(red.owner).get(reverse("plan")).content.decode()
    looked = client_for(red.viewer).get(reverse("plan")).content.decode()

    assert "No budget for this year yet" in page and "No baseline yet" in page
    assert 'href="/energy" aria-current="true"' in page
    assert reverse("plan-budget") in page and reverse("plan-baseline") in page
    assert reverse("plan-budget") not in looked and reverse("plan-baseline") not in looked


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("Budget 2026", "Will be exceeded", "Expected in the end", "Good fit", "since")),
        ("tr", ("2026 bütçesi", "Aşılacak", "Dönem sonu tahmini", "İyi uyum", "Belirsizlik")),
    ],
)
def test_the_page_tells_budget_and_savings(
    red: Team, site: Site, client_for: SignIn, language: str, words: tuple[str, ...]
) -> None:
    make_weather(site)
    heat(site, saved=0.2, since=dt.date(2026, 2, 1))
    with red.scope():
        scope = find_scope("site", site.id)
        set_budget(scope=scope, year=Year(2026), amounts=[Decimal(500)] * 12, now=NOW)
        fit_baseline(scope=scope, wanted=REFERENCE, by=red.owner.id, now=NOW)
    client = client_for(red.owner)
    client.cookies["django_language"] = language

    answer = client.get(reverse("plan"), {"site": str(site.id), "year": "2026"})
    page = answer.content.decode()

    assert [word for word in words if word not in page] == []
    assert page.count("data-bar ") == 12 + 10
    assert "style=" not in page
    assert "no-store" in answer["Cache-Control"]


def test_a_budget_is_entered_month_by_month(red: Team, site: Site, client_for: SignIn) -> None:
    client = client_for(red.operator)
    url = f"{reverse('plan-budget')}?site={site.id}&year=2027"
    months = {f"month_{n}": f"{1000 + n},5" for n in range(1, 13)}

    wrong = client.post(url, months | {"month_3": "-4"})
    done = client.post(url, months)

    assert "A month cannot use less than nothing." in wrong.content.decode()
    assert done.status_code == 302 and f"site={site.id}" in done["Location"]
    with red.scope():
        assert Budget.objects.get().amounts[0] == 1_001_500_000
    assert 'value="1012.5"' in client.get(url).content.decode()


def test_a_budget_is_copied_and_removed_on_the_page(
    red: Team, site: Site, client_for: SignIn
) -> None:
    client = client_for(red.owner)
    whose = f"?site={site.id}&year="

    none = client.post(reverse("plan-budget-copy") + whose + "2025", {"less": "5"})
    done = client.post(reverse("plan-budget-copy") + whose + "2026", {"less": "5"})

    assert "Too little is known of 2024" in none.content.decode()
    assert done.status_code == 302
    with red.scope():
        budget = Budget.objects.get()
        assert budget.amounts[0] == round(31 * 96 * 0.95 * 1_000_000)
    assert client.post(reverse("plan-budget-remove", args=[budget.id])).status_code == 302
    with red.scope():
        assert not Budget.objects.exists()


def test_a_budget_of_costs_asks_for_the_currency_once_in_each_form(
    red: Team, site: Site, client_for: SignIn
) -> None:
    client = client_for(red.owner)
    url = f"{reverse('plan-budget')}?site={site.id}&year=2027&measure=cost"
    months = {f"month_{n}": "100" for n in range(1, 13)}

    page = client.get(url).content.decode()
    wrong = client.post(url, months | {"currency": "euro"})
    done = client.post(url, months | {"currency": "EUR"})

    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert "Use three letters such as EUR." in wrong.content.decode()
    assert done.status_code == 302 and "measure=cost" in done["Location"]
    with red.scope():
        assert (Budget.objects.get().currency, Budget.objects.get().measure) == ("EUR", "cost")


def test_a_baseline_is_fitted_and_removed_on_the_page(
    red: Team, site: Site, client_for: SignIn
) -> None:
    client = client_for(red.owner)
    url = f"{reverse('plan-baseline')}?site={site.id}"
    days = {"start": "2025-01-01", "last": "2025-12-31", "counted_from": "2026-01-01"}

    proposed = client.get(url).content.decode()
    short = client.post(url, days | {"last": "2025-06-30"}).content.decode()
    done = client.post(url, days)

    assert 'value="2025-11-01"' in proposed
    assert "A reference period has 365 days at least; this one has 181." in short
    assert done.status_code == 302
    with red.scope():
        baseline = Baseline.objects.get()
        assert baseline.fitted_by_id == red.owner.id
    assert client.post(reverse("plan-baseline-remove", args=[baseline.id])).status_code == 302
    with red.scope():
        assert not Baseline.objects.exists()


def test_strangers_find_no_page(red: Team, blue: Team, site: Site, client_for: SignIn) -> None:
    stranger, viewer = client_for(blue.owner), client_for(red.viewer)
    query = f"?site={site.id}"

    for name in ("plan", "plan-budget", "plan-baseline"):
        assert stranger.get(reverse(name) + query).status_code == 404
    for name in ("plan-budget", "plan-baseline"):
        assert viewer.get(reverse(name) + query).status_code == 403
    assert stranger.get(reverse("plan")).status_code == 200  # without meters


def test_nonsense_in_the_address_shows_this_year(red: Team, site: Site, client_for: SignIn) -> None:
    query = {"year": "eon", "measure": "?", "site": "z", "commodity": "no"}

    page = client_for(red.viewer).get(reverse("plan"), query)

    assert page.status_code == 200 and "Budget 2026" in page.content.decode()


def test_the_energy_page_tells_how_much_of_the_budget_is_used(
    red: Team, site: Site, client_for: SignIn
) -> None:
    client = client_for(red.viewer)
    before = client.get(reverse("energy"), {"date": "2026-11"}).content.decode()
    with red.scope():
        scope = find_scope("site", site.id)
        set_budget(scope=scope, year=Year(2026), amounts=[Decimal(2400)] * 12, now=NOW)

    page = client.get(reverse("energy"), {"date": "2026-11"}).content.decode()

    assert "Of the budget" not in before
    assert "of 2,400 kWh; expected in the end: 120 %" in page
    assert "76.0" in page  # 1,824 of 2,400 kWh
    assert "Of the budget" not in client.get(reverse("energy"), {"period": "day"}).content.decode()


@pytest.mark.parametrize("count", [2, 9])
def test_the_page_reads_any_number_of_meters_with_the_same_queries(
    red: Team, clock: None, client_for: SignIn, count: int
) -> None:
    site = SiteFactory(tenant=red.tenant)
    make_day_meters(red, site.id, count, start=START, end=TODAY)
    with red.scope():
        scope = find_scope("site", site.id)
        set_budget(scope=scope, year=Year(2026), amounts=[Decimal(3000)] * 12, now=NOW)
        fit_baseline(scope=scope, wanted=REFERENCE, by=None, now=NOW)
    client = client_for(red.viewer)

    with CaptureQueriesContext(connection) as queries:
        assert client.get(reverse("plan")).status_code == 200

    mine = [q for q in queries if "metering_" in q["sql"] or "devices_site" in q["sql"]]
    assert len(mine) <= 16


def test_a_last_day_without_a_day_after_it_is_refused_at_its_field(
    red: Team, site: Site, client_for: SignIn
) -> None:
    said = {"start": "2025-01-01", "last": "9999-12-31", "counted_from": "2026-01-01"}

    answer = client_for(red.owner).post(reverse("plan-baseline"), said)

    assert answer.status_code == 200 and list(answer.context["form"].errors) == ["last"]
