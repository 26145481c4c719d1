"""Maintenance windows and shelved alarms in a real browser."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from alarms.models import MaintenanceWindow, Shelving, Suppression
from tests.browser.conftest import NARROW, WIDE
from tests.browser.test_accessibility import severe_findings
from tests.browser.test_fleet import photograph
from tests.factories import AlarmFactory

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def quiet(fleet):
    """Let somebody work at a gateway, and something be shelved."""
    now, team = timezone.now(), fleet.team
    with team.scope():
        MaintenanceWindow.objects.create(
            name="Change of the main meter and of its current transformers",
            gateway=fleet.meter.gateway, site=fleet.meter.site, start=now - HOUR, end=now + HOUR,
        )  # fmt: skip
        MaintenanceWindow.objects.create(
            name="Yearly inspection", start=now + 24 * HOUR, end=now + 32 * HOUR
        )
        Shelving.objects.create(
            key="system:x:y", label="Leak: Pump 3", until=now + 5 * HOUR, reason="Part is ordered"
        )
    for number, why in enumerate((Suppression.MAINTENANCE, Suppression.SHELVED, "")):
        AlarmFactory(
            device=fleet.meter, title=f"Leak {number}", subject="Pump 3", suppressed_because=why
        )
    return fleet


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
def test_is_planned_and_ended(visit, quiet, viewport, scheme):
    window = visit(quiet.team.owner, viewport=viewport, color_scheme=scheme)
    page = window.open("/alarms/quiet")
    expect(page.get_by_text("Yearly inspection")).to_be_visible()

    page.get_by_text("New window").click()
    page.get_by_text("Shelve an alarm").click()
    photograph(page, f"quiet-{viewport['width']}-{scheme}")
    assert window.overflow() <= 0
    assert severe_findings(page) == []

    page.get_by_label("What is done").fill("New fuse")
    page.get_by_label("Where").select_option(label=f"{quiet.meter.name} · {quiet.meter.site.name}")
    page.get_by_label("Lasts").select_option(label="4 hours")
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_text("The maintenance window is kept.")).to_be_visible()
    page.get_by_role("button", name="End “New fuse” now").click()
    expect(page.get_by_text("The maintenance window has ended.")).to_be_visible()

    page.get_by_text("Shelve an alarm").click()
    page.get_by_label("Alarm", exact=True).select_option(label="Leak 2: Pump 3")
    page.get_by_label("Reason").fill("Comes on Monday")
    page.get_by_role("button", name="Shelve it").click()
    expect(page.get_by_text("The alarm is shelved.")).to_be_visible()
    expect(page.get_by_text("Comes on Monday")).to_be_visible()
