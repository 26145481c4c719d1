"""Reads of the fleet."""

from __future__ import annotations

import datetime as dt

import pytest

from devices.models import Device
from devices.presence import Presence, presence_of
from devices.queries import list_devices, with_presence
from tests.conftest import Team
from tests.factories import NOW, DeviceFactory, DeviceProfileFactory, GatewayFactory, SiteFactory

pytestmark = pytest.mark.django_db


STATUSES = [
    ("unknown", None), ("offline", None), ("offline", 1), ("online", 1), ("offline", 1000),
]  # fmt: skip


def ago(seconds: float | None) -> dt.datetime | None:
    return None if seconds is None else NOW - dt.timedelta(seconds=seconds)


def test_the_database_decides_presence_as_the_pure_function_does(red: Team) -> None:
    site = SiteFactory(tenant=red.tenant)
    for interval in (1, 60, 900):
        profile = DeviceProfileFactory(expected_interval_seconds=interval)
        for seen in (None, -5, 0, 1.5, 1.6, 90, 90.5, 120, 121, 1350, 1351, 1800, 1801):
            for status, said in STATUSES:
                DeviceFactory(
                    site=site, gateway=None, profile=profile, last_seen_at=ago(seen),
                    reported_status=status, reported_status_at=ago(said),
                )  # fmt: skip

    with red.scope():
        devices = list(with_presence(Device.objects.select_related("profile"), now=NOW))

    wrong = [
        device
        for device in devices
        if device.presence
        != presence_of(
            now=NOW,
            last_seen_at=device.last_seen_at,
            reported_status=device.reported_status,
            reported_status_at=device.reported_status_at,
            expected_interval_seconds=device.profile.expected_interval_seconds,
        )
    ]
    assert (len(devices), wrong) == (195, [])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {"Main meter", "Roof inverter"}),
        ("METER", {"Main meter"}),
        ("meter izmir", {"Main meter"}),
        ("meter bursa", set()),
        ("sn-77", {"Roof inverter"}),
        ("inv-1", {"Roof inverter"}),
        ("box 5", {"Main meter"}),
        ("%", set()),
        ("o", {"Main meter", "Roof inverter"}),
    ],
)
def test_every_word_must_occur_somewhere(red: Team, text: str, found: set[str]) -> None:
    izmir = SiteFactory(tenant=red.tenant, name="Izmir plant")
    gateway = GatewayFactory(site=izmir, name="Box 5")
    DeviceFactory(gateway=gateway, name="Main meter", uid="m-1")
    bursa = SiteFactory(tenant=red.tenant, name="Bursa store")
    DeviceFactory(site=bursa, gateway=None, name="Roof inverter", uid="inv-1",
                  serial_number="SN-77")  # fmt: skip

    with red.scope():
        names = {device.name for device in list_devices(now=NOW, text=text)}

    assert names == found


def test_filters_by_presence_and_site(red: Team) -> None:
    here, there = SiteFactory(tenant=red.tenant), SiteFactory(tenant=red.tenant)
    DeviceFactory(site=here, name="here", last_seen_at=NOW)
    DeviceFactory(site=there, name="there", last_seen_at=NOW)
    DeviceFactory(site=here, name="never")

    with red.scope():
        online = list_devices(now=NOW, site_id=here.id, presence=Presence.ONLINE)
        names = [device.name for device in online.order_by("name")]

    assert names == ["here"]
