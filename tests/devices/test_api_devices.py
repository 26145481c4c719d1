"""The endpoints below /api/v1/devices."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.tenancy import tenant_scope
from devices.models import Device
from tests.conftest import Team
from tests.factories import (
    ChannelFactory,
    DeviceFactory,
    DeviceProfileFactory,
    GatewayFactory,
    SiteFactory,
)

pytestmark = pytest.mark.django_db

URL = "/api/v1/devices"


@pytest.fixture
def browser(red: Team, client_for: Callable[..., Client]) -> Client:
    return client_for(red.viewer)


def make_devices(red: Team, number: int) -> list[Device]:
    site = SiteFactory(tenant=red.tenant)
    profile = DeviceProfileFactory()
    return [
        # names repeat, so that pages are cut within equal keys
        DeviceFactory(site=site, gateway=None, profile=profile, name=f"Meter {n // 3}")
        for n in range(number)
    ]


def walk(client: Client, url: str, link: str = "next") -> list[list[str]]:
    pages = []
    while url:
        body = client.get(url).json()
        pages.append([row["id"] for row in body["results"]])
        url = body[link]
    return pages


def test_has_the_agreed_names() -> None:
    device_id = uuid.uuid4()
    assert reverse("api-device-list") == URL
    assert reverse("api-device-detail", args=[device_id]) == f"{URL}/{device_id}"
    assert reverse("api-device-latest", args=[device_id]) == f"{URL}/{device_id}/latest"


def test_lists_devices_as_described(browser: Client, red: Team) -> None:
    gateway = GatewayFactory(site=SiteFactory(tenant=red.tenant, name="Plant"), name="Box")
    seen = timezone.now().replace(microsecond=0)
    device = DeviceFactory(gateway=gateway, name="Main meter", uid="m-1", last_seen_at=seen)

    body = browser.get(URL).json()

    [row] = body["results"]
    assert set(body) == {"results", "next", "previous"}
    assert (row["id"], row["uid"], row["name"]) == (str(device.id), "m-1", "Main meter")
    assert row["status"] == "online"
    assert row["last_seen_at"] == f"{seen:%Y-%m-%dT%H:%M:%SZ}"
    assert row["site"] == {"id": str(gateway.site_id), "name": "Plant", "currency": "TRY",
                           "timezone": "Europe/Istanbul"}  # fmt: skip
    assert row["gateway"] == {"id": str(gateway.id), "uid": gateway.uid, "name": "Box"}
    assert row["profile"]["expected_interval_seconds"] == 10


def test_a_direct_device_has_no_gateway(browser: Client, red: Team) -> None:
    DeviceFactory(site=SiteFactory(tenant=red.tenant), gateway=None)

    [row] = browser.get(URL).json()["results"]

    assert (row["gateway"], row["status"], row["last_seen_at"]) == (None, "silent", None)


@pytest.mark.parametrize(
    "ordering", ["name", "-name", "created_at", "-created_at", "last_seen_at", "-last_seen_at",
                 "updated_at", "-updated_at"],
)  # fmt: skip
def test_pages_show_each_device_once_in_both_directions(
    browser: Client, red: Team, ordering: str
) -> None:
    devices = make_devices(red, 11)
    with tenant_scope(red.tenant.id):
        for number, device in enumerate(devices[:6]):
            seen = dt.datetime(2026, 1, 1 + number // 2, tzinfo=dt.UTC)
            Device.objects.filter(id=device.id).update(last_seen_at=seen)

    pages = walk(browser, f"{URL}?limit=4&ordering={ordering}")

    everything = browser.get(f"{URL}?ordering={ordering}").json()["results"]
    assert [id_ for page in pages for id_ in page] == [row["id"] for row in everything]
    assert [len(page) for page in pages] == [4, 4, 3]
    last = browser.get(f"{URL}?limit=4&ordering={ordering}").json()["next"]
    last = browser.get(last).json()["next"]
    assert walk(browser, last, "previous") == pages[::-1]


def test_a_device_that_is_added_does_not_move_the_next_page(browser: Client, red: Team) -> None:
    make_devices(red, 6)
    first = browser.get(f"{URL}?limit=3").json()
    expected = browser.get(first["next"]).json()["results"]

    DeviceFactory(site=SiteFactory(tenant=red.tenant), gateway=None, name="A new one")

    assert browser.get(first["next"]).json()["results"] == expected


def test_counts_only_when_asked(browser: Client, red: Team) -> None:
    make_devices(red, 3)

    assert "count" not in browser.get(f"{URL}?limit=1").json()
    assert browser.get(f"{URL}?limit=1&count=true").json()["count"] == 3


def test_links_keep_the_other_parameters(browser: Client, red: Team) -> None:
    make_devices(red, 5)

    body = browser.get(f"{URL}?limit=2&q=meter&status=silent&count=true").json()

    for kept in ("limit=2", "q=meter", "status=silent", "count=true"):
        assert kept in body["next"]


@pytest.mark.parametrize(
    ("query", "code", "pointer"),
    [
        ("limit=0", "invalid_request", "?limit"),
        ("limit=501", "invalid_request", "?limit"),
        ("limit=ten", "invalid_request", "?limit"),
        ("cursor=garbage", "invalid_cursor", "?cursor"),
        ("cursor=WzFd:1tabcd:c2ln", "invalid_cursor", "?cursor"),
        ("cursor=", "invalid_request", "?cursor"),
        ("ordering=secret", "invalid_request", "?ordering"),
        ("status=asleep", "invalid_request", "?status"),
        ("site=1", "invalid_request", "?site"),
        ("q=%00", "invalid_request", "?q"),
        ("page=2", "unknown_parameter", "?page"),
        ("format=csv", "unknown_parameter", "?format"),
        ("limit=1&limit=2", "invalid_request", "?limit"),
    ],
)
def test_refuses_with_a_code_and_the_parameter(
    browser: Client, query: str, code: str, pointer: str
) -> None:
    response = browser.get(f"{URL}?{query}")

    problem = response.json()
    assert (response.status_code, problem["code"]) == (400, code)
    assert problem["errors"][0]["pointer"] == pointer


def test_refuses_the_cursor_of_another_order(browser: Client, red: Team) -> None:
    make_devices(red, 3)
    link = browser.get(f"{URL}?limit=1&ordering=name").json()["next"]

    response = browser.get(link.replace("ordering=name", "ordering=-created_at"))

    assert response.json()["code"] == "invalid_cursor"


def test_shows_a_device_with_its_channels(browser: Client, red: Team) -> None:
    device = DeviceFactory(tenant=red.tenant)
    ChannelFactory(device=device, name="voltage_l1", unit="V", phase="l1", decimals=1)
    ChannelFactory(device=device, name="active_power_import")

    body = browser.get(f"{URL}/{device.id}").json()

    assert [channel["name"] for channel in body["channels"]] == [
        "active_power_import", "voltage_l1",
    ]  # fmt: skip
    voltage = body["channels"][1]
    assert (voltage["unit"], voltage["phase"], voltage["decimals"]) == ("V", "l1", 1)
    assert uuid.UUID(voltage["id"])


@pytest.mark.parametrize("path", ["/not-a-uuid", "/not-a-uuid/latest", f"/{uuid.UUID(int=0)}", "/"])
def test_what_does_not_exist_is_a_problem(browser: Client, path: str) -> None:
    response = browser.get(URL + path)

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("suffix", ["", "/latest"])
def test_another_tenants_device_does_not_exist(
    red: Team, blue: Team, client_for: Callable[..., Client], suffix: str
) -> None:
    device = DeviceFactory(tenant=red.tenant)
    url = f"{URL}/{device.id}{suffix}"

    assert client_for(red.owner).get(url).status_code == 200
    assert client_for(red.viewer).get(url).status_code == 200
    assert client_for(blue.owner).get(url).status_code == 404
    assert client_for(blue.owner).get(URL).json()["results"] == []


@pytest.mark.parametrize("path", ["", f"/{uuid.UUID(int=0)}", f"/{uuid.UUID(int=0)}/latest"])
def test_nobody_but_members_may_read(
    client: Client, stranger: Any, staff: Any, client_for: Callable[..., Client], path: str
) -> None:
    anonymous = client.get(URL + path)

    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "not_authenticated")
    assert "WWW-Authenticate" in anonymous
    for outsider in (stranger, staff):
        response = client_for(outsider).get(URL + path)
        assert (response.status_code, response.json()["code"]) == (403, "permission_denied")


def test_a_site_of_another_tenant_has_no_devices(browser: Client, blue: Team) -> None:
    device = DeviceFactory(tenant=blue.tenant)

    assert browser.get(URL, {"site": device.site_id}).json()["results"] == []


@pytest.mark.parametrize("path", ["?limit=500", "?limit=500&count=true&q=meter&status=silent"])
def test_the_number_of_queries_does_not_grow_with_the_fleet(
    browser: Client, red: Team, path: str
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(URL + path).status_code == 200
        return len(queries)

    make_devices(red, 2)
    few = count()
    for _ in range(3):
        DeviceFactory(tenant=red.tenant, name="Meter of another site")
    make_devices(red, 20)

    assert count() == few <= 5


def test_the_number_of_queries_does_not_grow_with_the_channels(browser: Client, red: Team) -> None:
    device = DeviceFactory(tenant=red.tenant)

    def count(suffix: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(f"{URL}/{device.id}{suffix}").status_code == 200
        return len(queries)

    none = [count(""), count("/latest")]
    for _ in range(10):
        ChannelFactory(device=device)

    assert [count(""), count("/latest")] == none
    assert max(none) <= 5
