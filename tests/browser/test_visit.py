"""A customer signs in, looks at the fleet, opens a device and reads its history."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.browser.conftest import NARROW, Fleet, Visit
from tests.factories import PASSWORD

Open = Callable[..., Visit]
CHANNEL = "[data-chart-channel]"
CHART = "[data-chart] canvas"


def open_device(visit: Visit, fleet: Fleet) -> Page:
    """Open the meter and wait for its chart."""
    page = visit.open(f"/devices/{fleet.meter.id}")
    expect(page.locator(CHART)).to_be_visible()
    return page


def test_signs_in_and_walks_to_a_device(visit: Open, fleet: Fleet, with_password: User) -> None:
    page = visit().open("/")
    page.get_by_label("Email").fill(with_password.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("link", name="Main meter").click()

    expect(page.get_by_role("heading", name="Main meter")).to_be_visible()
    expect(page.locator(CHART)).to_be_visible()
    expect(page.locator(".tile").first).to_contain_text("1,234.50")
    expect(page.locator(".tile").first).to_contain_text("kW")


def test_a_wrong_password_is_said_in_words(visit: Open, fleet: Fleet) -> None:
    page = visit().open("/accounts/login/")
    page.get_by_label("Email").fill(fleet.team.owner.email)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page.get_by_role("alert")).to_be_visible()


def test_the_connection_is_live(visit: Open, fleet: Fleet) -> None:
    page = open_device(visit(fleet.team.viewer), fleet)

    expect(page.locator("[data-live-state]")).to_have_text("Live")


def test_counts_lead_to_the_devices_behind_them(visit: Open, fleet: Fleet) -> None:
    page = visit(fleet.team.viewer).open("/")
    page.get_by_role("link", name="1 Silent").click()

    expect(page.get_by_role("heading", level=3)).to_have_text(["Spare meter"])
    page.get_by_label("Search by name").fill("main")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("No device matches")).to_be_visible()


def test_the_chart_says_its_gap_and_its_values(visit: Open, fleet: Fleet) -> None:
    page = open_device(visit(fleet.team.viewer), fleet)

    expect(page.locator("#chart-summary")).to_contain_text("Gaps: 1.")
    page.get_by_text("Show as a table").click()
    expect(page.get_by_role("region", name="Values of the chart")).to_contain_text("No data")


def test_the_chart_follows_range_and_channel(visit: Open, fleet: Fleet) -> None:
    page = open_device(visit(fleet.team.viewer), fleet)
    with page.expect_response(lambda answer: "from=now-7d" in answer.url and answer.ok):
        page.get_by_role("button", name="7 d").click()
    with page.expect_response(lambda answer: "agg=delta" in answer.url and answer.ok):
        page.locator(CHANNEL).select_option("active_energy_import")

    expect(page.get_by_text("No data in this period")).to_be_visible()
    assert "metric=active_energy_import&range=7d" in page.url
    page.reload()
    expect(page.locator(CHANNEL)).to_have_value("active_energy_import")


def test_a_name_in_the_table_shows_its_history(visit: Open, fleet: Fleet) -> None:
    page = open_device(visit(fleet.team.viewer), fleet)
    page.get_by_role("button", name="Voltage L2").click()

    expect(page.locator(CHANNEL)).to_have_value("voltage_l2")
    expect(page.get_by_role("button", name="Voltage L2")).to_have_attribute("aria-pressed", "true")


def test_a_failed_chart_can_be_loaded_again(visit: Open, fleet: Fleet) -> None:
    window = visit(fleet.team.viewer)
    window.page.route("**/telemetry/query?**", lambda route: route.abort())
    page = window.open(f"/devices/{fleet.meter.id}")
    expect(page.get_by_text("The chart could not be loaded")).to_be_visible()

    page.unroute("**/telemetry/query?**")
    page.get_by_role("button", name="Try again").click()

    expect(page.locator(CHART)).to_be_visible()
    window.complaints.clear()  # the aborted request was meant


def test_a_stranger_sees_the_page_for_nothing(visit: Open, fleet: Fleet, stranger: User) -> None:
    window = visit(stranger)
    page = window.open(f"/devices/{fleet.meter.id}")

    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    assert all("404" in complaint for complaint in window.complaints)
    window.complaints.clear()


@pytest.mark.parametrize("path", ["/", "device", "/styleguide", "/accounts/login/", "/nowhere"])
def test_nothing_scrolls_sideways_on_a_phone(visit: Open, fleet: Fleet, path: str) -> None:
    user = None if "login" in path else fleet.team.viewer
    window = visit(user, viewport=NARROW)
    window.open(f"/devices/{fleet.meter.id}" if path == "device" else path)
    window.page.wait_for_load_state("networkidle")

    assert window.overflow() <= 0
    if path == "/nowhere":
        window.complaints.clear()


def test_speaks_turkish(visit: Open, fleet: Fleet) -> None:
    page = open_device(visit(fleet.team.viewer, locale="tr-TR"), fleet)

    assert page.locator("html").get_attribute("lang") == "tr"
    expect(page.locator(".tile").first).to_contain_text("1.234,50")
    expect(page.locator(".chart__facts")).to_contain_text("En düşük")
    expect(page.locator(".tile .age").first).to_contain_text("önce")


def test_switches_the_language_for_good(visit: Open, fleet: Fleet) -> None:
    page = visit(fleet.team.viewer).open("/")
    page.locator("[data-menu] > summary").click()
    page.get_by_role("button", name="Türkçe").click()

    expect(page.get_by_role("link", name="Genel bakış")).to_be_visible()
    page.reload()
    assert page.locator("html").get_attribute("lang") == "tr"


def test_remembers_the_chosen_colours(visit: Open, fleet: Fleet) -> None:
    page = visit(fleet.team.viewer).open("/")
    toggle = page.locator("[data-theme-toggle]")
    toggle.click()
    toggle.click()
    page.reload()

    assert page.locator("html").get_attribute("data-theme") == "dark"
    colour = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(colour) == "rgb(11, 20, 24)"
