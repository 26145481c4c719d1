"""Staff type in buses, units and lines; what could not work is told with what would."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tenancy import all_tenants
from devices.models import Device, ModbusBus, ModbusUnit, SerialLine
from devices.services import wires
from tests.conftest import Team
from tests.factories import DeviceFactory, SiteFactory
from tests.modbus.makers import make_bus, make_device, make_line, make_unit

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]
BUS = {
    "name": "Cabinet 2", "kind": "tcp", "host": "127.0.0.1", "port": "502", "serial_port": "",
    "baudrate": "9600", "parity": "N", "stop_bits": "1", "timeout_ms": "1000", "retries": "1",
    "poller": "1", "is_enabled": "on",
}  # fmt: skip
UNIT = {"unit_id": "7", "fast_seconds": "1", "slow_seconds": "60", "register_map": "{}",
        "is_enabled": "on"}  # fmt: skip
LINE = {"port": "socket://127.0.0.1:4000", "baudrate": "115200", "protocol": "esp32_v1",
        "is_enabled": "on"}  # fmt: skip


@pytest.fixture
def device(red: Team) -> Iterator[Device]:
    with red.scope():
        yield make_device(SiteFactory(tenant=red.tenant, name="Plant"), name="Main meter")


@pytest.fixture
def browser(client_for: Callable[[User], Client], staff: User) -> Client:
    return client_for(staff)


@pytest.fixture
def pty() -> Iterator[str]:
    """A port that exists, without a name that stays."""
    master, slave = os.openpty()
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def add(browser: Client, model: type[Any], team: Team, form: dict[str, Any]) -> HttpResponse:
    url = reverse(f"admin:devices_{model._meta.model_name}_add")
    return browser.post(f"{url}?tenant={team.tenant.id}", form)


def errors(answer: HttpResponse) -> dict[str, list[str]]:
    assert answer.status_code == 200, "it was saved"
    return dict(answer.context["adminform"].form.errors)


def said(answer: HttpResponse) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def test_a_bus_at_an_address_is_saved(browser, red, device):
    answer = add(browser, ModbusBus, red, BUS | {"site": device.site_id})

    assert answer.status_code == 302
    with all_tenants():
        bus = ModbusBus.objects.get()
    assert (bus.tenant_id, bus.host, bus.port) == (red.tenant.id, "127.0.0.1", 502)


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("", "Write the name or the address"),
        ("http://10.0.0.5", "Write a name or an address only"),
        ("10.0.0.5:502", "Write a name or an address only"),
        ("169.254.169.254", "169.254.169.254 is not in WIRE_NETWORKS"),
        ("8.8.8.8", "Wires may lead only into the networks"),
        ("::1", "::1 is not in WIRE_NETWORKS"),
    ],
)
def test_an_address_that_must_not_be_reached_is_refused(browser, red, device, host, told):
    found = errors(add(browser, ModbusBus, red, BUS | {"site": device.site_id, "host": host}))

    assert list(found) == ["host"]
    assert told in found["host"][0]


def test_a_name_that_leads_to_a_refused_network_is_refused(browser, red, device, settings):
    settings.WIRE_NETWORKS = ["10.0.0.0/8"]

    found = errors(
        add(browser, ModbusBus, red, BUS | {"site": device.site_id, "host": "localhost"})
    )

    assert "not in WIRE_NETWORKS" in found["host"][0]


def test_a_second_bus_at_the_same_address_is_refused_whoever_has_the_first(
    browser, red, blue, device
):
    with blue.scope():
        make_bus(make_device(SiteFactory(tenant=blue.tenant)), name="Theirs", port=502)

    found = errors(add(browser, ModbusBus, red, BUS | {"site": device.site_id}))

    assert "“Theirs” is at this address already" in found["host"][0]


def test_a_port_that_does_not_exist_names_those_that_do(
    browser, red, device, pty, tmp_path, monkeypatch
):
    (tmp_path / "usb-FTDI-if00").symlink_to(pty)
    monkeypatch.setattr(wires, "BY_ID", tmp_path)
    form = BUS | {"site": device.site_id, "kind": "rtu", "host": "", "serial_port": "/dev/ttyXX"}

    found = errors(add(browser, ModbusBus, red, form))

    assert list(found) == ["serial_port"]
    assert "There is no /dev/ttyXX at this machine" in found["serial_port"][0]
    assert str(tmp_path / "usb-FTDI-if00") in found["serial_port"][0]


def test_a_port_of_another_machine_is_not_looked_for(browser, red, device):
    form = BUS | {"site": device.site_id, "kind": "rtu", "serial_port": "/dev/ttyXX"}

    assert add(browser, ModbusBus, red, form | {"is_elsewhere": "on"}).status_code == 302


def test_a_port_is_better_named_by_what_stays(browser, red, device, pty, tmp_path, monkeypatch):
    (tmp_path / "usb-FTDI-if00").symlink_to(pty)
    monkeypatch.setattr(wires, "BY_ID", tmp_path)
    form = BUS | {"site": device.site_id, "kind": "rtu", "serial_port": pty}

    answer = add(browser, ModbusBus, red, form)

    assert answer.status_code == 302
    assert f"Better: {tmp_path / 'usb-FTDI-if00'}" in said(answer)


def test_one_port_has_one_owner_by_whichever_name(browser, red, device, pty, tmp_path, monkeypatch):
    (tmp_path / "usb-FTDI-if00").symlink_to(pty)
    monkeypatch.setattr(wires, "BY_ID", tmp_path)
    make_line(device, port=str(tmp_path / "usb-FTDI-if00"))
    form = BUS | {"site": device.site_id, "kind": "rtu", "serial_port": pty}

    found = errors(add(browser, ModbusBus, red, form))

    assert found == {"serial_port": ["The line of “Main meter” drives this port already."]}


def test_an_unusual_speed_is_refused_with_those_that_are_usual(browser, red, device, pty):
    form = BUS | {"site": device.site_id, "kind": "rtu", "serial_port": pty, "baudrate": "9601"}

    found = errors(add(browser, ModbusBus, red, form))

    assert "9600, 19200" in found["baudrate"][0]


def test_a_file_is_no_port(browser, red, device, tmp_path):
    file = tmp_path / "port"
    file.touch()
    form = BUS | {"site": device.site_id, "kind": "rtu", "serial_port": str(file)}

    assert "is no serial port" in errors(add(browser, ModbusBus, red, form))["serial_port"][0]


def test_an_unchanged_port_stays_although_it_is_unplugged(browser, red, device):
    bus = make_bus(device, kind="rtu", host="", serial_port="/dev/serial/by-id/usb-gone")
    form = BUS | {"site": device.site_id, "kind": "rtu", "serial_port": bus.serial_port}
    url = reverse("admin:devices_modbusbus_change", args=[bus.pk])

    assert browser.post(url, form | {"host": "", "name": "Renamed"}).status_code == 302
    bus.refresh_from_db()
    assert bus.name == "Renamed"


def test_a_taken_unit_number_names_the_device(browser, red, device):
    unit = make_unit(device)
    other = make_device(device.site, name="Second meter")

    found = errors(add(browser, ModbusUnit, red, UNIT | {"device": other.pk, "bus": unit.bus_id}))

    assert found == {"unit_id": ["Unit 7 of this bus is “Main meter” already."]}


@pytest.mark.parametrize(("kind", "number"), [("rtu_tcp", "0"), ("rtu_tcp", "248")])
def test_reserved_numbers_of_a_line_are_refused(browser, red, device, kind, number):
    bus = make_bus(device, kind=kind)

    found = errors(
        add(browser, ModbusUnit, red,
            UNIT | {"device": device.pk, "bus": bus.pk, "unit_id": number})
    )  # fmt: skip

    assert list(found) == ["unit_id"]


@pytest.mark.parametrize("number", ["0", "255"])
def test_a_gateway_over_tcp_may_have_them(browser, red, device, number):
    form = UNIT | {"device": device.pk, "bus": make_bus(device).pk, "unit_id": number}

    answer = add(browser, ModbusUnit, red, form)

    assert answer.status_code == 302
    assert "nothing is read" in said(answer)  # neither it nor its profile has a map


def test_a_device_of_a_gateway_or_of_another_site_is_refused(browser, red, device):
    bus = make_bus(device)
    behind = DeviceFactory(tenant=red.tenant, site=device.site)
    elsewhere = make_device(SiteFactory(tenant=red.tenant, name="Office"))

    behind_told = errors(add(browser, ModbusUnit, red, UNIT | {"device": behind.pk, "bus": bus.pk}))
    elsewhere_told = errors(
        add(browser, ModbusUnit, red, UNIT | {"device": elsewhere.pk, "bus": bus.pk})
    )

    assert "is behind the gateway" in behind_told["device"][0]
    assert "stands at Office, the bus at Plant" in elsewhere_told["device"][0]


@pytest.mark.parametrize(
    ("register_map", "told"),
    [
        ('{"registers": [{"metric": "voltage_l1", "address": 0}]}', "voltage_l1"),
        ('{"registers": [{"metric": "a", "address": 70000, "type": "int16"}]}', "(a), address"),
        ('{"rows": []}', "rows"),
        ("[1]", "register map"),
    ],
)
def test_a_map_that_cannot_be_read_names_the_row(browser, red, device, register_map, told):
    form = UNIT | {"device": device.pk, "bus": make_bus(device).pk, "register_map": register_map}

    found = errors(add(browser, ModbusUnit, red, form))

    assert list(found) == ["register_map"]
    assert told in " ".join(found["register_map"])


def test_a_device_has_one_wire(browser, red, device):
    make_line(device)

    found = errors(
        add(browser, ModbusUnit, red, UNIT | {"device": device.pk, "bus": make_bus(device).pk})
    )

    assert found == {"device": ["This device is on a serial line already."]}


@pytest.mark.parametrize(
    ("port", "told"),
    [
        ("http://127.0.0.1:80", "Write a path, or socket://host:port"),
        ("socket://127.0.0.1", "Write a path, or socket://host:port"),
        ("socket://127.0.0.1:99999", "Write a path, or socket://host:port"),
        ("socket://me@127.0.0.1:4000", "Write only host and port"),
        ("rfc2217://127.0.0.1:4000/x", "Write only host and port"),
        ("socket://169.254.169.254:80", "is not in WIRE_NETWORKS"),
        ("ttyUSB0", "Write the whole path"),
        ("/dev/ttyXX", "There is no /dev/ttyXX"),
    ],
)
def test_a_line_needs_a_port_that_can_be_opened(browser, red, device, port, told):
    found = errors(add(browser, SerialLine, red, LINE | {"device": device.pk, "port": port}))

    assert list(found) == ["port"]
    assert told in found["port"][0]


def test_a_line_over_the_network_is_saved(browser, red, device):
    assert add(browser, SerialLine, red, LINE | {"device": device.pk}).status_code == 302


def test_a_bus_with_units_is_not_deleted(browser, red, device):
    unit = make_unit(device)
    url = reverse("admin:devices_modbusbus_delete", args=[unit.bus_id])
    browser.post(url, {"post": "yes"})

    with all_tenants():
        assert ModbusBus.objects.filter(id=unit.bus_id).exists()


@pytest.mark.parametrize("name", ["modbusbus", "modbusunit", "serialline", "portlease"])
def test_the_lists_are_for_platform_staff(client_for, red, browser, device, name):
    make_unit(device)
    make_line(make_device(device.site))
    url = reverse(f"admin:devices_{name}_changelist")

    assert browser.get(url).status_code == 200
    assert client_for(red.owner).get(url).status_code == 403


def test_names_that_stay_are_found_by_what_they_lead_to(pty, tmp_path, monkeypatch):
    (tmp_path / "usb-FTDI-if00").symlink_to(pty)
    monkeypatch.setattr(wires, "BY_ID", tmp_path)

    assert wires.stable_name(pty) == str(tmp_path / "usb-FTDI-if00")
    assert wires.stable_name(str(tmp_path / "usb-FTDI-if00")) == ""
    assert wires.stable_name("/dev/null") == ""
    assert wires.serial_ports() == [str(Path(tmp_path) / "usb-FTDI-if00")]
