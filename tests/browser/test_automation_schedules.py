"""Schedules and the log of automation in a real browser."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from automation.models import Execution, Origin, Reason
from automation.services.executions import Wanted, begin_executions
from automation.services.schedules import create_schedule
from devices.models import DeviceProfile, Site
from devices.services.commanders import Robot
from tests.browser.conftest import NARROW, WIDE
from tests.browser.test_accessibility import severe_findings
from tests.browser.test_fleet import photograph
from tests.commands.conftest import COMMANDS

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def busy(fleet):
    """Give a site schedules of several kinds, and automation something to tell."""
    now, team, device = timezone.now(), fleet.team, fleet.meter
    with team.scope():
        DeviceProfile.objects.filter(id=device.profile_id).update(commands=COMMANDS)
        Site.objects.filter(id=device.site_id).update(latitude=38.42, longitude=27.14)
        site = Site.objects.get(id=device.site_id)
        pump = {"kind": "command", "device": str(device.id), "name": "pump_on",
                "params": {"duration_s": 60}}  # fmt: skip
        off = pump | {"name": "pump_off", "params": {}}
        for name, definition, end in (
            ("Morning water", {"when": {"kind": "times", "at": ["06:00", "18:30"]},
                               "days": [1, 2, 3, 4, 5]}, []),
            ("Night light", {"when": {"kind": "window", "from": "21:00", "to": "05:30"}}, [off]),
            ("Stir the tank", {"when": {"kind": "every", "seconds": 900}}, []),
            ("Shade at sunset", {"when": {"kind": "sun", "event": "sunset", "offset": -20},
                                 "holidays": "skip", "country": "TR"}, []),
        ):  # fmt: skip
            create_schedule(
                name=name, site=site, definition=definition, actions=[pump], end_actions=end,
                actor=Robot("test"), now=now,
            )  # fmt: skip
        seen = [{"what": "Bed 1 · Soil moisture", "value": 12.5, "unit": "%", "holds": True,
                 "at": now.isoformat()}]  # fmt: skip
        for key, more in (
            ("a", {"needs_agreement": True, "seen": seen}), ("b", {"reason": Reason.COOLDOWN}),
        ):  # fmt: skip
            begin_executions(
                [Wanted(team.tenant.id, Origin.RULE, device.id, key, f"Water when dry {key}", now,
                        actions=[pump, {"kind": "delay", "seconds": 60}, off], site_id=site.id,
                        **more)],
                now=now,
            )  # fmt: skip
    return fleet


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
def test_a_schedule_is_made_and_run(visit, busy, viewport, scheme):
    name = f"{viewport['width']}-{scheme}"
    window = visit(busy.team.owner, viewport=viewport, color_scheme=scheme)
    page = window.open("/automation/schedules/")
    page.get_by_text("The week as a list").click()
    photograph(page, f"schedules-{name}")
    assert window.overflow() <= 0
    assert severe_findings(page) == []

    page.get_by_role("link", name="New schedule").click()
    page.get_by_label("Name", exact=True).fill("Evening water")
    page.get_by_label("When", exact=True).select_option("window")
    page.get_by_label("From", exact=True).fill("19:00")
    page.get_by_label("Until", exact=True).fill("19:10")
    do, at_end = (page.get_by_role("group", name=one) for one in ("DO", "AT THE END"))
    for part, command in ((do, "pump_on"), (at_end, "pump_off")):
        part.get_by_label("What", exact=True).select_option("command")
        part.get_by_label("Command", exact=True).select_option(f"{busy.meter.id}|{command}")
    expect(do.get_by_label("duration_s")).to_be_visible()
    do.get_by_label("duration_s").fill("60")
    page.get_by_role("button", name="Show the next runs").last.click()
    expect(page.get_by_text("from 19:00 until 19:10")).to_be_visible()
    photograph(page, f"schedule-edit-{name}")
    assert window.overflow() <= 0
    assert severe_findings(page) == []

    page.get_by_role("button", name="Keep and switch on").click()
    expect(page.get_by_role("heading", name="Evening water")).to_be_visible()
    photograph(page, f"schedule-{name}")
    assert window.overflow() <= 0
    assert severe_findings(page) == []
    page.get_by_role("button", name="Begin now").click()
    expect(page).to_have_url(re.compile("/automation/log/.+"))
    assert "by hand" in page.content()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
def test_a_proposal_is_agreed_to(visit, busy, viewport, scheme):
    name = f"{viewport['width']}-{scheme}"
    window = visit(busy.team.owner, viewport=viewport, color_scheme=scheme)
    page = window.open("/automation/log/?view=all")
    photograph(page, f"log-{name}")
    assert window.overflow() <= 0
    assert severe_findings(page) == []

    page.get_by_role("link", name="Water when dry a").click()
    photograph(page, f"execution-{name}")
    assert window.overflow() <= 0
    assert severe_findings(page) == []
    page.get_by_role("button", name="Agree: do it").click()
    expect(page.get_by_text("It is done now.")).to_be_visible()
    with busy.team.scope():
        assert Execution.objects.get(trigger_key="a").state == "running"


def test_what_was_chosen_before_the_script_came_shows_its_fields(visit, busy):
    window = visit(busy.team.owner)
    page = window.open("/automation/schedules/")
    held = []
    page.route("**/automation/schedule*.js", lambda route: held.append(route))
    page.get_by_role("link", name="New schedule").click()
    do = page.get_by_role("group", name="DO")
    do.get_by_label("What", exact=True).select_option("command")
    do.get_by_label("Command", exact=True).select_option(f"{busy.meter.id}|pump_on")
    page.wait_for_timeout(200)
    expect(do.get_by_label("duration_s")).to_have_count(0)
    held[0].continue_()
    expect(do.get_by_label("duration_s")).to_be_visible()
