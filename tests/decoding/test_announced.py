"""Hardware that tells its name waits on its gateway's page until somebody registers it."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from accounts.tenancy import all_tenants
from devices.models import Device, Gateway
from telemetry import announced
from telemetry.announced import Announced, forget_announced, keep_announced, read_announced
from tests.decoding.test_foreign_worker import ext
from tests.factories import DeviceFactory, DeviceProfileFactory
from tests.ingest.conftest import START, Bench

pytestmark = pytest.mark.django_db(transaction=True)
SHELLY = {"id": "shellyem3-1", "model": "SHEM-3", "mac": "244CAB4354E2", "ip": "10.0.0.7"}


@pytest.fixture
def gateway(bench: Bench):
    with all_tenants():
        found = Gateway.objects.get(id=bench.device.gateway_id)
    forget_announced(found.id)
    yield found
    forget_announced(found.id)


@pytest.fixture
def own(bench: Bench, gateway: Gateway) -> Device:
    """Return the device that stands for the gateway."""
    with bench.team.scope():
        return DeviceFactory(
            tenant=bench.team.tenant, site=bench.device.site, gateway=gateway, uid=gateway.uid
        )


def announce(bench: Bench, document=SHELLY, topic="shellies/announce") -> None:
    bench.send(document, topic=ext(bench, topic))
    bench.drain()


def test_what_a_device_says_is_kept_and_nothing_rejected(bench, gateway):
    announce(bench)
    announce(bench)

    (one,) = read_announced(gateway.id)
    assert (one.uid, one.at) == ("shellyem3-1", START)
    assert one.said == {"id": "shellyem3-1", "model": "SHEM-3", "mac": "244CAB4354E2"}
    assert bench.reasons() == []
    with all_tenants():
        assert not Device.objects.filter(uid="shellyem3-1").exists()


def test_values_of_it_are_still_kept_as_rejected(bench, gateway):
    announce(bench)
    bench.send(b"20.5", topic=ext(bench, "shellies/shellyem3-1/emeter/0/power"))
    bench.drain()

    assert bench.reasons() == ["unknown_device"]


def test_a_gateway_has_at_most_so_many(gateway, monkeypatch):
    monkeypatch.setattr(announced, "MAX_OF_GATEWAY", 2)

    keep_announced([Announced(gateway.id, f"d{n}", {"n": str(n)}, START) for n in range(5)])
    keep_announced([Announced(gateway.id, "d0", {"more": "x"}, START)])

    found = {one.uid: one.said for one in read_announced(gateway.id)}
    assert found == {"d0": {"n": "0", "more": "x"}, "d1": {"n": "1"}}


def test_the_page_of_the_gateway_registers_it(bench, gateway, own, client_for):
    announce(bench, {**SHELLY, "model": "<b>SHEM"})
    with all_tenants():
        profile = DeviceProfileFactory(key="meter-x", name="Meter X")
    client: Client = client_for(bench.team.owner)
    url = f"/devices/{own.id}?part=announced"
    register = f"/gateways/{gateway.id}/announced/register"

    shown = client.get(url).content.decode()
    assert "shellyem3-1" in shown and "&lt;b&gt;SHEM" in shown and register in shown
    body = {"uid": "shellyem3-1", "name": "Main meter", "profile": profile.key}
    answer = client.post(register, body)

    with all_tenants():
        device = Device.objects.get(uid="shellyem3-1")
    assert answer.headers["Location"] == f"/devices/{device.id}"
    assert (device.name, device.gateway_id, device.profile_id) == (
        "Main meter", gateway.id, profile.id,
    )  # fmt: skip
    assert "shellyem3-1" not in client.get(url).content.decode()
    assert client.post(register, body).headers["Location"] == url  # it is registered already


def test_only_what_was_announced_can_be_registered_there(bench, gateway, own, client_for):
    with all_tenants():
        profile = DeviceProfileFactory()
    client = client_for(bench.team.owner)

    client.post(
        f"/gateways/{gateway.id}/announced/register", {"uid": "made-up", "profile": profile.key}
    )

    with all_tenants():
        assert not Device.objects.filter(uid="made-up").exists()


def test_others_neither_see_nor_register(bench, blue, gateway, own, client_for):
    announce(bench)
    register = f"/gateways/{gateway.id}/announced/register"
    viewer = client_for(bench.team.viewer)

    assert "shellyem3-1" not in viewer.get(f"/devices/{own.id}?part=announced").content.decode()
    assert viewer.post(register, {"uid": "shellyem3-1"}).status_code == 403
    assert client_for(blue.owner).post(register, {"uid": "shellyem3-1"}).status_code == 404


def test_a_device_of_its_own_connection_has_no_such_part(bench, client_for):
    page = client_for(bench.team.owner).get(f"/devices/{bench.device.id}").content.decode()

    assert "part=announced" not in page


def test_several_messages_of_a_device_are_one_announcement(bench, gateway):
    for name in ("power", "energy"):
        config = {"name": name, "unit_of_measurement": "W", "state_topic": f"x/{name}"}
        announce(bench, config, f"homeassistant/sensor/plug/{name}/config")

    assert [one.uid for one in read_announced(gateway.id)] == ["plug"]
    assert json.dumps(read_announced(gateway.id)[0].said)
