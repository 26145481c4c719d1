"""R1: however many threads ask for the bridge of a line, one port is opened."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from django.db import connection

from accounts.tenancy import tenant_scope
from charging.bridge.bridge import Bridge, open_line
from charging.bridge.lines import LineFacts, NoSuchLine
from charging.bridge.registry import bridge_of, stop_bridge
from devices.wires.serial.link import LinkState
from devices.wires.serial.ports import OpenPort
from tests.serial.conftest import Station
from tests.serial.rig import now, open_files, wait_until

THREADS, TIMES = 32, 200


@pytest.mark.django_db(transaction=True)
def test_32_threads_that_ask_200_times_open_one_port(station: Station) -> None:
    opened: list[str] = []
    found: set[Bridge] = set()
    together = threading.Barrier(THREADS)
    problems: list[BaseException] = []

    def open_counted(line: LineFacts) -> OpenPort:
        opened.append(line.port)
        return open_line(line)

    def ask() -> None:
        try:
            together.wait(60)
            for _ in range(TIMES):
                found.add(bridge_of(station.row.id, clock=now, open_=open_counted))
        except BaseException as error:  # noqa: BLE001  # a thread's errors are nobody's
            problems.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    try:
        assert problems == []
        [bridge] = found
        wait_until(lambda: bridge.link.state == LinkState.ONLINE, "online")
        assert opened == [station.row.port]
        assert bridge.link.opens == 1
        assert open_files(str(Path(station.row.port).resolve())) == 1
    finally:
        stop_bridge(station.row.id)


@pytest.mark.django_db
def test_bug_05_a_bridge_that_was_stopped_may_be_asked_for_again(station: Station) -> None:
    first = bridge_of(station.row.id, clock=now)
    wait_until(lambda: first.link.state == LinkState.ONLINE, "online")
    stop_bridge(station.row.id)
    stop_bridge(station.row.id)  # twice is as once
    second = bridge_of(station.row.id, clock=now)
    assert second is not first
    wait_until(lambda: second.link.state == LinkState.ONLINE, "online")
    stop_bridge(station.row.id)


@pytest.mark.django_db
def test_a_line_that_is_gone_has_no_bridge(station: Station) -> None:
    with tenant_scope(station.red.tenant.id):
        station.row.delete()
        with pytest.raises(NoSuchLine):
            bridge_of(station.device.id, clock=now)
