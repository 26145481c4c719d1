"""The probe: registers of a real server, in all orders, become rows of a map and channels."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent, User
from accounts.tenancy import all_tenants
from devices.modbus.types import Order
from devices.models import Channel, Device, ModbusBus, ModbusUnit
from devices.services import probe
from devices.wires.modbus import questions
from energy.lib import heartbeat
from tests.conftest import Team
from tests.factories import SiteFactory
from tests.modbus.makers import make_bus, make_device, make_unit
from tests.modbus.meter_server import floats, meter_server

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


METER = floats({0: 230.1, 2: 231.2, 4: 229.9, 6: 50.02, 8: 4210.5}, Order.CDAB)


@pytest.fixture
def device(red: Team) -> Iterator[Device]:
    with red.scope():
        yield make_device(SiteFactory(tenant=red.tenant), name="Main meter")


@pytest.fixture
def browser(client_for: Callable[[User], Client], staff: User) -> Client:
    return client_for(staff)


@pytest.fixture
def meter() -> Iterator[int]:
    with meter_server(METER) as port:
        yield port


def page(bus: ModbusBus) -> str:
    return reverse("admin:devices_modbusbus_probe", args=[bus.pk])


def press(browser: Client, bus: ModbusBus, **given: Any) -> HttpResponse:
    form = {"unit": 7, "function": 3, "address": 0, "count": 10, **given}
    return browser.post(page(bus), form)


def after(answer: HttpResponse) -> dict[str, Any]:
    """Return what the page would send the next time."""
    context = answer.context
    sent: dict[str, Any] = {"words": context["words"], "types": list(context["draft"].types)}
    if context["read"]:
        read = context["read"]
        sent |= {f"read_{name}": getattr(read, name) for name in read.__slots__}
    rows = [row.picked for row in context["rows"]]
    for name in (
        "metric",
        "address",
        "function",
        "type",
        "order",
        "scale",
        "unit",
        "rate",
        "words",
    ):
        sent[f"row_{name}"] = [getattr(row, name) for row in rows]
    return sent


def said(answer: HttpResponse) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


@contextmanager
def silent_server() -> Iterator[int]:
    """Accept connections and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_staff_read_a_range_and_see_it_decoded(browser, red, device, meter):
    unit = make_unit(device, bus=make_bus(device, port=meter))

    answer = press(browser, unit.bus, do="read")
    shown = answer.content.decode()

    assert "230.1" in shown
    assert 'value="0:float32:CDAB"' in shown
    assert "<strong>CDAB</strong>" in shown
    assert answer.context["table"].best == Order.CDAB
    with all_tenants():
        event = AuditEvent.objects.filter(action="modbus.probed").get()
    assert (event.tenant_id, event.actor_label) == (red.tenant.id, "staff@example.com")
    assert event.detail == {"what": "range", "unit": 7, "function": 3, "address": 0, "count": 10}


def test_the_next_range_begins_where_this_one_ends(browser, red, device, meter):
    unit = make_unit(device, bus=make_bus(device, port=meter))

    answer = press(browser, unit.bus, do="next", address=0, count=4)
    assert answer.context["read"].address == 4
    answer = press(browser, unit.bus, do="previous", address=4, count=4)
    assert answer.context["read"].address == 0


def test_a_pressed_value_becomes_a_row_of_the_map_and_a_channel(browser, red, device, meter):
    unit = make_unit(device, bus=make_bus(device, port=meter))
    answer = press(browser, unit.bus, do="read")
    for key in ("0:float32:CDAB", "2:float32:CDAB", "6:float32:CDAB", "8:float32:CDAB"):
        answer = press(browser, unit.bus, pick=key, **after(answer))
    names = [row.picked.metric for row in answer.context["rows"]]
    assert names == ["voltage_l1", "voltage_l2", "frequency", ""]
    assert [row.value for row in answer.context["rows"]] == ["230.1", "231.2", "50.02", "4210.5"]

    sent = after(answer)
    sent["row_metric"][3], sent["row_unit"][3] = "power_active_total", "W"
    answer = press(browser, unit.bus, do="save", keep="on", **sent)

    assert answer.status_code == 302
    assert "4 rows were taken over." in said(answer)
    unit.refresh_from_db()
    assert [row["metric"] for row in unit.register_map["registers"]] == [
        "voltage_l1", "voltage_l2", "frequency", "power_active_total",
    ]  # fmt: skip
    with red.scope():
        made = {c.name: c.source_unit for c in Channel.objects.filter(device=device)}
    assert made == {
        "voltage_l1": "V", "voltage_l2": "V", "frequency": "Hz", "active_power_net": "W",
    }  # fmt: skip


