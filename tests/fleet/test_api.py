"""Sites, zones, gateways, devices and events over REST."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.test import Client

from accounts.models import AuditEvent
from accounts.services.keys import create_key
from devices.models import (
    Device,
    DeviceUserPermission,
    EmergencyStop,
    Gateway,
    Severity,
    Site,
    Zone,
)
from devices.services.device_events import record_device_event
from tests.admin.conftest import enter_sudo
from tests.admin.makers import make_share
from tests.factories import (
    NOW,
    DeviceFactory,
    DeviceProfileFactory,
    GatewayFactory,
    SiteFactory,
    UserFactory,
    ZoneFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

API = "/api/v1"
PATHS = ("sites", "zones", "gateways", "devices")


@pytest.fixture
def owner(red, client_for) -> Client:
    """The administrator's browser, in sudo mode."""
    return enter_sudo(client_for(red.owner), red.owner)


@pytest.fixture
def site(red) -> Site:
    """A place."""
    return SiteFactory(tenant=red.tenant, name="Plant")


def send(client, method, path, body=None, **headers):
    return getattr(client, method)(
        f"{API}/{path}", body or {}, content_type="application/json", headers=headers
    )


def bodies(site, **ids):
    return {
        "sites": {"name": "Depot", "timezone": "Europe/Istanbul"},
        "zones": {"site": str(site.id), "name": "Hall", "uid": "hall-1"},
        "gateways": {"site": str(site.id), "uid": "gw-77", "name": "Box"},
        "devices": {"site": str(site.id), "profile": "meters", "uid": "m-1", "name": "Meter"},
    }


@pytest.mark.parametrize("path", PATHS)
def test_a_life_from_the_first_to_the_last_request(owner, red, site, path):
    DeviceProfileFactory(key="meters")

    made = send(owner, "post", path, bodies(site)[path])
    assert made.status_code == 201, made.content
    one = made["Location"].removeprefix(f"{API}/")
    assert send(owner, "get", one).json()["name"] == made.json()["name"]
    listed = [row["id"] for row in owner.get(f"{API}/{path}").json()["results"]]
    assert made.json()["id"] in listed

    tag = owner.get(f"{API}/{one}")["ETag"]
    changed = send(owner, "patch", one, {"name": "Renamed"}, if_match=tag)
    assert (changed.status_code, changed.json()["name"]) == (200, "Renamed")
    assert changed["ETag"] != tag
    late = send(owner, "patch", one, {"name": "Again"}, if_match=tag)
    assert (late.status_code, late.json()["code"]) == (412, "version_moved")
    assert send(owner, "patch", one, {"name": "x"}, if_match="nonsense").status_code == 412
    assert send(owner, "delete", one, if_match=tag).status_code == 412

    assert send(owner, "delete", one).status_code == 204
    assert owner.get(f"{API}/{one}").status_code == 404
    assert send(owner, "patch", one, {"name": "x"}).status_code == 404
    assert send(owner, "delete", one).status_code == 404
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    kind = path.removesuffix("s")
    assert {f"{kind}.changed", f"{kind}.deleted"} <= actions
    assert actions & {f"{kind}.created", f"{kind}.registered"}


@pytest.mark.parametrize("path", PATHS)
def test_deleting_asks_for_sudo_mode(red, site, client_for, path):
    DeviceProfileFactory(key="meters")
    client = client_for(red.owner)
    made = send(client, "post", path, bodies(site)[path])

    answer = send(client, "delete", made["Location"].removeprefix(f"{API}/"))

    assert (answer.status_code, answer.json()["code"]) == (403, "sudo_required")


@pytest.mark.parametrize("path", PATHS)
def test_a_viewer_reads_only(red, site, client_for, path):
    DeviceProfileFactory(key="meters")
    client = client_for(red.viewer)
    with red.scope():
        row = {
            "sites": site, "zones": ZoneFactory(site=site),
            "gateways": GatewayFactory(site=site), "devices": DeviceFactory(site=site),
        }[path]  # fmt: skip

    assert client.get(f"{API}/{path}/{row.pk}").status_code == 200
    for method, where in (("post", path), ("patch", f"{path}/{row.pk}"),
                          ("delete", f"{path}/{row.pk}")):  # fmt: skip
        assert send(client, method, where, {"name": "x"}).status_code == 403


