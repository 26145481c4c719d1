"""Rules of automation in a real browser: written as a sentence, replayed, put on duty."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from automation.models import AutomationRule, Quarantine
from automation.services.rules import Wish, change_rule, create_rule
from tests.automation.making import dry, make_greenhouse
from tests.browser.conftest import NARROW, WIDE
from tests.browser.test_accessibility import severe_findings
from tests.browser.test_energy import OPEN_ALL
from tests.browser.test_fleet import photograph
from tests.telemetry.samples import every, store_samples

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def place(fleet):
    """A greenhouse whose soil was dry for a while on each of the last days."""
    found, now = make_greenhouse(fleet.team), timezone.now().replace(second=0, microsecond=0)
    start = now - dt.timedelta(days=7)
    moist = every(15 * MINUTE, start, [30.0] * (7 * 96))
    dry_at = {8, 9, 22}  # hours UTC: 11, 12 and 1 o'clock of the site
    samples = [(at, 18.0 if at.hour in dry_at else value) for at, value in moist]
    store_samples(found.moisture, samples)
    store_samples(found.warmth, every(15 * MINUTE, start, [18.0] * (7 * 96)))
    return found


@pytest.fixture
def rule(fleet, place):
    """A rule with two versions, and one that was stopped."""
    now, owner = timezone.now(), fleet.team.owner
    with fleet.team.scope():
        wish = Wish(
            name="Water the beds of the northern greenhouse when they are dry",
            site=place.site.id, definition=dry(place), is_enabled=True,
        )  # fmt: skip
        made = create_rule(wish, actor=owner, made_by=owner, now=now)
        slower = Wish(definition=dry(place, cooldown=3600), note="Water less")
        change_rule(made.id, slower, actor=owner, made_by=owner, now=now)
        stopped = create_rule(
            Wish(name="Heat", definition=dry(place), is_enabled=True), actor=owner, now=now
        )
        AutomationRule.objects.filter(id=stopped.id).update(
            quarantine=Quarantine.FAILURES, quarantined_at=now,
            quarantine_detail="Pump 1 did not answer",
        )  # fmt: skip
    return made


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
def test_pages_fit_and_nothing_serious_is_wrong(visit, fleet, rule, viewport, scheme):
    window = visit(fleet.team.owner, viewport=viewport, color_scheme=scheme)
    wrong = {}
    for name, address in (
        ("automation", "/automation/"), ("automation-rules", "/automation/rules/"),
        ("automation-rule", f"/automation/rules/{rule.id}?replay=1"),
        ("automation-rule-edit", f"/automation/rules/{rule.id}/edit"),
        ("automation-rule-json", f"/automation/rules/{rule.id}/edit?as=json"),
        ("automation-rule-templates", "/automation/rules/templates"),
    ):  # fmt: skip
        answer = window.page.goto(f"{window.address}{address}")
        assert answer.status == 200
        window.page.evaluate(OPEN_ALL)
        photograph(window.page, f"{name}-{viewport['width']}-{scheme}")
        if found := severe_findings(window.page):
            wrong[name] = found
        if (over := window.overflow()) > 0:
            wrong[f"{name}: too wide"] = over
    assert wrong == {}


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
def test_a_rule_is_written_replayed_and_put_on_duty(visit, fleet, place, viewport):
    window = visit(fleet.team.owner, viewport=viewport)
    page = window.open("/automation/rules/")
    page.get_by_role("link", name="From a template").first.click()
    page.get_by_role("link", name=re.compile("Water when dry")).click()

    trigger = page.locator("#when-0")
    expect(trigger.get_by_label("Below", exact=True)).to_have_value("20")
    expect(trigger.get_by_label("Times", exact=True)).to_be_hidden()
    trigger.get_by_label("Kind").select_option("time")
    expect(trigger.get_by_label("Below", exact=True)).to_be_hidden()
    expect(trigger.get_by_label("Times", exact=True)).to_be_visible()
    trigger.get_by_label("Kind").select_option("value")

    action = page.locator("#then-0")
    action.get_by_label("Command", exact=True).select_option(label="Pump 1: Stop")
    expect(action.get_by_label("For", exact=True)).to_have_count(0)
    action.get_by_label("Command", exact=True).select_option(label="Pump 1: Water")
    action.get_by_label("For", exact=True).fill("999")
    page.get_by_role("button", name="Keep and put on duty").click()
    expect(page.get_by_text("Something is not right yet")).to_be_visible()
    action.get_by_label("For", exact=True).fill("90")
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_text(re.compile(r"It would have acted \d+ times\."))).to_be_visible()
    photograph(page, f"automation-rule-tried-{viewport['width']}")
    assert severe_findings(page) == []
    assert window.overflow() <= 0

    page.get_by_role("button", name="Keep and put on duty").click()
    expect(page.get_by_text("“Water when dry” is kept and on duty.")).to_be_visible()
