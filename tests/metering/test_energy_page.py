"""The energy page and its endpoint: who sees them, what they say, in which language."""

from __future__ import annotations

import csv
import datetime as dt
import io
import uuid
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import User
from reports.energy.home import read_tiles
from tests.conftest import Team
from tests.factories import SiteFactory
from tests.metering.conftest import NOW, Plant
from tests.metering.energy_site import EnergySite, even, make_day_meters, write_days

SignIn = Callable[[User], Client]
URL = "/api/v1/energy/summary"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.fixture
def site_id(red: Team, clock: None) -> uuid.UUID:
    """A site with three meters that count 96 kWh a day for two years."""
    site = SiteFactory(tenant=red.tenant, name="Hamburg", timezone="Europe/Berlin")
    start, end = dt.date(2025, 1, 1), dt.date(2026, 11, 20)
    make_day_meters(red, site.id, 3, start=start, end=end)
    found: uuid.UUID = site.id
    return found


def test_a_year_leads_to_months_and_they_to_days(
    red: Team, site_id: uuid.UUID, client_for: SignIn
) -> None:
    client = client_for(red.viewer)

    year = client.get(reverse("energy"), {"period": "year"}).content.decode()
    month = client.get(reverse("energy"), {"date": "2026-03", "by": "circuit"}).content.decode()

    assert "period=month&amp;date=2026-02" in year
    assert "March 2026" in month
    assert "date=2026-03-29&amp;by=circuit&amp;period=day" in month
    assert "Sunday, 29 March 2026 (23 h)" in month
    assert "Meter 001" in month and "Not metered" not in month
    assert "2,976" in month  # 31 days of 96 kWh
    assert "Expected in the end" in year


def test_says_what_is_missing(red: Team, site_id: uuid.UUID, client_for: SignIn) -> None:
    client = client_for(red.viewer)

    running = client.get(reverse("energy"), {"date": "2026-11"}).content.decode()
    before = client.get(reverse("energy"), {"date": "2024-05"}).content.decode()

    assert "97.2 % measured, 2.8 % missing" in running  # today's 52 quarters are not there
    assert "Nothing is known of this period" in before


def test_an_empty_organisation_is_told(red: Team, client_for: SignIn) -> None:
    assert "No meters yet" in client_for(red.viewer).get(reverse("energy")).content.decode()


def test_a_stranger_finds_nothing(
    red: Team, blue: Team, site_id: uuid.UUID, client_for: SignIn
) -> None:
    client = client_for(blue.owner)

    assert client.get(reverse("energy"), {"site": str(site_id)}).status_code == 404
    assert client.get(reverse("energy"), {"meter": str(uuid.uuid4())}).status_code == 404
    assert client.get(URL, {"scope": f"site:{site_id}"}).status_code == 404


def test_nonsense_in_the_address_shows_the_running_month(
    red: Team, site_id: uuid.UUID, client_for: SignIn
) -> None:
    query = {"period": "eon", "date": "x", "step": "y", "site": "z", "compare": "?", "by": "no"}

    page = client_for(red.viewer).get(reverse("energy"), query)

    assert page.status_code == 200
    assert "November 2026" in page.content.decode()
    assert client_for(red.viewer).get(reverse("energy"), {"date": "1000"}).status_code == 404


@pytest.mark.parametrize("count", [2, 9])
def test_the_page_reads_any_number_of_meters_with_the_same_queries(
    red: Team, clock: None, client_for: SignIn, count: int
) -> None:
    site = SiteFactory(tenant=red.tenant)
    make_day_meters(red, site.id, count, start=dt.date(2025, 11, 1), end=dt.date(2026, 11, 20))
    client = client_for(red.viewer)
    client.get(reverse("energy"))

    with CaptureQueriesContext(connection) as queries:
        page = client.get(reverse("energy"), {"period": "year", "by": "circuit"})

    assert page.status_code == 200
    assert len([q for q in queries if "metering_" in q["sql"] or "Site" in q["sql"]]) <= 15


def test_answers_json(red: Team, site_id: uuid.UUID, client_for: SignIn) -> None:
    query = {"scope": f"site:{site_id}", "period": "month", "date": "2026-03",
             "compare": "year"}  # fmt: skip

    answer = client_for(red.viewer).get(URL, query).json()

    assert answer["total"] == 31 * 96
    assert answer["unit"] == "kWh"
    assert (answer["start"], answer["end"], answer["tz"]) == (
        "2026-03-01", "2026-04-01", "Europe/Berlin"
    )  # fmt: skip
    assert answer["buckets"]["hours"][28] == 23
    assert answer["buckets"]["t"][0] == 1772319600000
    assert answer["completeness"] == 1
    assert answer["comparison"]["total"] == 31 * 96
    assert answer["comparison"]["percent"] == 0
    assert answer["sources"][0]["kind"] == "grid"
    assert [band["kind"] for band in answer["circuits"]] == ["circuit", "circuit"]
    assert answer["peak"]["power"] == pytest.approx(4 * (1.5 + 90 / 1e6))
    assert answer["balance"][0]["verdict"] == "children_exceed"


