"""Alarm rules in a real browser: written as a sentence, tried on the past, enabled."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from alarms.queries.scopes import Scope
from alarms.services.rules import Content, change_rule, create_rule
from tests.browser.conftest import NARROW, WIDE
from tests.browser.test_accessibility import severe_findings
from tests.browser.test_energy import OPEN_ALL
from tests.browser.test_fleet import photograph
from tests.factories import AlarmFactory

HIGH = {
    "when": {"kind": "threshold", "above": 1.0, "clear_above": 0.5}, "for_seconds": 600,
    "active": [{"days": [1, 2, 3, 4, 5], "from": "07:00", "to": "18:00"}], "severity": "error",
}  # fmt: skip


@pytest.fixture
def rule(fleet):
    """A rule with two versions and an alarm that somebody rated."""
    now, team = timezone.now(), fleet.team
    with team.scope():
        made = create_rule(
            name="Power of the workshop above what is contracted", is_enabled=True,
            scope=Scope(metric="active_power_net", site=fleet.meter.site_id),
            content=Content(HIGH, "{device}: {value} {unit}", "Switch the oven off"), now=now,
        )  # fmt: skip
        content = Content(HIGH | {"for_seconds": 300}, note="Sooner")
        change_rule(rule_id=made.id, content=content, made_by=team.owner, now=now)
    AlarmFactory(tenant=team.tenant, device=fleet.meter, rule=made, rating="useful", raised_at=now)
    return made


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
def test_pages_fit_and_nothing_serious_is_wrong(visit, fleet, rule, viewport, scheme):
    window = visit(fleet.team.owner, viewport=viewport, color_scheme=scheme)
    wrong = {}
    for name, address in (
        ("rules", "/alarms/rules/"), ("rule", f"/alarms/rules/{rule.id}?days=30"),
        ("rule-edit", f"/alarms/rules/{rule.id}/edit"), ("rule-new", "/alarms/rules/new"),
        ("rule-templates", "/alarms/rules/templates"),
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
def test_a_rule_is_written_tried_and_enabled(visit, fleet, viewport):
    window = visit(fleet.team.owner, viewport=viewport)
    page = window.open("/alarms/rules/")
    page.get_by_role("link", name="New rule").click()

    page.get_by_label("Name", exact=True).fill("Much power")
    expect(page.get_by_label("Formula", exact=True)).to_be_hidden()
    page.get_by_label("A formula over channels").check()
    expect(page.get_by_label("Formula", exact=True)).to_be_visible()
    page.get_by_label("A metric of devices").check()
    page.get_by_label("Metric", exact=True).select_option("active_power_net")
    page.get_by_label("Condition").select_option("no_data")
    expect(page.get_by_label("Above", exact=True)).to_be_hidden()
    page.get_by_label("Condition").select_option("threshold")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("Give a limit: above, below, or both.")).to_be_visible()

    page.get_by_label("Above", exact=True).fill("0")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("Would have fired")).to_be_visible()
    photograph(page, f"rule-tried-{viewport['width']}")
    assert severe_findings(page) == []
    assert window.overflow() <= 0

    page.get_by_role("button", name="Keep and enable").click()
    expect(page.get_by_text("“Much power” is kept and on duty.")).to_be_visible()
    expect(page.get_by_text("Value above 0")).to_have_count(2)
