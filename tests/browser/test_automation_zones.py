"""Zones and recipes in a real browser: pages that fit, and a recipe that is written and led."""

from __future__ import annotations

import datetime as dt
import math
import os
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from automation.services.recipes import create_recipe
from automation.services.zone_recipes import start_recipe
from automation.services.zones import control_of, set_zone_mode
from tests.automation.test_zones_services import BASIL
from tests.automation.zoning import ANYBODY, make_bench
from tests.browser.conftest import NARROW, WIDE
from tests.browser.test_accessibility import severe_findings
from tests.telemetry.samples import store_samples

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def bench(fleet):
    """Three zones: one that follows a recipe, one by hand, one that nobody touched."""
    team, now = fleet.team, timezone.now()
    found = make_bench(team, "North bench")
    found.configure(now=now)
    rows = [(now - n * dt.timedelta(minutes=5), 6.0 + math.sin(n / 9) / 4) for n in range(1, 280)]
    store_samples(found.ph, list(reversed(rows)))
    found.measure(found.ph, 6.04, now)
    found.measure(found.warmth, 19.5, now)
    other = make_bench(team, "South bench")
    other.configure(now=now)
    other.measure(other.ph, 5.4, now - HOUR)
    make_bench(team, "Store")
    with team.scope():
        recipe = create_recipe(document=BASIL, now=now)
        start_recipe(actor=ANYBODY, zone=found.zone, recipe=recipe, now=now - HOUR)
        set_zone_mode(actor=team.owner, zone=other.zone, mode="manual", reason="Cleaning", now=now)
    return found, recipe


def test_pages_fit_and_can_be_used_by_everybody(visit, bench):
    found, recipe = bench
    window = visit(found.team.owner)
    paths = {
        "zones": "zones/", "zone": f"zones/{found.zone.id}",
        "role": f"zones/{found.zone.id}/role", "controller": f"zones/{found.zone.id}/controller",
        "recipes": "recipes/", "recipe": f"recipes/{recipe.id}",
        "recipe-edit": f"recipes/{recipe.id}/edit",
    }  # fmt: skip
    pictures = os.environ.get("PICTURES")
    for name, path in paths.items():
        for size in (WIDE, NARROW):
            window.page.set_viewport_size(size)
            page = window.open(f"/automation/{path}")
            page.wait_for_load_state("networkidle")
            if pictures:
                file = Path(pictures) / f"{name}-{size['width']}.png"
                page.screenshot(path=str(file), full_page=True)
            assert window.overflow() <= 0, (path, size)
            assert severe_findings(page) == [], (path, size)


def test_a_recipe_is_written_and_led_by_keyboard(visit, bench):
    found, _recipe = bench
    page = visit(found.team.owner).open("/automation/recipes/new")
    page.get_by_label("Name").first.fill("Mint")
    page.locator("#id_p0-name").fill("Roots")
    page.locator("#id_p0-t0-metric").fill("ph")
    page.locator("#id_p0-t0-value").fill("5,9")
    page.get_by_role("button", name="One more phase").press("Enter")
    expect(page.locator("#id_p0-t0-value")).to_have_value("5,9")
    page.locator("#id_p1-name").fill("Harvest")
    page.get_by_role("button", name="Keep", exact=True).last.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Mint")

    page.goto(page.url.partition("/automation/")[0] + f"/automation/zones/{found.zone.id}")
    page.get_by_role("button", name="Next phase").press("Enter")
    expect(page.get_by_text("The next phase has begun.")).to_be_visible()
    with found.team.scope():
        assert control_of(found.zone).phase == 1
