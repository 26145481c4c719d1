"""Explore in a real browser: chooses, zooms, compares, tells, shares, fits."""

from __future__ import annotations

import datetime as dt
import math
import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from devices.models import Channel
from telemetry.quality import Quality
from tests.browser.conftest import NARROW, WIDE
from tests.browser.test_accessibility import severe_findings
from tests.browser.test_fleet import photograph
from tests.telemetry.samples import store_samples


@pytest.fixture
def channels(fleet):
    """Power with a gap of two hours, a counter, voltages: one partly estimated, one with a gap."""
    with fleet.team.scope():
        found = {channel.name: channel for channel in Channel.objects.all()}
    start = timezone.now() - dt.timedelta(hours=24)
    steps = [(n, start + dt.timedelta(minutes=5 * n)) for n in range(288)]
    waves = [math.sin(n / 23) + math.sin(n / 3.7) / 5 for n, _ in steps]
    rises = [0.4 + 0.3 * wave for wave in waves]
    totals = [1000 + sum(rises[:n]) for n, _ in steps]
    store_samples(found["active_energy_import"], [(at, totals[n]) for n, at in steps])
    store_samples(
        found["voltage_l1"],
        [(at, 231 + 2 * waves[n], _quality(n)) for n, at in steps],
    )
    store_samples(
        found["voltage_l2"],
        [(at, 229 - 1.5 * waves[n]) for n, at in steps if not 130 < n < 160],
    )
    return found


def _quality(n):
    if n > 280:
        return Quality.BAD
    return Quality.ESTIMATED if 100 < n < 110 else Quality.GOOD


def address(channels, *names, **state):
    query = "&".join(f"{name}={value}" for name, value in state.items())
    return f"/explore?c={','.join(str(channels[name].uuid) for name in names)}&{query}"


ALL = ("active_energy_import", "voltage_l1", "voltage_l2")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
def test_fits_and_nothing_serious_is_wrong(visit, fleet, channels, viewport, scheme):
    window = visit(fleet.team.viewer, viewport=viewport, color_scheme=scheme)
    page = window.open(address(channels, *ALL, compare="previous_period"))

    expect(page.locator(".uplot canvas")).to_be_visible()
    photograph(page, f"explore-{viewport['width']}-{scheme}")

    assert window.overflow() <= 0
    assert severe_findings(page) == []
    assert window.complaints == []


def test_begins_empty_and_finds_channels(visit, fleet, channels):
    page = visit(fleet.team.viewer).open("/explore")
    expect(page.get_by_text("Choose channels to look at")).to_be_visible()

    page.get_by_label("Add a channel").fill("main power")
    expect(page.locator("[data-explore-found]")).to_have_text("1 found")
    page.get_by_role("button", name=re.compile("Main meter")).click()

    expect(page.locator(".uplot canvas")).to_be_visible()
    expect(page).to_have_url(re.compile(str(channels["active_power_net"].uuid)))


def test_tells_gaps_and_doubt_and_the_table_reads_like_the_chart(visit, fleet, channels):
    page = visit(fleet.team.viewer).open(address(channels, "active_power_net", "voltage_l1"))

    expect(page.locator("[data-explore-note]")).to_contain_text("Gaps: 1")
    expect(page.locator("[data-explore-key]")).to_contain_text("Not a plain measurement")
    expect(page.locator("[data-explore-key]")).to_contain_text("Only bad values")
    page.get_by_text("Show as a table").click()
    expect(page.locator("[data-explore-table] td", has_text="Estimated").first).to_be_visible()


def test_zooms_and_moves_by_keyboard_and_goes_back(visit, fleet, channels):
    page = visit(fleet.team.viewer).open(address(channels, "active_power_net"))
    expect(page.locator(".uplot canvas")).to_be_visible()

    page.locator("[data-explore-stage]").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-explore-point]")).to_contain_text("Main meter")
    page.keyboard.press("+")
    expect(page).to_have_url(re.compile(r"from=\d{13}"))
    page.keyboard.press("Shift+ArrowLeft")
    page.go_back()
    page.go_back()

    expect(page).not_to_have_url(re.compile(r"from=\d{13}"))


def test_zooms_by_dragging(visit, fleet, channels):
    page = visit(fleet.team.viewer).open(address(channels, "active_power_net"))
    box = page.locator(".u-over").bounding_box()

    page.mouse.move(box["x"] + 50, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 250, box["y"] + 60, steps=5)
    page.mouse.up()

    expect(page).to_have_url(re.compile(r"from=\d{13}&to=\d{13}"))


def test_shows_an_error_in_words_and_tries_again(visit, fleet, channels):
    window = visit(fleet.team.viewer)
    page = window.open(address(channels, "active_power_net", **{"from": "yesterday"}))
    expect(page.get_by_text("is no time")).to_be_visible()
    window.complaints.clear()  # the refusal was meant

    page.get_by_role("button", name="24 h").click()

    expect(page.locator(".uplot canvas")).to_be_visible()


def test_saves_what_is_shown(visit, fleet, channels):
    page = visit(fleet.team.viewer).open(address(channels, "active_power_net"))
    expect(page.locator(".uplot canvas")).to_be_visible()

    with page.expect_download() as download:
        page.get_by_role("button", name="Save what is shown as CSV").click()

    lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith("time (UTC),Main meter")
    assert len(lines) > 200


def test_has_a_file_made(visit, fleet, channels):
    page = visit(fleet.team.viewer).open(address(channels, "active_power_net"))
    page.get_by_role("button", name="Make a file").click()
    expect(page.get_by_text("The file is being made")).to_be_visible()

    page.get_by_role("link", name="Exports").click()

    expect(page.get_by_role("cell", name="Waiting")).to_be_visible()
    assert severe_findings(page) == []
