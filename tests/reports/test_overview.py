"""The home page shows the fleet in a constant number of queries."""

from __future__ import annotations

import datetime as dt

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries

from devices.models import Device, Kind
from devices.presence import Presence
from reports.queries import DEVICES_PER_PAGE, Overview, overview
from telemetry.quality import Quality
from tests.conftest import Team
from tests.factories import (
    ChannelFactory,
    DeviceFactory,
    DeviceProfileFactory,
    GatewayFactory,
    LatestValueFactory,
    SiteFactory,
)

QUERIES = 4


def add_devices(team: Team, number: int, *, now: dt.datetime) -> list[Device]:
    """Save devices of one site, heard five seconds ago, each with power and energy."""
    site = SiteFactory(tenant=team.tenant, name="Izmir plant")
    gateway = GatewayFactory(site=site)
    profile = DeviceProfileFactory()
    devices = []
    for n in range(number):
        device = DeviceFactory(
            gateway=gateway,
            profile=profile,
            name=f"Meter {n:03}",
            last_seen_at=now - dt.timedelta(seconds=5),
        )
        power = ChannelFactory(device=device, name="active_power_net")
        LatestValueFactory(channel=power, value=10.5 + n)
        ChannelFactory(device=device, name="active_energy_import", kind=Kind.COUNTER)
        devices.append(device)
    return devices


def read(team: Team, now: dt.datetime, **filters: str) -> Overview:
    """Read the page as a member of the team would."""
    with team.scope():
        return overview(now=now, **filters)


def names_on(page: Overview) -> list[str]:
    """Return the names of the shown devices in their order."""
    return [device.name for site in page.sites for device in site.devices]


@pytest.mark.parametrize("size", [2, 12])
def test_reads_any_fleet_with_the_same_queries(
    red: Team, now: dt.datetime, size: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    add_devices(red, size, now=now)

    with django_assert_num_queries(QUERIES):
        page = read(red, now)

    assert len(names_on(page)) == size


def test_shows_values_with_quality_and_a_dash_for_none(red: Team, now: dt.datetime) -> None:
    add_devices(red, 1, now=now)

    power, energy = read(red, now).sites[0].devices[0].readings

    assert (power.value, power.quality, power.unit) == (10.5, "good", "kW")
    assert (energy.value, energy.at, energy.quality) == (None, None, Quality.MISSING.label)


def test_counts_devices_by_presence_and_filters_by_it(red: Team, now: dt.datetime) -> None:
    first, second, third = add_devices(red, 3, now=now)
    with red.scope():
        Device.objects.filter(id=second.id).update(last_seen_at=now - dt.timedelta(hours=1))
        Device.objects.filter(id=third.id).update(last_seen_at=None)

    page = read(red, now, presence=Presence.OFFLINE)

    numbers = {count.presence: count.number for count in page.counts}
    assert numbers == {"": 3, "online": 1, "late": 0, "offline": 1, "silent": 1}
    assert names_on(page) == [second.name]
    assert names_on(read(red, now, presence=Presence.ONLINE)) == [first.name]


def test_search_finds_every_word_in_any_field(red: Team, now: dt.datetime) -> None:
    add_devices(red, 3, now=now)

    assert names_on(read(red, now, search="izmir 002")) == ["Meter 002"]
    nothing = read(red, now, search="ankara")
    assert names_on(nothing) == []
    assert nothing.has_devices


def test_divides_a_large_fleet_into_pages(red: Team, now: dt.datetime) -> None:
    add_devices(red, DEVICES_PER_PAGE + 1, now=now)

    assert names_on(read(red, now, page="2")) == [f"Meter {DEVICES_PER_PAGE:03}"]


def test_an_empty_fleet_is_no_error(red: Team, now: dt.datetime) -> None:
    page = read(red, now)

    assert not page.has_devices
    assert page.sites == ()


def test_another_organisation_is_not_counted(red: Team, blue: Team, now: dt.datetime) -> None:
    add_devices(blue, 2, now=now)
    add_devices(red, 1, now=now)

    assert read(red, now).counts[0].number == 1
