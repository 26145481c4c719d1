"""Pairing a Zigbee device on a phone: countdown, the new device, accepted."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.tenancy import tenant_scope
from devices.services.zigbee import accept_claim
from tests.browser.conftest import NARROW, WIDE, Fleet, Visit
from tests.browser.test_accessibility import severe_findings
from tests.zigbee.conftest import SENSOR, Zigbee, plug, sensor

Open = Callable[..., Visit]


@pytest.fixture
def zigbee(fleet: Fleet) -> Zigbee:
    """Zigbee2MQTT runs at the fleet's gateway; a door sensor is accepted."""
    gateway = fleet.meter.gateway
    assert gateway is not None
    found = Zigbee(fleet.team, gateway, at=timezone.now())
    found.start(sensor(friendly_name="Warehouse/Loading ramp/Door number twelve"))
    with tenant_scope(fleet.team.tenant.id):
        accept_claim(claim_id=found.claim(SENSOR).id, now=found.at)
    return found


def picture(window: Visit, name: str) -> None:
    """Keep a picture where one is wanted (SCREENSHOTS)."""
    if os.environ.get("SCREENSHOTS"):
        window.page.screenshot(path=Path(os.environ["SCREENSHOTS"]) / f"{name}.png", full_page=True)


def test_a_device_is_paired_on_a_phone(visit: Open, fleet: Fleet, zigbee: Zigbee) -> None:
    window = visit(fleet.team.owner, viewport=NARROW)
    page = window.open(f"/gateways/{zigbee.gateway.id}/zigbee")
    page.get_by_role("button", name="Let devices join").click()
    assert [what for what, _content in zigbee.asked()] == ["permit_join"]

    zigbee.at = timezone.now()
    zigbee.say("bridge/response/permit_join", {"status": "ok", "data": {"time": 254}})
    countdown = page.locator("[data-seconds-left]")
    expect(countdown).to_have_text(re.compile(r"2[0-5]\d"))
    first = int(countdown.inner_text())
    page.wait_for_function(
        "first => Number(document.querySelector('[data-seconds-left]').textContent) < first",
        arg=first,
    )
    zigbee.say("bridge/devices", [sensor(), plug()])
    expect(page.get_by_text("Innr SP 240")).to_be_visible(timeout=15_000)
    picture(window, "zigbee-narrow")
    assert window.overflow() == 0

    page.get_by_label("Name", exact=True).fill("Fridge")
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("link", name="Fridge")).to_be_visible()
    assert window.overflow() == 0


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_the_page_is_accessible(visit: Open, fleet: Fleet, zigbee: Zigbee, colours: str) -> None:
    zigbee.say("bridge/devices", [sensor(), plug()])
    window = visit(fleet.team.owner, viewport=WIDE, color_scheme=colours)
    for path in (f"/gateways/{zigbee.gateway.id}/zigbee", "/zigbee", "/zigbee/pairing"):
        page = window.open(path)
        assert severe_findings(page) == []
    window.open(f"/gateways/{zigbee.gateway.id}/zigbee")
    picture(window, f"zigbee-wide-{colours}")
