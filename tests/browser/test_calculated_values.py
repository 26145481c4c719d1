"""Calculated values in a real browser: made by form, on a wide and a narrow screen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.browser.conftest import NARROW, WIDE, Fleet

SHOTS = os.environ.get("SCREENSHOT_DIR")


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_value_is_made_and_removed(visit, fleet: Fleet, size, scheme) -> None:
    window = visit(fleet.team.owner, viewport=size, color_scheme=scheme)
    page = window.open(f"/devices/{fleet.meter.id}")
    page.get_by_role("link", name="Formulas").click()
    assert page.get_by_text("None yet").is_visible()
    page.get_by_label("Name", exact=True).fill("half_power")
    page.get_by_label("Formula", exact=True).fill("power +")
    page.get_by_label("Unit", exact=True).fill("kWh")
    page.get_by_label("Name in the formula").first.fill("power")
    page.get_by_label("Channel", exact=True).first.select_option(index=1)
    page.get_by_role("button", name="Compute it").click()
    assert page.locator(".field__error, [role=alert]").count() > 0, "the formula is not complete"
    page.get_by_label("Unit", exact=True).fill("kWh" if _is_energy(page) else "kW")
    page.get_by_label("Formula", exact=True).fill("power / 2")
    page.get_by_role("button", name="Compute it").click()
    assert page.get_by_text("power / 2").is_visible()
    assert window.overflow() <= 0
    if SHOTS:
        name = f"calculated-{size['width']}-{scheme}.png"
        page.screenshot(path=str(Path(SHOTS) / name), full_page=True)
    page.get_by_text("Remove", exact=True).first.click()
    page.get_by_role("button", name="Remove").click()
    assert page.get_by_text("None yet").is_visible()


def _is_energy(page) -> bool:
    channel = page.get_by_label("Channel", exact=True).first
    return "(kWh)" in channel.evaluate("select => select.selectedOptions[0].text")
