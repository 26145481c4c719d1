"""Zones in the admin: an emergency stop is not lifted by the way."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.tenancy import all_tenants
from devices.models import EmergencyStop, Zone
from tests.admin.conftest import enter_sudo
from tests.factories import NOW, SiteFactory, ZoneFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

LIST = "/admin/devices/zone/"


@pytest.fixture
def zone(red):
    """A zone under an emergency stop."""
    with red.scope():
        zone = ZoneFactory(tenant=red.tenant)
        EmergencyStop.objects.create(
            scope="zone", target_id=zone.id, target_label="x", pressed_by="x", pressed_at=NOW
        )
    return zone


def delete(client, zone):
    client.post(reverse("admin:devices_zone_delete", args=[zone.pk]), {"post": "yes"})
    form = {"action": "delete_selected", "_selected_action": [zone.pk], "post": "yes", "index": 0}
    client.post(LIST, form)
    with all_tenants():
        return not Zone.objects.filter(pk=zone.pk).exists()


@pytest.mark.parametrize("who", ["staff", "owner"])
def test_a_zone_under_a_stop_stays(who, staff, red, zone, client_for):
    person = staff if who == "staff" else red.owner
    client = enter_sudo(client_for(person), person)

    assert not delete(client, zone)
    with all_tenants():
        EmergencyStop.objects.update(released_at=NOW)
    assert delete(client, zone)


def test_a_zone_stays_at_its_site(staff, red, zone, client_for):
    other = SiteFactory(tenant=red.tenant)
    url = reverse("admin:devices_zone_change", args=[zone.pk])

    enter_sudo(client_for(staff), staff).post(url, {"name": "Hall", "uid": "", "site": other.pk})

    with all_tenants():
        changed = Zone.objects.get(pk=zone.pk)
    assert (changed.name, changed.site_id) == ("Hall", zone.site_id)
