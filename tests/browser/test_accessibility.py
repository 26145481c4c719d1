"""Everybody can use the pages: by keyboard, with a screen reader, in both colour modes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import NARROW, WIDE, Fleet, Visit

Open = Callable[..., Visit]
PAGES = ("/accounts/login/", "/", "device", "/styleguide")


def address_of(path: str, fleet: Fleet) -> str:
    """Return the path of a page; "device" stands for the meter."""
    return f"/devices/{fleet.meter.id}" if path == "device" else path


def severe_findings(page: Page) -> list[str]:
    """Return what axe finds serious or critical, with the elements concerned."""
    report = Axe().run(page).response
    return [
        f"{finding['id']}: {[node['target'] for node in finding['nodes']]}"
        for finding in report["violations"]
        if finding["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_serious(visit: Open, fleet: Fleet, path: str, colours: str) -> None:
    user = None if "login" in path else fleet.team.owner
    window = visit(user, color_scheme=colours)
    page = window.open(address_of(path, fleet))
    page.wait_for_load_state("networkidle")

    assert severe_findings(page) == []
    page.set_viewport_size(NARROW)
    assert severe_findings(page) == []


def test_the_first_tab_stop_skips_to_the_content(visit: Open, fleet: Fleet) -> None:
    page = visit(fleet.team.viewer).open("/")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_focused()

    page.keyboard.press("Enter")

    expect(page.locator("#main")).to_be_focused()


def test_tab_reaches_the_range_buttons_and_the_chart(visit: Open, fleet: Fleet) -> None:
    page = visit(fleet.team.viewer).open(address_of("device", fleet))
    expect(page.locator("[data-chart] canvas")).to_be_visible()
    focused = []
    for _ in range(40):
        page.keyboard.press("Tab")
        name = "document.activeElement.dataset.chartRange || document.activeElement.className"
        focused.append(page.evaluate(name))
        if focused[-1] == "chart__stage":
            break

    assert focused[-3:] == ["24h", "7d", "chart__stage"]


def test_arrow_keys_read_the_points_of_the_chart(visit: Open, fleet: Fleet) -> None:
    page = visit(fleet.team.viewer).open(address_of("device", fleet))
    expect(page.locator("[data-chart] canvas")).to_be_visible()
    page.locator("[data-chart-stage]").focus()
    page.keyboard.press("Home")
    first = page.locator("[data-chart-point]").inner_text()
    page.keyboard.press("ArrowRight")

    expect(page.locator("[data-chart-tip]")).to_be_visible()
    assert "kW" in first
    assert page.locator("[data-chart-point]").inner_text() != first


def test_escape_closes_the_account_menu(visit: Open, fleet: Fleet) -> None:
    page = visit(fleet.team.viewer, viewport=WIDE).open("/")
    summary = page.locator("[data-menu] > summary")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()

    page.keyboard.press("Escape")

    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    expect(summary).to_be_focused()
