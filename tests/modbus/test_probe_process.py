"""The probe on a serial port that the poller's process owns, while it polls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from redis import Redis

from accounts.models import User
from tests.conftest import Team
from tests.modbus.processes import Processes, Wired, readings_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def processes(tmp_path: Path, redis: Redis) -> Iterator[Processes]:
    made = Processes(tmp_path)
    yield made
    made.close()


def test_registers_of_a_serial_port_are_read_between_two_polls(
    processes: Processes, red: Team, staff: User, client_for: Callable[[User], Client],
    tmp_path: Path,
) -> None:  # fmt: skip
    link = tmp_path / "bus"
    processes.simulator("--profile", "eastron-sdm120", "--units", "2", "--pty", str(link))
    processes.wait_until(link.exists, "the port is there")
    wired = Wired(red)
    bus = wired.add_bus(kind="rtu", serial_port=str(link), baudrate=115_200, host="")
    rows = [{"metric": "voltage_l1", "address": 0, "type": "float32", "function": 4, "unit": "V"}]
    meter = wired.add_meter(bus, register_map={"registers": rows})
    processes.poller()
    processes.wait_until(lambda: readings_of(meter), "it is polled")
    browser, page = client_for(staff), reverse("admin:devices_modbusbus_probe", args=[bus.pk])
    form = {"unit": 2, "function": 4, "address": 0, "count": 4, "do": "read"}

    answer = browser.post(page, form)
    assert answer.context["errors"] == []
    cells = answer.context["table"].lines[0].cells
    (volts,) = [cell for cell in cells if cell.type == "float32" and cell.order == "ABCD"]
    assert 80 < float(volts.text) < 300

    refused = browser.post(page, form | {"address": 30_000})
    assert "refuses with exception 2" in refused.context["errors"][0]
    before = len(readings_of(meter))
    processes.wait_until(lambda: len(readings_of(meter)) > before + 3, "polling goes on")