@pytest.mark.parametrize("path", PATHS)
def test_another_organisation_finds_nothing(owner, red, blue, path):
    with blue.scope():
        theirs = SiteFactory(tenant=blue.tenant)
        row = {"sites": theirs, "zones": ZoneFactory(site=theirs),
               "gateways": GatewayFactory(site=theirs),
               "devices": DeviceFactory(site=theirs, gateway=None)}[path]  # fmt: skip
    one = f"{path}/{row.pk}"

    assert owner.get(f"{API}/{one}").status_code == 404
    assert send(owner, "patch", one, {"name": "x"}).status_code == 404
    assert send(owner, "delete", one).status_code == 404
    assert owner.get(f"{API}/{path}").json()["results"] == []
    DeviceProfileFactory(key="meters")
    if path != "sites":
        made = send(owner, "post", path, bodies(theirs)[path])
        assert made.status_code == 400
        assert made.json()["errors"][0]["pointer"] == "#/site"


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("sites", {"name": "x", "timezone": "Mars/Olympus"}, "#/timezone"),
        ("sites", {"name": "x", "timezone": "UTC", "currency": "eur"}, "#/currency"),
        ("sites", {"name": "x", "timezone": "UTC", "tenant": "1"}, "#/tenant"),
        ("zones", {"name": "x", "uid": "a/b"}, "#/uid"),
        ("devices", {"uid": "a+b", "name": "x", "profile": "meters"}, "#/uid"),
        ("devices", {"uid": "a", "name": "x", "profile": "unheard"}, "#/profile"),
        ("devices", {"uid": "a", "name": "x", "profile": "meters",
                     "zone": "00000000-0000-0000-0000-000000000000"}, "#/zone"),
    ],
)  # fmt: skip
def test_names_the_member_that_does_not_fit(owner, site, path, body, pointer):
    DeviceProfileFactory(key="meters")
    body = body if path == "sites" else {"site": str(site.id)} | body

    answer = send(owner, "post", path, body)

    assert answer.status_code == 400, answer.content
    assert [found["pointer"] for found in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("sites", {"name": "Plant", "timezone": "UTC"}, "name_taken"),
        ("zones", {"name": "Hall"}, "name_taken"),
        ("gateways", {"uid": "gw-1", "name": "x"}, "uid_taken"),
        ("gateways", {"uid": "platform", "name": "x"}, "uid_taken"),
        ("gateways", {"uid": "a/b", "name": "x"}, "unusable_identifier"),
        ("devices", {"uid": "m-1", "name": "x", "profile": "meters"}, "uid_taken"),
    ],
)
def test_says_why_it_refuses(owner, red, site, path, body, code):
    profile = DeviceProfileFactory(key="meters")
    with red.scope():
        ZoneFactory(site=site, name="Hall")
        GatewayFactory(site=site, uid="gw-1")
        DeviceFactory(site=site, gateway=None, uid="m-1", profile=profile)
    body = body if path == "sites" else {"site": str(site.id)} | body

    answer = send(owner, "post", path, body)

    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_renaming_to_a_name_that_is_taken(owner, red, site):
    SiteFactory(tenant=red.tenant, name="Depot")

    answer = send(owner, "patch", f"sites/{site.id}", {"name": "Depot"})

    assert answer.json()["code"] == "name_taken"


def test_a_site_in_use_stays(owner, red, site):
    GatewayFactory(site=site)

    answer = send(owner, "delete", f"sites/{site.id}")

    assert (answer.status_code, answer.json()["code"]) == (400, "in_use")


def test_a_device_moves_within_its_site(owner, red, site):
    with red.scope():
        hall, yard = ZoneFactory(site=site), ZoneFactory(site=site)
        far = ZoneFactory(site=SiteFactory(tenant=red.tenant))
        device = DeviceFactory(site=site, gateway=None, zone=hall)
    one = f"devices/{device.id}"

    assert send(owner, "patch", one, {"zone": str(yard.id)}).json()["zone"]["id"] == str(yard.id)
    assert send(owner, "patch", one, {"zone": None}).json()["zone"] is None
    assert send(owner, "patch", one, {"zone": str(far.id)}).json()["code"] == "zone_elsewhere"