def test_a_unit_of_another_size_changes_the_scale(browser, red, device, meter):
    """Readings of power_active_total are taken in W, whatever a document says."""
    unit = make_unit(device, bus=make_bus(device, port=meter))
    answer = press(browser, unit.bus, do="read")
    sent = after(press(browser, unit.bus, pick="8:float32:CDAB", **after(answer)))
    sent |= {"row_metric": ["power_active_total"], "row_unit": ["kW"]}

    answer = press(browser, unit.bus, do="save", **sent)

    assert "power_active_total is taken in W: its scale became 1000." in said(answer)
    unit.refresh_from_db()
    (row,) = unit.register_map["registers"]
    assert (row["scale"], row["unit"]) == (1000, "W")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"row_metric": [""]}, "Address 8 needs the name"),
        ({"row_metric": ["power_active_total"], "row_unit": ["kWh"]}, "measured in W, not in kWh"),
        ({"row_metric": ["odd"], "row_unit": ["parsec"]}, "is no known unit"),
        ({"row_metric": ["odd"], "row_scale": ["much"]}, "scale"),
        ({"row_metric": ["odd"], "row_scale": ["0"]}, "scale: must not be 0"),
    ],
)
def test_what_no_map_can_hold_is_told_and_nothing_is_saved(
    browser, red, device, meter, change, told
):
    unit = make_unit(device, bus=make_bus(device, port=meter))
    answer = press(browser, unit.bus, do="read")
    sent = after(press(browser, unit.bus, pick="8:float32:CDAB", **after(answer)))

    answer = press(browser, unit.bus, do="save", **sent | change)

    assert told in " ".join(answer.context["errors"])
    unit.refresh_from_db()
    assert unit.register_map == {}


def test_rows_are_added_to_the_map_of_the_type_or_stand_alone(browser, red, device, meter):
    unit = make_unit(device, bus=make_bus(device, port=meter))
    device.profile.register_map = {
        "one_based": True, "registers": [{"metric": "current_l1", "address": 100, "type": "int16"}],
    }  # fmt: skip
    device.profile.save()
    sent = after(press(browser, unit.bus, do="read"))
    sent = after(press(browser, unit.bus, pick="0:float32:CDAB", **sent))

    press(browser, unit.bus, do="save", keep="on", **sent)
    unit.refresh_from_db()
    both = {row["metric"]: row["address"] for row in unit.register_map["registers"]}
    press(browser, unit.bus, do="save", **sent)
    unit.refresh_from_db()

    assert both == {"current_l1": 100, "voltage_l1": 1}
    assert [(row["metric"], row["address"]) for row in unit.register_map["registers"]] == [
        ("voltage_l1", 0)
    ]


def test_a_value_can_be_left_out_again(browser, red, device, meter):
    unit = make_unit(device, bus=make_bus(device, port=meter))
    sent = after(press(browser, unit.bus, do="read"))
    sent = after(press(browser, unit.bus, pick="0:float32:CDAB", **sent))
    sent = after(press(browser, unit.bus, pick="6:float32:CDAB", **sent))

    answer = press(browser, unit.bus, remove="0", **sent)

    assert [row.picked.address for row in answer.context["rows"]] == [6]


def test_registers_that_do_not_exist_are_told_in_words(browser, red, device, meter):
    unit = make_unit(device, bus=make_bus(device, port=meter))

    answer = press(browser, unit.bus, do="read", address=500)

    (error,) = answer.context["errors"]
    assert "refuses with exception 2: it has no such registers" in error


def test_a_unit_that_is_silent_is_told_in_words(browser, red, device):
    with silent_server() as port:
        unit = make_unit(device, bus=make_bus(device, port=port, timeout_ms=200))
        answer = press(browser, unit.bus, do="read")

    assert "Unit 7 did not answer" in answer.context["errors"][0]


def test_an_address_where_nobody_listens_is_told(browser, red, device):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    unit = make_unit(device, bus=make_bus(device, port=port))

    answer = press(browser, unit.bus, do="read")

    assert "The bus cannot be reached" in answer.context["errors"][0]


def test_an_address_outside_of_the_networks_is_not_connected_to(
    browser, red, device, meter, settings
):
    """The row may be older than the setting, or the name lead elsewhere by now."""
    settings.WIRE_NETWORKS = ["10.0.0.0/8"]
    unit = make_unit(device, bus=make_bus(device, port=meter))

    answer = press(browser, unit.bus, do="read")

    assert "127.0.0.1 is not in WIRE_NETWORKS" in answer.context["errors"][0]


@pytest.mark.parametrize("wrong", [{"count": 126}, {"count": 0}, {"address": -1},
                                   {"address": 65535, "count": 2}, {"unit": 256},
                                   {"function": 6}])  # fmt: skip
