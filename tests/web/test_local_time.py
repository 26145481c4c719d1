"""Pages tell times in the zone of the sites; the API tells UTC."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from devices.models import DeviceEvent
from tests.factories import DeviceFactory, SiteFactory

AT = dt.datetime(2026, 11, 20, 21, 30, tzinfo=dt.UTC)


@pytest.fixture
def device(red):
    with red.scope():
        for number in range(2):
            SiteFactory(tenant=red.tenant, timezone="Europe/Istanbul", name=f"Izmir {number}")
        site = SiteFactory(tenant=red.tenant, timezone="Asia/Kolkata", name="Pune")
        found = DeviceFactory(tenant=red.tenant, site=site)
        DeviceEvent.objects.create(
            tenant=red.tenant, device=found, kind="presence", code="ONLINE", at=AT
        )
        return found


def test_a_page_of_a_site_is_in_its_zone(client_for, red, device):
    page = client_for(red.owner).get(f"/devices/{device.id}?part=events").content.decode()

    assert "Times: Asia/Kolkata" in page
    assert "03:00" in page  # 21:30 UTC is 3:00 of the next day there


def test_other_pages_are_in_the_zone_of_most_sites(client_for, red, device):
    page = client_for(red.owner).get("/settings/audit").content.decode()

    assert "Times: Europe/Istanbul" in page
    assert timezone.get_current_timezone_name() == "UTC", "the thread is as before"


def test_programs_get_utc(client_for, red, device):
    answer = client_for(red.owner).get(f"/api/v1/devices/{device.id}/events").json()

    assert answer["results"][0]["at"] == "2026-11-20T21:30:00Z"


def test_somebody_without_sites_sees_utc(client_for, red):
    assert "Times: UTC" in client_for(red.owner).get("/").content.decode()
