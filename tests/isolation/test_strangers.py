"""A stranger's device does not exist, in every form of asking (see also test_matrix)."""

from __future__ import annotations

import uuid

import pytest

from tests.factories import DeviceFactory

pytestmark = pytest.mark.django_db

WITH_DEVICE = {
    "devices/<uuid:device_id>",
    "api/v1/devices/<uuid:device_id>",
    "api/v1/devices/<uuid:device_id>/latest",
}


@pytest.fixture
def device(red):
    """A device of the red tenant with a name that may appear nowhere else."""
    with red.scope():
        return DeviceFactory(tenant=red.tenant, name="canary-7f3a", uid="canary-7f3a")


@pytest.mark.parametrize("route", sorted(WITH_DEVICE))
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_another_tenants_device_does_not_exist(route, method, device, blue, client_for):
    url = "/" + route.replace("<uuid:device_id>", str(device.id))
    unknown = "/" + route.replace("<uuid:device_id>", str(uuid.uuid4()))

    for member in (blue.owner, blue.operator, blue.viewer):
        client = client_for(member)
        answer = getattr(client, method)(url)
        nothing = getattr(client, method)(unknown)

        # an operator's unsafe method is refused as such, the same for every id
        assert answer.status_code == nothing.status_code
        assert answer.status_code in ({404} if method == "get" else {403, 404, 405})
        assert b"canary-7f3a" not in answer.content


@pytest.mark.parametrize("route", sorted(WITH_DEVICE))
def test_its_own_members_see_it(route, device, red, client_for):
    url = "/" + route.replace("<uuid:device_id>", str(device.id))

    for member in (red.owner, red.operator, red.viewer):
        assert client_for(member).get(url).status_code == 200


@pytest.mark.parametrize("route", sorted(WITH_DEVICE | {"", "api/v1/devices"}))
def test_nobody_without_a_sign_in_or_a_tenant_sees_anything(
    route, device, client, stranger, client_for
):
    url = "/" + route.replace("<uuid:device_id>", str(device.id))

    anonymous = client.get(url)
    outsider = client_for(stranger).get(url)

    assert anonymous.status_code == (401 if route.startswith("api/") else 302)
    assert b"canary-7f3a" not in anonymous.content
    assert b"canary-7f3a" not in outsider.content
    assert outsider.status_code in {200, 302, 403, 404}
    assert outsider.status_code != 200 or route == ""


def test_lists_and_questions_hold_only_ones_own(device, blue, client_for):
    client = client_for(blue.viewer)

    listed = client.get("/api/v1/devices")
    asked = client.get(f"/api/v1/telemetry/query?device={device.id}&metric=x&from=now-1h&to=now")
    searched = client.get("/api/v1/devices?q=canary")

    assert listed.json()["results"] == []
    assert searched.json()["results"] == []
    assert asked.status_code == 404
    assert b"canary-7f3a" not in client.get("/").content + asked.content


def test_a_forged_tenant_in_the_session_gives_nothing(device, blue, client_for):
    client = client_for(blue.viewer)
    session = client.session
    session["acting_tenant"] = str(device.tenant_id)
    session.save()

    assert client.get(f"/api/v1/devices/{device.id}").status_code == 404


def test_a_removed_member_and_an_inactive_tenant_are_out_at_once(device, red, client_for):
    client = client_for(red.viewer)
    url = f"/api/v1/devices/{device.id}"
    assert client.get(url).status_code == 200

    red.viewer.memberships.all().delete()

    assert client.get(url).status_code in {403, 404}
    owner = client_for(red.owner)
    red.tenant.is_active = False
    red.tenant.save()
    assert owner.get(url).status_code in {403, 404}