def test_a_range_that_cannot_be_asked_for_is_refused_at_its_field(browser, red, device, wrong):
    bus = make_bus(device)

    answer = press(browser, bus, do="read", **wrong)

    assert answer.context["form"].errors
    with all_tenants():
        assert not AuditEvent.objects.filter(action="modbus.probed").exists()


def test_a_serial_bus_is_read_through_its_poller_only(browser, red, device):
    bus = make_bus(device, kind="rtu", host="", serial_port="/dev/ttyS99")

    answer = press(browser, bus, do="read")

    assert "only it opens the serial port" in answer.context["errors"][0]


def test_a_bus_with_a_living_poller_is_asked_through_it(browser, red, device):
    bus = make_bus(device, kind="rtu", host="", serial_port="/dev/ttyS99", poller="edge")
    heartbeat.beat(questions.PROCESS, "edge", now=time.time())
    seen = []

    async def read(asked: questions.Question) -> list[int]:
        seen.append((asked.bus_id, asked.unit, asked.function, asked.address, asked.count))
        return list(METER.values())

    with living_poller("edge", read):
        answer = press(browser, bus, do="read")

    assert seen == [(bus.id, 7, 3, 0, 10)]
    assert "230.1" in answer.content.decode()


def test_a_bus_that_its_poller_does_not_drive_is_reached_directly_over_tcp(
    browser, red, device, meter
):
    bus = make_bus(device, port=meter, poller="edge")
    heartbeat.beat(questions.PROCESS, "edge", now=time.time())

    async def read(asked: questions.Question) -> list[int]:
        raise questions.UnknownBus

    with living_poller("edge", read):
        answer = press(browser, bus, do="read")

    assert "230.1" in answer.content.decode()


@contextmanager
def living_poller(instance: str, read: questions.Read) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    stopping = asyncio.Event()
    thread = threading.Thread(
        target=loop.run_until_complete,
        args=[questions.answer_questions(poller=instance, read=read, stopping=stopping)],
    )
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(10)
        loop.close()


def test_the_probe_is_for_platform_staff_who_may_change_buses(client_for, red, device, staff):
    bus = make_bus(device)
    looking = User.objects.create(email="looks@example.com", is_staff=True)

    for person in (red.owner, red.viewer, looking):
        assert client_for(person).get(page(bus)).status_code in {302, 403}
        assert press(client_for(person), bus, do="read").status_code in {302, 403}
    with all_tenants():
        assert not AuditEvent.objects.filter(action="modbus.probed").exists()
    assert client_for(staff).get(page(bus)).status_code == 200


def test_who_reads_too_often_waits(browser, red, device, meter, monkeypatch):
    monkeypatch.setattr(probe, "PER_MINUTE", 2)
    unit = make_unit(device, bus=make_bus(device, port=meter))

    answers = [press(browser, unit.bus, do="read", count=2) for _ in range(3)]

    assert [bool(answer.context["errors"]) for answer in answers] == [False, False, True]
    assert "at most 2 readings in a minute" in answers[-1].context["errors"][0]


def test_without_a_device_there_one_can_look_but_not_take_over(browser, red, device, meter):
    bus = make_bus(device, port=meter)
    sent = after(press(browser, bus, do="read"))
    sent = after(press(browser, bus, pick="0:float32:CDAB", **sent))

    shown = press(browser, bus, do="save", **sent)

    assert "Put a device on this bus as unit 7 first." in shown.context["errors"]
    assert f"?tenant={red.tenant.id}&amp;bus={bus.pk}&amp;unit_id=7" in shown.content.decode()


def test_forged_drafts_harm_nobody(browser, red, device):
    bus = make_bus(device)
    wrong = {
        "words": "zz", "read_unit": "x", "types": ["float128"], "row_metric": ["a", "b"],
        "row_address": ["70000", "one"], "row_function": ["3", "9"], "row_type": ["float32"] * 2,
        "row_order": ["ABCD", "ABDC"], "row_scale": ["1", "1"], "row_unit": ["", ""],
        "row_rate": ["", ""], "row_words": ["0", "0"], "pick": "1:float128:ABCD:x",
    }  # fmt: skip

    answer = press(browser, bus, **wrong)

    assert answer.status_code == 200
    assert answer.context["rows"] == []


def test_the_unit_of_the_address_is_proposed(browser, red, device):
    unit = make_unit(device)

    shown = browser.get(f"{page(unit.bus)}?unit=7").content.decode()

    assert "Main meter" in shown
    with all_tenants():
        assert ModbusUnit.objects.get().register_map == {}
