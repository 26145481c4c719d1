"""Energy, costs, meters and reports in a real browser: they fit, and everybody can use them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.tenancy import all_tenants
from telemetry.annotations.services import add_annotation
from telemetry.timespec import local_midnight
from tests.browser.conftest import NARROW, WIDE
from tests.browser.test_accessibility import severe_findings
from tests.browser.test_fleet import photograph
from tests.metering.conftest import Plant, make_plant
from tests.metering.energy_home import WHOLE, follow, tariff
from tests.metering.energy_site import EnergySite, even

__all__ = ["make_plant"]

DAYS = 45
OPEN_ALL = "document.querySelectorAll('main details').forEach((one) => { one.open = true; })"
ZONE = ZoneInfo("Europe/Istanbul")


@pytest.fixture
def red(fleet):
    return fleet.team


@pytest.fixture
def home(make_plant) -> Iterator[Plant]:
    """A home that buys and sells, with an oven, a tariff and a note, until this morning."""
    now = timezone.now()
    today = now.astimezone(ZONE).date()
    plant = make_plant("Europe/Istanbul")
    site = EnergySite(plant, today - dt.timedelta(days=DAYS), today)
    site.add("Grid", {"import": lambda at: 0.2 + 0.02 * at.hour,
                      "export": lambda at: 0.5 * (12 <= at.hour < 16)}, role="grid")  # fmt: skip
    site.add("Oven", {"import": even(0.1)}, parent="Grid")
    plant.build(now)
    tariff(plant, WHOLE, since=str(today - dt.timedelta(days=DAYS)))
    follow(now)
    start = local_midnight(today - dt.timedelta(days=3), ZONE) + dt.timedelta(hours=9)
    with all_tenants():
        add_annotation(
            site=plant.site, device=None, start=start, end=start + dt.timedelta(hours=30),
            text="The boiler was repaired", made_by=None, now=now,
        )  # fmt: skip
    return plant


def addresses(plant):
    """Yield a name and the path of each page."""
    query = f"site={plant.site.id}"
    before = timezone.now().astimezone(ZONE).date() - dt.timedelta(days=3)
    yield "energy-day", f"/energy?{query}&period=day&date={before}"
    yield "energy-week", f"/energy?{query}&period=week&against=previous"
    yield "energy-month-money", f"/energy?{query}&period=month&show=cost"
    yield "energy-year-co2", f"/energy?{query}&period=year&show=co2"
    yield "costs", f"/energy/costs/?{query}&what_if=1"
    yield "costs-assign", f"/energy/costs/sites/{plant.site.id}/assign"
    yield "costs-tariff", f"/energy/costs/sites/{plant.site.id}/tariff"
    yield "costs-bill", f"/energy/costs/sites/{plant.site.id}/period"
    yield "meters", "/energy/meters"
    yield "meter-new", "/energy/meters/new"
    with plant.red.scope():
        meter = plant.site.meters.get(name="Grid")
    yield "meter", f"/energy/meters/{meter.id}"
    yield "meter-replace", f"/energy/meters/{meter.id}/replace"
    yield "explain", f"/energy/meters/{meter.id}/explain"
    yield "reports", "/reports/"
    yield "report-new", "/reports/new"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
def test_pages_fit_and_nothing_serious_is_wrong(visit, home, viewport, scheme):
    window = visit(home.red.owner, viewport=viewport, color_scheme=scheme)
    wrong = {}
    for name, address in addresses(home):
        answer = window.page.goto(f"{window.address}{address}")
        window.page.evaluate(OPEN_ALL)
        photograph(window.page, f"{name}-{viewport['width']}-{scheme}")
        found = severe_findings(window.page)
        found += [f"answers {answer.status}"] if answer.status != 200 else []
        found += [f"{window.overflow()} px too wide"] if window.overflow() > 0 else []
        if found:
            wrong[name] = found

    assert wrong == {}


def test_bars_lead_from_the_year_to_its_quarters_by_keyboard(visit, home):
    start = timezone.now().astimezone(ZONE).date() - dt.timedelta(days=DAYS - 1)
    page = visit(home.red.owner).open(f"/energy?site={home.site.id}&period=year&date={start}")
    places = (start.month - 1, start.day - 1, 5)
    for at, period in zip(places, ("month", "day", "day.*step=15m"), strict=True):
        page.locator("a.ebars__bar").nth(at).focus()
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(f"period={period}"))

    expect(page.locator("[data-bar]")).to_have_count(96)


def test_a_note_stands_over_the_bars_and_below_them(visit, home):
    before = timezone.now().astimezone(ZONE).date() - dt.timedelta(days=3)
    page = visit(home.red.owner).open(f"/energy?site={home.site.id}&period=day&date={before}")
    mark, plot = (page.locator(css).bounding_box() for css in (".ebars__note", ".ebars__plot"))

    assert mark["x"] - plot["x"] == pytest.approx(9 / 24 * plot["width"], abs=2)
    assert mark["x"] + mark["width"] == pytest.approx(plot["x"] + plot["width"], abs=2)
    expect(page.locator(".enotes__text")).to_have_text("The boiler was repaired")