def test_nothing_lifts_an_emergency_stop_but_its_release(owner, red, site):
    with red.scope():
        zone, other = ZoneFactory(site=site), ZoneFactory(site=site)
        device = DeviceFactory(site=site, gateway=None, zone=zone)
        stop = EmergencyStop.objects.create(
            scope="zone", target_id=zone.id, target_label="x", pressed_by="x", pressed_at=NOW
        )
    moved = send(owner, "patch", f"devices/{device.id}", {"zone": str(other.id)})
    gone = send(owner, "delete", f"zones/{zone.id}")

    assert moved.json()["code"] == gone.json()["code"] == "emergency_stop"
    with red.scope():
        assert Device.objects.get(id=device.id).zone == zone
        EmergencyStop.objects.filter(id=stop.id).update(released_at=NOW)
    assert send(owner, "delete", f"zones/{zone.id}").status_code == 204
    with red.scope():
        assert Device.objects.get(id=device.id).zone is None


def test_a_gateways_own_device_goes_with_the_gateway(owner, red, site):
    made = send(owner, "post", "gateways", bodies(site)["gateways"]).json()
    with red.scope():
        own = Device.objects.get(gateway_id=made["id"])

    assert send(owner, "delete", f"devices/{own.id}").json()["code"] == "in_use"
    assert send(owner, "delete", f"gateways/{made['id']}").status_code == 204
    with red.scope():
        assert not Device.objects.exists()


def test_a_program_deletes_with_its_key(red, site):
    with red.scope():
        key = create_key(
            name="k", codes=["delete:site"], expires_at=None, created_by=red.owner,
            editor_codes={"delete:site"}, now=dt.datetime.now(dt.UTC),
        )  # fmt: skip
    client = Client(headers={"x-api-key": key.secret.text})

    assert client.delete(f"{API}/sites/{site.id}").status_code == 204


def test_what_does_not_change_leaves_no_trace(owner, red, site):
    tag = owner.get(f"{API}/sites/{site.id}")["ETag"]

    answer = send(owner, "patch", f"sites/{site.id}", {"name": "Plant"})

    assert answer["ETag"] == tag
    assert not AuditEvent.objects.filter(action="site.changed").exists()


def test_a_guest_reads_the_shared_device_and_changes_nothing(red, site, client_for):
    guest = UserFactory()
    with red.scope():
        device = DeviceFactory(site=site, gateway=None)
    make_share(
        DeviceUserPermission, device, user=guest, valid_from=NOW - dt.timedelta(days=900),
        expires_at=NOW + dt.timedelta(days=9000),
    )  # fmt: skip
    client = client_for(guest)
    one = f"devices/{device.id}"

    assert client.get(f"{API}/{one}").status_code == 200
    for method, where in (("patch", one), ("delete", one), ("post", "devices")):
        assert send(client, method, where, {"name": "x"}).status_code == 403
    for where in (f"{one}/events", "sites", "zones", "gateways"):
        assert client.get(f"{API}/{where}").status_code == 403


def test_lists_events(red, site, client_for):
    with red.scope():
        device = DeviceFactory(site=site, gateway=None)
        for minute, severity in enumerate((Severity.INFO, Severity.CRITICAL, Severity.INFO)):
            record_device_event(
                device=device, kind="alert", code=f"C{minute}", severity=severity,
                at=NOW + dt.timedelta(minutes=minute),
            )  # fmt: skip
    url = f"{API}/devices/{device.id}/events"
    client = client_for(red.viewer)

    def codes(query=""):
        return [row["code"] for row in client.get(url + query).json()["results"]]

    assert codes() == ["C2", "C1", "C0"]
    assert codes("?ordering=at&limit=1") == ["C0"]
    assert codes("?severity=critical") == ["C1"]
    assert codes("?kind=other") == []
    assert client.get(f"{url}?nonsense=1").status_code == 400
    assert client.get(f"{API}/devices/{uuid.uuid4()}/events").status_code == 404
    assert client.get(url.replace("events", "nothing")).status_code == 404


def test_a_new_gateway_is_everybodys_only_once(owner, red, blue, site):
    with blue.scope():
        GatewayFactory(tenant=blue.tenant, uid="gw-77")

    answer = send(owner, "post", "gateways", bodies(site)["gateways"])

    assert answer.json()["code"] == "uid_taken"
    with red.scope():
        assert not Gateway.objects.exists()
        assert not Zone.objects.exists()
