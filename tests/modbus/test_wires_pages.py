"""What a tenant's people see of the wire of a device: on its page and in the API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.urls import reverse

from devices.models import Device, WireState
from tests.conftest import Team
from tests.factories import NOW, SiteFactory
from tests.modbus.makers import make_device, make_line, make_unit

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture
def device(red: Team) -> Iterator[Device]:
    with red.scope():
        yield make_device(SiteFactory(tenant=red.tenant), name="Main meter")


def page(device: Device) -> str:
    return reverse("device", args=[device.pk]) + "?part=wire"


def api(device: Device) -> str:
    return reverse("api-device-wire", args=[device.pk])


def test_a_viewer_sees_how_a_unit_was_last_seen(client_for, red, device):
    make_unit(
        device,
        state=WireState.FAILING, state_code="no_answer", state_detail="No answer for 40 s.",
        state_at=NOW, identity={"serial": "12345678"}, fast_seconds=0.5,
    )  # fmt: skip

    shown = client_for(red.viewer).get(page(device)).content.decode()

    for text in ("Failing", "No answer for 40 s.", "no_answer", "Cabinet 2", "12345678", "0.5 s"):
        assert text in shown
    assert "127.0.0.1" not in shown


def test_the_api_tells_the_same(client_for, red, device):
    make_unit(device, state=WireState.ONLINE, state_at=NOW, fast_seconds=0.5)

    answer = client_for(red.viewer).get(api(device)).json()

    assert answer == {
        "kind": "modbus", "bus": "Cabinet 2", "unit": 7, "protocol": "tcp", "is_enabled": True,
        "state": "online", "state_code": "", "state_detail": "",
        "state_at": "2026-11-20T12:00:00Z", "bus_state": "unknown", "fast_seconds": 0.5,
        "slow_seconds": 60.0, "firmware": "", "identity": {},
    }  # fmt: skip


def test_a_serial_line_is_a_wire_too(client_for, red, device):
    make_line(
        device, state=WireState.STALE, firmware="1.4.2", state_code="port_held",
        state_detail="127.0.0.1 is held by run_serial_bridge (host 4711)",
    )  # fmt: skip

    shown = client_for(red.viewer).get(page(device)).content.decode()
    answer = client_for(red.viewer).get(api(device)).json()

    assert "Silent" in shown
    assert "ESP32 charger, version 1" in shown
    assert "1.4.2" in shown
    assert (answer["kind"], answer["protocol"], answer["unit"]) == ("serial", "esp32_v1", None)
    assert "port_held" in shown
    for secret in ("127.0.0.1", "4711"):
        assert secret not in shown + str(answer)


def test_a_bus_that_is_switched_off_is_told(client_for, red, device):
    unit = make_unit(device, state=WireState.ONLINE)
    unit.bus.is_enabled = False
    unit.bus.save()

    assert "Switched off" in client_for(red.viewer).get(page(device)).content.decode()
    assert client_for(red.viewer).get(api(device)).json()["is_enabled"] is False


def test_a_device_without_wire_has_no_such_part(client_for, red, device):
    shown = client_for(red.viewer).get(reverse("device", args=[device.pk])).content.decode()

    assert "part=wire" not in shown
    assert client_for(red.viewer).get(api(device)).status_code == 404


def test_another_tenants_wire_does_not_exist(client_for, red, blue, device):
    make_unit(device)

    assert client_for(blue.owner).get(page(device)).status_code == 404
    assert client_for(blue.owner).get(api(device)).status_code == 404


def test_it_says_it_in_turkish(client_for, red, device):
    make_unit(device, state=WireState.OFFLINE)
    client = client_for(red.viewer)
    client.cookies["django_language"] = "tr"

    assert "Bağlantı kesik" in client.get(page(device)).content.decode()
