"""The plan of a site in a real browser: its charts, its tables, its forms, by day and night."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from metering.queries.plans import find_scope
from metering.services.plans import Reference, Year, fit_baseline, set_budget
from tests.browser.conftest import NARROW, WIDE
from tests.browser.test_accessibility import severe_findings
from tests.browser.test_fleet import photograph
from tests.metering.planned import heat, make_site, make_weather


@pytest.fixture
def planned(fleet):
    """Give the team a site that saved 14 % since a measure, with a budget of this year."""
    now = timezone.now()
    today = now.date()
    start = dt.date(today.year - 2, today.month, 1)
    measure = dt.date(today.year - 1, today.month, 1)
    span = {"start": start, "today": today}
    site = make_site(fleet.team, **span)
    make_weather(site, **span)
    heat(site, saved=0.14, since=measure, noise=0.12, **span)
    with fleet.team.scope():
        scope = find_scope("site", site.id)
        months = (1650, 1250, 1200, 950, 680, 560, 540, 560, 720, 950, 1100, 1300)
        amounts = [Decimal(month) for month in months]
        set_budget(scope=scope, year=Year(today.year), amounts=amounts, now=now)
        wanted = Reference(start, measure, measure, note="New boiler")
        fit_baseline(scope=scope, wanted=wanted, by=fleet.team.owner.id, now=now)
    return fleet, site


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
def test_budget_and_savings_are_seen(visit, planned, viewport, scheme):
    fleet, site = planned
    window = visit(fleet.team.owner, viewport=viewport, color_scheme=scheme)

    page = window.open(f"/energy/plan?site={site.id}")
    expect(page.get_by_role("heading", name="Savings")).to_be_visible()
    assert window.overflow() <= 0
    assert severe_findings(page) == []
    photograph(page, f"plan-{viewport['width']}-{scheme}")
    bar = page.locator("[data-bar]").first
    bar.focus()
    expect(page.locator("[data-bar-tip]").first).to_contain_text("Budget")
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-bar-tip]").first).to_contain_text("February")

    for path in ("budget", "baseline"):
        page = window.open(f"/energy/plan/{path}?site={site.id}")
        assert window.overflow() <= 0
        assert severe_findings(page) == []
        photograph(page, f"plan-{path}-{viewport['width']}-{scheme}")


def test_a_budget_is_entered_and_shown(visit, planned):
    fleet, site = planned
    window = visit(fleet.team.owner, viewport=NARROW)

    page = window.open(f"/energy/plan?site={site.id}")
    page.get_by_role("link", name="Change the budget").click()
    page.get_by_label("January").fill("1234,5")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("The budget is set.")).to_be_visible()
    expect(page.get_by_role("row", name="January Budget")).to_contain_text("1,235")