def test_answers_csv(red: Team, site_id: uuid.UUID, client_for: SignIn) -> None:
    query = {"scope": f"site:{site_id}", "date": "2026-03", "sep": "semicolon"}

    answer = client_for(red.viewer).get(URL, query, headers={"accept": "text/csv"})
    rows = list(csv.reader(io.StringIO(answer.content.decode()), delimiter=";"))

    assert answer["Content-Type"].startswith("text/csv")
    assert rows[0][:3] == ["start", "hours", "total (kWh)"]
    assert len(rows) == 32
    assert rows[29][:3] == ["2026-03-29T00:00+01:00", "23.0", "96.0"]
    assert rows[30][0] == "2026-03-30T00:00+02:00"


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"scope": "tenant:1"}, "?scope"),
        ({}, "?scope"),
        ({"period": "decade"}, "?period"),
        ({"date": "2026-13"}, "?date"),
        ({"period": "year", "step": "15m"}, "?step"),
        ({"per": "day"}, "?per"),
    ],
)
def test_refuses_a_question_without_an_answer(
    red: Team, site_id: uuid.UUID, client_for: SignIn, query: dict[str, str], pointer: str
) -> None:
    scope = {"scope": f"site:{site_id}"} if query and "scope" not in query else {}

    answer = client_for(red.viewer).get(URL, scope | query)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_a_day_reads_its_quarters(plant: Plant, clock: None, client_for: SignIn) -> None:
    site = EnergySite(plant, dt.date(2026, 11, 17), dt.date(2026, 11, 19))
    meter = site.add("Grid", {"import": even(0.5)}, role="grid")
    site.add("Oven", {"import": even(0.25)}, parent="Grid")
    plant.build()
    client = client_for(plant.red.viewer)

    page = client.get(reverse("energy"), {"period": "day", "date": "2026-11-18", "step": "15m"})
    answer = client.get(URL, {"scope": f"meter:{meter.id}", "period": "day", "date": "2026-11-18"})

    assert page.content.decode().count("data-bar data-label") == 96
    assert answer.json()["total"] == 48
    assert answer.json()["meter"] == str(meter.id)
    assert [band["total"] for band in answer.json()["circuits"]] == [24, 24]


@pytest.mark.parametrize("with_roof", [False, True])
def test_says_that_what_feeds_in_has_no_meter(
    plant: Plant, clock: None, client_for: SignIn, with_roof: bool
) -> None:
    site = EnergySite(plant, dt.date(2026, 11, 17), dt.date(2026, 11, 19))
    site.add("Grid", {"import": even(0.5), "export": even(0.25)}, role="grid")
    if with_roof:
        site.add("Roof", {"export": even(0.5)}, role="production", parent="Grid")
    plant.build()

    page = (
        client_for(plant.red.viewer).get(reverse("energy"), {"date": "2026-11-18"}).content.decode()
    )

    assert ("too low: 48.0 kWh went out that no meter saw come in" in page) is not with_roof


def test_days_written_later_are_seen_at_once(
    red: Team, site_id: uuid.UUID, client_for: SignIn
) -> None:
    from metering.models import Register

    query = {"scope": f"site:{site_id}", "date": "2026-11"}
    before = client_for(red.viewer).get(URL, query).json()["total"]
    with red.scope():
        write_days(list(Register.objects.all()), start=dt.date(2026, 11, 20),
                   end=dt.date(2026, 11, 21))  # fmt: skip

    assert client_for(red.viewer).get(URL, query).json()["total"] == before + 96


def test_the_home_page_shows_the_energy(red: Team, site_id: uuid.UUID, client_for: SignIn) -> None:
    home = client_for(red.viewer).get(reverse("home")).content.decode()

    # 19 days of 96 kWh against the same 19 of October; today is not known yet
    assert "1,824" in home
    assert "+0.0" not in home
    assert "until yesterday, 0.0 % against as many days of last month" in home
    assert "of the energy this month is known" in home
    assert "?period=day" in home


@pytest.mark.parametrize("count", [1, 6])
def test_tiles_of_any_fleet_take_the_same_queries(
    red: Team, clock: None, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    for _ in range(count):
        site = SiteFactory(tenant=red.tenant)
        make_day_meters(red, site.id, 2, start=dt.date(2026, 10, 1), end=dt.date(2026, 11, 20))

    with red.scope(), django_assert_num_queries(5):
        tiles = read_tiles(now=NOW)

    assert [tile.fact.value for tile in tiles] == [
        "0.00", f"{1824 * count:,}", "100"
    ]  # fmt: skip


def test_own_production_has_a_tile(plant: Plant) -> None:
    site = EnergySite(plant, dt.date(2026, 11, 1), dt.date(2026, 11, 20))
    site.add("Grid", {"import": even(1.0), "export": even(0.5)}, role="grid")
    site.add("Roof", {"export": even(2.0)}, role="production", parent="Grid")
    plant.build()

    with plant.red.scope():
        tiles = read_tiles(now=NOW)

    assert [(tile.fact.label, tile.fact.value) for tile in tiles] == [
        ("Energy today", "0.00"), ("This month", "4,560"), ("Self-consumption", "75.0"),
        ("Data quality", "100"),
    ]  # fmt: skip
