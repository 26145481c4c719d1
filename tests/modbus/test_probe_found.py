"""What the probe finds out by itself: types that fit, SunSpec, files of ThingsBoard gateways."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import User
from devices.modbus.types import encode
from devices.models import Channel, Device, ModbusBus
from devices.services.profiles import ensure_profile
from tests.conftest import Team
from tests.factories import SiteFactory
from tests.modbus.makers import make_bus, make_device, make_unit
from tests.modbus.meter_server import floats, meter_server

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture
def device(red: Team) -> Iterator[Device]:
    with red.scope():
        yield make_device(SiteFactory(tenant=red.tenant), name="Main meter")


@pytest.fixture
def browser(client_for: Callable[[User], Client], staff: User) -> Client:
    return client_for(staff)


def press(browser: Client, bus: ModbusBus, **given: Any) -> HttpResponse:
    form = {"unit": 7, "function": 3, "address": 0, "count": 10, **given}
    return browser.post(reverse("admin:devices_modbusbus_probe", args=[bus.pk]), form)


def test_the_type_that_fits_is_found_and_its_map_taken_over(browser, red, device):
    profile = ensure_profile(key="eastron-sdm120")
    rows = profile.register_map["registers"]
    values = {row["address"]: 230.5 if row["metric"] == "voltage_l1" else 50.0 for row in rows}
    registers = floats(values)
    everything = {address: registers.get(address, 0) for address in range(346)}
    ensure_profile(key="janitza-umg")  # begins at another address
    with meter_server(everything) as port:
        unit = make_unit(device, bus=make_bus(device, port=port))
        answer = press(browser, unit.bus, do="fits")
        (fit,) = answer.context["fits"]
        assert (fit.key, round(fit.value, 1)) == ("eastron-sdm120", 230.5)
        assert fit.total == len(rows)

        answer = press(browser, unit.bus, take_profile=fit.key)

    assert answer.status_code == 302
    unit.refresh_from_db()
    assert unit.register_map == profile.register_map


def sunspec_meter() -> dict[int, int]:
    """Return a meter of SunSpec, three phases, at 40000: 230.1 V, 50.02 Hz, 4210 W."""
    words = [0x5375, 0x6E53, 1, 66]
    for text, count in (("Janitza", 16), ("UMG 96", 16), ("", 8), ("1.2", 8), ("S-4711", 16)):
        words += encode(text, "string", words=count)
    words += [0, 0x8000]
    model = [203, 105, *[0x8000] * 105]
    for at, value in {8: 2301, 15: -1, 16: 5002, 17: -2, 18: 4210, 22: 0}.items():
        model[at] = value & 0xFFFF
    return dict(enumerate([*words, *model, 0xFFFF, 0], start=40_000))


def test_a_sunspec_device_tells_what_it_has_and_is_taken_over(browser, red, device):
    with meter_server(sunspec_meter()) as port:
        unit = make_unit(device, bus=make_bus(device, port=port))
        answer = press(browser, unit.bus, do="sunspec")
        found = answer.context["sunspec"]
        assert (found.base, [number for number, _, _ in found.models]) == (40_000, [1, 203])
        assert found.identity["serial"] == "S-4711"
        assert found.kinds == ("meter",)

        answer = press(browser, unit.bus, take_sunspec="meter")
        assert answer.status_code == 302
        shown = press(browser, unit.bus, do="identity").content.decode()

    assert "UMG 96" in shown
    unit.refresh_from_db()
    assert {"power_active_total", "voltage_l1"} <= {
        row["metric"] for row in unit.register_map["registers"]
    }
    with red.scope():
        assert Channel.objects.filter(device=device, name="active_power_net").exists()


def test_what_is_no_sunspec_device_is_told(browser, red, device):
    with meter_server({0: 1}) as port:
        bus = make_bus(device, port=port)
        answer = press(browser, bus, do="sunspec")

    assert "This is no SunSpec device" in answer.context["errors"][0]
    assert press(browser, bus, take_sunspec="toaster").context["errors"]


THINGSBOARD = {
    "master": {
        "slaves": [
            {
                "host": "10.0.0.9", "port": 502, "type": "tcp", "method": "socket", "unitId": 3,
                "deviceName": "Pump room", "pollPeriod": 5000, "byteOrder": "BIG",
                "wordOrder": "LITTLE",
                "timeseries": [
                    {"tag": "power_active_total", "type": "32float", "functionCode": 4,
                     "objectsCount": 2, "address": 12},
                    {"tag": "flow", "type": "16int", "functionCode": 3, "objectsCount": 1,
                     "address": 40, "divider": 10},
                    {"tag": "odd", "type": "24int", "functionCode": 3, "address": 50},
                ],
                "rpc": [{"tag": "setPoint", "type": "16int", "functionCode": 6, "address": 60}],
            }
        ]
    }
}  # fmt: skip


def test_a_thingsboard_file_is_shown_before_it_is_taken_over(browser, red, device):
    unit = make_unit(device)
    text = json.dumps(THINGSBOARD)

    answer = press(browser, unit.bus, do="import", import_text=text)
    shown = answer.content.decode()

    for told in ("Pump room", "10.0.0.9:502", "power_active_total", "CDAB", "24int", "setPoint"):
        assert told in shown
    unit.refresh_from_db()
    assert unit.register_map == {}

    answer = press(browser, unit.bus, take_import="0", import_text=text)
    assert answer.status_code == 302
    unit.refresh_from_db()
    rows = {row["metric"]: row for row in unit.register_map["registers"]}
    assert (rows["power_active_total"]["order"], rows["flow"]["scale"]) == ("CDAB", 0.1)
    assert unit.fast_seconds == 5
    with red.scope():
        made = {c.name for c in Channel.objects.filter(device=device)}
    assert made == {"active_power_net", "flow"}


def test_a_file_can_be_sent_too(browser, red, device):
    unit = make_unit(device)
    file = SimpleUploadedFile("modbus.json", json.dumps(THINGSBOARD).encode())

    answer = press(browser, unit.bus, do="import", import_file=file)

    assert [slave.name for slave in answer.context["slaves"]] == ["Pump room"]
    assert "Pump room" in answer.context["imported"]


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"a": 1}'])
def test_what_is_no_such_file_is_told(browser, red, device, text):
    answer = press(browser, make_unit(device).bus, do="import", import_text=text)

    assert "This is no Modbus file of a ThingsBoard gateway" in answer.context["errors"][0]


@pytest.mark.parametrize("number", ["7", "x", "-1", "99999999999999"])
def test_a_device_that_the_file_has_not_is_not_taken_over(browser, red, device, number):
    unit = make_unit(device)

    answer = press(browser, unit.bus, take_import=number, import_text=json.dumps(THINGSBOARD))

    assert answer.context["errors"] == ["There is no such device in the file."]
