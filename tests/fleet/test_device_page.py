"""The parts of a device's page: who may open which, what they show, what they cost."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from devices.command_states import State
from devices.models import (
    Device,
    DeviceUserPermission,
    EmergencyStop,
    Lifecycle,
    RevocationReason,
    Severity,
    ShutOut,
)
from devices.queries_device_parts import offered_parts
from devices.services.device_events import record_device_event
from devices.services.fleet_edits import change_device
from tests.admin.makers import make_share
from tests.factories import NOW, DeviceFactory, UserFactory, ZoneFactory
from tests.fleet.test_overview import certify, command, configure

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

PARTS = ("quality", "events", "configuration", "commands", "certificates", "changes", "settings")


@pytest.fixture
def device(red) -> Device:
    """A box to which everything has happened."""
    with red.scope():
        made = DeviceFactory(tenant=red.tenant, gateway=None, name="Pump")
        Device.objects.filter(pk=made.pk).update(firmware_version="1.2.3")
        record_device_event(
            device=made, kind="alert", code="DRY_RUN", at=NOW, severity=Severity.CRITICAL,
            message="No water", detail={"pressure": 0.1},
        )  # fmt: skip
        configure(made, {"interval": 10}, {"interval": 60})
        command(made, State.SENT)
        certify(made, 20)
        change_device(device_id=made.id, changes={"name": "Feed pump"}, now=NOW)
    made.refresh_from_db()
    return made


def page_of(client, device, part=""):
    url = reverse("device", args=[device.id]) + (f"?part={part}" if part else "")
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize(
    ("part", "word"),
    [
        ("", "1.2.3"),
        ("events", "DRY_RUN"),
        ("events", "No water"),
        ("configuration", "The device is set to something else in 1 place."),
        ("commands", "restart"),
        ("certificates", "Ends soon"),
        ("changes", "Feed pump"),
        ("settings", "Begin maintenance"),
        ("settings", "Onboarding token"),
    ],
)
def test_shows_each_part(red, device, client_for, part, word):
    assert word in page_of(client_for(red.owner), device, part)


@pytest.mark.parametrize(
    ("who", "parts"),
    [("owner", PARTS), ("operator", (*PARTS[:5], "settings")), ("viewer", PARTS[:5])],
)
def test_offers_what_the_person_may_open(red, device, client_for, who, parts):
    client = client_for(getattr(red, who))
    offered = re.findall(r"\?part=(\w+)", page_of(client, device))
    values = page_of(client, device)

    assert tuple(offered) == parts
    for part in set(PARTS) - set(parts):
        hidden = page_of(client, device, part)
        assert 'name="serial_number"' not in hidden
        assert "Feed pump →" not in hidden
    assert 'aria-current="page">Values' in values


def test_a_viewer_is_offered_no_button(red, device, client_for):
    client = client_for(red.viewer)
    for part in ("", *PARTS):
        main = page_of(client, device, part).partition("<main")[2]
        assert "<form" not in main.partition("</main>")[0], part


def test_a_guest_sees_values_only(red, device, client_for):
    guest = UserFactory()
    make_share(
        DeviceUserPermission, device, user=guest, valid_from=NOW - dt.timedelta(days=900),
        expires_at=NOW + dt.timedelta(days=9000),
    )  # fmt: skip
    client = client_for(guest)

    for part in ("", *PARTS):
        page = page_of(client, device, part)
        assert 'class="tabs"' not in page
        assert "DRY_RUN" not in page
        assert "About this device" in page


@pytest.mark.parametrize("part", ["", *PARTS])
def test_the_number_of_queries_does_not_grow(red, device, client_for, part):
    client = client_for(red.owner)

    def count():
        with CaptureQueriesContext(connection) as queries:
            page_of(client, device, part)
        return len(queries)

    page_of(client, device, part)
    few = count()
    with red.scope():
        for minute in range(1, 7):
            at = NOW + dt.timedelta(minutes=minute)
            record_device_event(device=device, kind="x", code=f"C{minute}", at=at)
            command(device, State.DONE)
            certify(device, 100 + minute)
            change_device(device_id=device.id, changes={"name": f"n{minute}"}, now=at)
            configure(device, {"interval": minute}, {"interval": 60}, revision=minute + 1)

    assert count() == few
    assert few <= 20


def test_people_with_other_codes_are_offered_other_parts():
    assert [part.name for part in offered_parts({"read:command"})] == ["commands"]
    assert [part.name for part in offered_parts({"provision:device"})] == ["settings"]
    assert offered_parts(frozenset()) == []


def edit(client, device, **fields):
    form = {"name": "Feed pump", "serial_number": "", "zone": "", "seen": ""} | fields
    return client.post(reverse("device-edit", args=[device.id]), form, follow=True)


def test_renames_and_moves(red, device, client_for):
    with red.scope():
        zone = ZoneFactory(site=device.site, name="Hall 3")
    page = edit(client_for(red.operator), device, name="P-1", serial_number="S9", zone=zone.id)

    assert "Saved." in page.content.decode()
    with red.scope():
        device = Device.objects.get(id=device.id)
    assert (device.name, device.serial_number, device.zone_id) == ("P-1", "S9", zone.id)


def test_what_somebody_else_changed_meanwhile_stays(red, device, client_for):
    client = client_for(red.operator)
    seen = re.search(r'name="seen" value="(\d+)"', page_of(client, device, "settings"))[1]
    with red.scope():
        change_device(device_id=device.id, changes={"name": "Theirs"}, now=NOW)

    answer = edit(client, device, name="Mine", seen=seen)

    assert "Somebody has changed this meanwhile" in answer.content.decode()
    with red.scope():
        assert Device.objects.get(id=device.id).name == "Theirs"


@pytest.mark.parametrize("fields", [{"name": ""}, {"name": "x" * 101}, {"zone": "nonsense"}])
def test_nonsense_changes_nothing(red, device, client_for, fields):
    edit(client_for(red.operator), device, **fields)

    with red.scope():
        assert Device.objects.get(id=device.id).name == "Feed pump"


def test_a_zone_of_another_organisation_does_not_exist(red, blue, device, client_for):
    with blue.scope():
        zone = ZoneFactory(tenant=blue.tenant)

    page = edit(client_for(red.operator), device, zone=zone.id)

    assert "There is no such zone" in page.content.decode()


def test_a_stop_of_the_zone_holds_the_device_there(red, device, client_for):
    with red.scope():
        zone = ZoneFactory(site=device.site)
        change_device(device_id=device.id, changes={"zone": zone}, now=NOW)
        EmergencyStop.objects.create(
            scope="zone", target_id=zone.id, target_label="x", pressed_by="x", pressed_at=NOW
        )

    assert "Release it first" in edit(client_for(red.operator), device).content.decode()


def test_maintenance_begins_and_ends(red, device, client_for):
    client = client_for(red.operator)
    url = reverse("device-maintenance", args=[device.id])
    with red.scope():
        Device.objects.filter(pk=device.pk).update(lifecycle=Lifecycle.ACTIVE)

    assert "is in maintenance" in client.post(url, {"is_on": "on"}, follow=True).content.decode()
    assert "Back to work" in page_of(client, device, "settings")
    assert "back at work" in client.post(url, {}, follow=True).content.decode()


@pytest.mark.parametrize("name", ["device-edit", "device-maintenance"])
def test_others_change_nothing(red, blue, device, client_for, name):
    url = reverse(name, args=[device.id])
    form = {"name": "x", "is_on": "on"}

    assert client_for(red.viewer).post(url, form).status_code == 403
    assert client_for(blue.owner).post(url, form).status_code == 404
    assert client_for(red.owner).get(url).status_code == 405


def test_says_that_access_was_revoked(red, device, client_for):
    with red.scope():
        ShutOut.objects.create(device=device, at=NOW, reason=RevocationReason.KEY_COMPROMISE)

    page = page_of(client_for(red.viewer), device, "certificates")

    assert "All access of this device was revoked" in page


def test_the_overview_leaves_out_what_is_out_of_service(red, device, client_for):
    with red.scope():
        Device.objects.filter(pk=device.pk).update(lifecycle=Lifecycle.DECOMMISSIONED)
    client = client_for(red.owner)

    assert "Feed pump" not in client.get("/").content.decode()
    assert "Decommissioned" in page_of(client, device)
    assert "Offer to another" not in page_of(client, device, "settings")
