"""The fleet page and the parts of a device's page in a real browser: they fit and they work."""

from __future__ import annotations

import datetime as dt
import os
import re
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from devices.models import Device, Severity
from devices.services.device_events import record_device_event
from devices.services.fleet_edits import change_device
from tests.browser.conftest import NARROW, WIDE
from tests.browser.test_accessibility import severe_findings
from tests.factories import DeviceFactory, DeviceProfileFactory, SiteFactory, ZoneFactory
from tests.fleet.test_overview import certify, command, configure

PARTS = ("", "events", "configuration", "commands", "certificates", "changes", "settings")


@pytest.fixture
def busy(fleet):
    """Sixty devices at five sites, and one box to which everything has happened."""
    team, now = fleet.team, timezone.now()
    with team.scope():
        box = DeviceFactory(
            site=fleet.meter.site, gateway=None, name="Feed pump, greenhouse 2 north",
            profile=DeviceProfileFactory(name="Dosing pump", expected_interval_seconds=60),
            zone=ZoneFactory(site=fleet.meter.site, name="Greenhouse 2"),
        )  # fmt: skip
        Device.objects.filter(pk=box.pk).update(last_seen_at=now, firmware_version="2.4.1")
        for minutes, severity in enumerate(Severity.values):
            record_device_event(
                device=box, kind="actuator_alert", code=f"RUNTIME_PROTECTION_{minutes}",
                severity=severity, at=now - dt.timedelta(minutes=minutes),
                message="The pump ran longer than it may.", detail={"seconds": 61, "limit": 60},
            )  # fmt: skip
        configure(box, {"interval": 10, "unit": "bar"}, {"interval": 60, "unit": "bar"})
        for state in ("queued", "done", "timeout"):
            command(box, state)
        certify(box, 20)
        change_device(device_id=box.id, changes={"name": "Feed pump, hall 2"}, now=now)
        box.refresh_from_db()
        for number in range(5):
            site = SiteFactory(tenant=team.tenant, name=f"Branch with a longer name {number}")
            profile = DeviceProfileFactory(name=f"Meter type {number}")
            for one in DeviceFactory.create_batch(12, site=site, gateway=None, profile=profile):
                age = dt.timedelta(seconds=(5, 100, 9000)[len(one.name) % 3 - number % 3])
                Device.objects.filter(pk=one.pk).update(
                    last_seen_at=now - age, lifecycle="active",
                    firmware_version=f"1.{number}.{len(one.uid) % 2}",
                )  # fmt: skip
    return team, box


def photograph(page, name):
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def addresses(box):
    yield "fleet", "/fleet"
    for part in PARTS:
        yield f"device-{part or 'values'}", f"/devices/{box.id}" + (part and f"?part={part}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
def test_pages_fit_and_nothing_serious_is_wrong(visit, busy, viewport, scheme):
    team, box = busy
    window = visit(team.owner, viewport=viewport, color_scheme=scheme)

    for name, path in addresses(box):
        page = window.open(path)
        page.wait_for_load_state("networkidle")
        photograph(page, f"{name}-{viewport['width']}-{scheme}")

        assert window.overflow() <= 0, name
        assert severe_findings(page) == [], name


def test_a_number_leads_to_its_rows(visit, busy):
    team, box = busy
    page = visit(team.viewer).open("/fleet")

    page.get_by_role("link", name=re.compile("Set to something else")).first.click()

    expect(page.get_by_role("heading", name="Devices 1")).to_be_visible()
    page.get_by_role("link", name=box.name).click()
    expect(page.get_by_role("heading", name=box.name)).to_be_visible()


def test_filters_and_sorts_by_keyboard(visit, busy):
    team, _box = busy
    page = visit(team.viewer).open("/fleet")
    page.get_by_label("Name, serial number, site or gateway").fill("branch")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Devices 60")).to_be_visible()

    page.get_by_role("link", name="Firmware", exact=True).last.focus()
    page.keyboard.press("Enter")

    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Firmware")
    page.get_by_role("link", name="Next").click()
    expect(page.locator(".fleet__list tbody tr")).to_have_count(10)


def test_an_operator_renames_a_device_and_moves_it(visit, busy):
    team, box = busy
    page = visit(team.operator).open(f"/devices/{box.id}")

    page.get_by_role("link", name="Settings").click()
    page.get_by_label("Name", exact=True).fill("Pump 7")
    page.get_by_label("Zone").select_option(label="None")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("heading", name="Pump 7")).to_be_visible()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_label("Zone")).to_have_value("")


def test_the_menu_is_reached_on_a_phone(visit, busy):
    team, _box = busy
    page = visit(team.owner, viewport=NARROW).open("/")

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Fleet").click()

    expect(page.get_by_role("heading", name="Fleet", exact=True)).to_be_visible()
