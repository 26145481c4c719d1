"""The window that runs, in a real browser: its chart, its loads, by day and night."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from automation.models import DemandWindow
from tests.automation.guarding import make_guard, make_load, shed
from tests.browser.conftest import NARROW, WIDE
from tests.browser.test_accessibility import severe_findings
from tests.browser.test_fleet import photograph
from tests.commands.conftest import COMMANDS
from tests.factories import DeviceProfileFactory
from tests.telemetry.samples import store_samples


@pytest.fixture
def guarded(fleet):
    """Give the team a guard whose limit is at risk, with two loads and a month of windows."""
    profile = DeviceProfileFactory(commands=COMMANDS)
    guard = make_guard(fleet.team.tenant, profile, peak_price="12.5", is_shedding=False)
    for number, kw in ((1, 22), (2, 7.5)):
        make_load(guard, profile, number, rated_kw=kw)
    now = timezone.now()
    begun = now - dt.timedelta(minutes=25)
    store_samples(
        guard.channel,
        [
            (begun + dt.timedelta(seconds=10 * n), 88 + 14 * (n % 40) / 40 + n / 8)
            for n in range(150)
        ],
    )
    with fleet.team.scope():
        first = now.replace(minute=0, second=0, microsecond=0)
        begin = max(first, now.replace(day=1))
        for number, kw in enumerate((97.4, 104.2, 91.0)):
            DemandWindow.objects.create(
                guard=guard, start=begin - dt.timedelta(minutes=15 * number),
                demand_kw=kw, limit_kw=100, expected_kw=103 if kw > 100 else None, shed=kw > 100,
            )  # fmt: skip
    return fleet, guard


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
def test_the_window_is_seen(visit, guarded, viewport, scheme):
    fleet, guard = guarded
    window = visit(fleet.team.owner, viewport=viewport, color_scheme=scheme)

    for name, path in (("list", ""), ("guard", f"{guard.id}"), ("load", f"{guard.id}/loads/new")):
        page = window.open(f"/automation/demand/{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert window.overflow() <= 0
        assert severe_findings(page) == []
        photograph(page, f"demand-{name}-{viewport['width']}-{scheme}")


def test_a_load_is_shed_by_keyboard(visit, guarded):
    fleet, guard = guarded
    window = visit(fleet.team.owner, viewport=WIDE)

    page = window.open(f"/automation/demand/{guard.id}")
    page.get_by_role("button", name="Shed “Heater 1”").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_text("“Heater 1” is being shed.")).to_be_visible()
    expect(page.get_by_role("row", name="Heater 1").get_by_text("Is being shed")).to_be_visible()
    assert shed(guard) == ["Heater 1"]
