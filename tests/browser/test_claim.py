"""The wizard on a phone: from a scanned link to the first reading, kept up to date."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.tenancy import all_tenants
from devices.models import Channel, Claim, Device
from devices.services.authorities import create_authority
from devices.services.claim_delivery import note_ownership, note_ready
from telemetry.models import LatestValue
from tests.browser.conftest import NARROW, WIDE, Fleet, Visit
from tests.browser.test_accessibility import severe_findings
from tests.provisioning.conftest import Box

Open = Callable[..., Visit]
PAGES = ("", "claim", "devices/new", "node", "fleet", "transfers/accept", "device/label",
         "device/swap")  # fmt: skip


@pytest.fixture
def box(fleet: Fleet) -> Box:
    """A box that has just said hello."""
    create_authority(now=timezone.now())
    found = Box(mac=os.urandom(6).hex().upper())
    found.say_hello(timezone.now())
    return found


def picture(window: Visit, name: str) -> None:
    """Keep a picture where one is wanted (SCREENSHOTS)."""
    if os.environ.get("SCREENSHOTS"):
        window.page.screenshot(path=Path(os.environ["SCREENSHOTS"]) / f"{name}.png", full_page=True)


def give_a_reading() -> None:
    """Let the box confirm and send a value."""
    now = timezone.now()
    with all_tenants():
        claim = Claim.objects.select_related("device").get()
        device = claim.device
        assert device is not None
        note_ready(spelling=claim.pending.spelling, now=now)
        note_ownership(device=device, is_accepted=True, now=now)
        Device.objects.filter(id=device.id).update(last_seen_at=now)
        channel = Channel.objects.create(
            tenant_id=device.tenant_id, device=device, name="active_power_import",
            source="power", unit="kW", decimals=2,
        )  # fmt: skip
        LatestValue.objects.update_or_create(
            channel=channel,
            defaults={
                "tenant_id": device.tenant_id, "value": 3.4, "time": now, "received_at": now,
            },
        )  # fmt: skip


def test_a_scanned_link_leads_to_the_first_reading(visit: Open, fleet: Fleet, box: Box) -> None:
    window = visit(fleet.team.owner, viewport=NARROW)
    page = window.page
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))

    window.open(f"/claim#{box.mac}.{box.code}")
    expect(page.get_by_role("heading", name="Where does it stand?")).to_be_visible()
    assert not any(box.code in url for url in requests)
    assert window.overflow() == 0
    picture(window, "claim-place")
    page.get_by_label("Name").fill("Main meter, hall 2")
    page.get_by_label("Type of device").select_option(label="Three-phase meter")
    page.get_by_role("button", name="Claim it").click()

    expect(page.locator('[data-key="claimed"]')).to_have_class(re.compile("tick--done"))
    expect(page.locator('[data-key="delivered"]')).to_have_class(re.compile("tick--waiting"))
    assert window.overflow() == 0
    picture(window, "claim-progress")
    give_a_reading()
    expect(page.locator('[data-key="reading"]')).to_contain_text("3.40 kW")
    expect(page.locator(".tick--done")).to_have_count(8)
    expect(page.get_by_role("link", name="Open the device")).to_be_visible()
    assert severe_findings(page) == []
    picture(window, "claim-done")


def test_number_and_code_can_be_typed(visit: Open, fleet: Fleet, box: Box) -> None:
    page = visit(fleet.team.owner, viewport=NARROW).open("/provisioning/claim")
    page.get_by_label("Number of the box").fill(box.mac)
    page.get_by_label("Code", exact=True).fill(box.code.lower())
    page.get_by_role("button", name="Find the box").click()
    expect(page.get_by_role("heading", name="Found")).to_be_visible()


# Chromium on Linux reads no codes: what a phone offers, with a camera that sees one code
CAMERA = """
window.BarcodeDetector = class {
  static async getSupportedFormats() { return ["qr_code"]; }
  async detect() { return [{ rawValue: SEEN }]; }
};
navigator.mediaDevices.getUserMedia = async () => {
  const canvas = document.createElement("canvas");
  canvas.getContext("2d").fillRect(0, 0, 9, 9);
  return canvas.captureStream(5);
};
"""


def test_a_code_can_be_scanned(visit: Open, fleet: Fleet, box: Box) -> None:
    window = visit(fleet.team.owner, viewport=NARROW)
    link = json.dumps(f"https://elsewhere.example/claim#{box.mac}.{box.code}")
    window.page.add_init_script(CAMERA.replace("SEEN", link))
    page = window.open("/provisioning/claim")
    picture(window, "claim-scan")
    page.get_by_role("button", name="Scan the QR code").click()
    expect(page.get_by_role("heading", name="Found")).to_be_visible()
    expect(page.locator('input[name="hardware_id"]')).to_have_value(box.hardware_id)


@pytest.mark.parametrize("size", [NARROW, WIDE])
def test_the_pages_fit_and_can_be_used(
    visit: Open, fleet: Fleet, box: Box, size: dict[str, int]
) -> None:
    window = visit(fleet.team.owner, viewport=size)
    for path in PAGES:
        known = path.replace("device/", f"devices/{fleet.silent.id}/")
        page = window.open(f"/provisioning/{known}")
        assert window.overflow() == 0, path
        assert severe_findings(page) == [], path
        picture(window, f"{path.replace('/', '-') or 'overview'}-{size['width']}")


def test_without_scripts_the_link_still_leads_somewhere(visit: Open, fleet: Fleet) -> None:
    page = visit(fleet.team.owner, java_script_enabled=False).open("/claim")
    page.get_by_role("link", name="Go on").click()
    expect(page.get_by_role("heading", name="Claim a box")).to_be_visible()
