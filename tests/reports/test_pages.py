"""Who sees which page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import User
from devices.models import Device
from reports.queries import device_page
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory, LatestValueFactory, MembershipFactory

SignIn = Callable[[User], Client]
QUERIES = 2


@pytest.fixture
def meter(red: Team) -> Device:
    """A device with one value."""
    device = DeviceFactory(tenant=red.tenant, name="Main meter")
    LatestValueFactory(channel=ChannelFactory(device=device, name="active_power_net"))
    return device


@pytest.mark.parametrize("page", ["home", "styleguide"])
def test_asks_an_unknown_visitor_to_sign_in(client: Client, db: None, page: str) -> None:
    answer = client.get(reverse(page))

    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("role", ["owner", "operator", "viewer"])
def test_every_member_sees_the_devices(
    red: Team, meter: Device, client_for: SignIn, role: str
) -> None:
    client = client_for(getattr(red, role))

    home = client.get(reverse("home"))
    page = client.get(reverse("device", args=[meter.id]))

    assert "Main meter" in home.content.decode()
    assert "1.250" in page.content.decode()


def test_a_stranger_finds_nothing(blue: Team, meter: Device, client_for: SignIn) -> None:
    client = client_for(blue.owner)

    assert "Main meter" not in client.get(reverse("home")).content.decode()
    answer = client.get(reverse("device", args=[meter.id]))
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


def test_a_person_without_organisation_is_told_what_to_do(
    stranger: User, meter: Device, client_for: SignIn
) -> None:
    client = client_for(stranger)

    assert "You belong to no organisation yet" in client.get(reverse("home")).content.decode()
    assert client.get(reverse("device", args=[meter.id])).status_code == 404


def test_staff_without_organisation_work_in_the_admin(staff: User, client_for: SignIn) -> None:
    answer = client_for(staff).get(reverse("home"))

    assert answer["Location"] == reverse("admin:index")


def test_an_empty_organisation_is_told_what_to_do(red: Team, client_for: SignIn) -> None:
    assert "No devices yet" in client_for(red.viewer).get(reverse("home")).content.decode()


def test_speaks_turkish(red: Team, meter: Device, client_for: SignIn) -> None:
    client = client_for(red.viewer)

    page = client.get(reverse("device", args=[meter.id]), headers={"accept-language": "tr"})

    assert 'lang="tr"' in page.content.decode()
    assert "1,250" in page.content.decode()
    assert "Tüm değerler" in page.content.decode()


def test_a_member_of_two_organisations_switches(red: Team, blue: Team, client_for: SignIn) -> None:
    MembershipFactory(user=red.viewer, tenant=blue.tenant)
    client = client_for(red.viewer)

    answer = client.post(reverse("tenant-switch"), {"tenant": str(blue.tenant.id)}, follow=True)

    assert f"<h1>{blue.tenant.name}</h1>" in answer.content.decode()


@pytest.mark.parametrize("wanted", ["blue", "nonsense"])
def test_nobody_switches_to_a_foreign_organisation(
    red: Team, blue: Team, client_for: SignIn, wanted: str
) -> None:
    tenant = str(blue.tenant.id) if wanted == "blue" else wanted

    answer = client_for(red.viewer).post(reverse("tenant-switch"), {"tenant": tenant})

    assert answer.status_code == 404


@pytest.mark.parametrize("channels", [1, 15])
def test_reads_a_device_with_the_same_queries(
    red: Team, now: dt.datetime, channels: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    device = DeviceFactory(tenant=red.tenant)
    for _ in range(channels):
        LatestValueFactory(channel=ChannelFactory(device=device))

    with red.scope(), django_assert_num_queries(QUERIES):
        page = device_page(device.id, now=now)

    assert sum(len(group.readings) for group in page.groups) == channels


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
def test_error_pages_stand_alone(status: int) -> None:
    from django.template.loader import render_to_string

    page = render_to_string(f"{status}.html")

    assert str(status) in page
    assert "<h1>" in page
