"""F41 and the life of the process: run_serial_bridge, started as it is on a machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from django.db import connection

from devices.command_states import State
from devices.models import PortLease, WireState
from devices.wires.serial.lease import port_key
from tests.faults.proxy import Proxy
from tests.pace import assert_within
from tests.serial.conftest import Station
from tests.serial.rig import wait_until
from tools.paths import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 120.0


@contextmanager
def process(*arguments: str, by: Proxy | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run a bridge on the database of the test; kill it at the end if it still runs."""
    server = os.environ["DATABASE_URL"].rpartition("/")[0]
    if by is not None:
        server = f"{server.rpartition('@')[0]}@127.0.0.1:{by.port}"
    env = os.environ | {"DATABASE_URL": f"{server}/{connection.settings_dict['NAME']}"}
    started = subprocess.Popen(
        [sys.executable, "manage.py", "run_serial_bridge", *arguments], cwd=ROOT, env=env,
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield started
    finally:
        if started.poll() is None:
            started.kill()
        started.communicate()


def wait_online(station: Station) -> None:
    wait_until(
        lambda: station.fresh(station.row).state == WireState.ONLINE, "online", seconds=PATIENCE
    )


def wait_state(station: Station, state: int) -> None:
    wait_until(lambda: station.fresh(station.connector).state == state, f"state {state}", PATIENCE)


def test_f41_the_second_ends_with_75_and_names_the_holder(station: Station) -> None:
    with process("--line", str(station.row.id)) as first:
        wait_online(station)
        with process("--line", station.row.port) as second:
            _, told = second.communicate(timeout=PATIENCE)
        assert second.returncode == 75
        assert f"pid {first.pid} run_serial_bridge" in told
        sentence = [line for line in told.splitlines() if "is in use by" in line]
        assert len(sentence) == 1
        assert first.poll() is None
        assert station.fresh(station.row).state == WireState.ONLINE


def test_a_killed_one_is_followed_at_once_and_charging_goes_on(station: Station) -> None:
    with process("--line", str(station.row.id)) as first:
        wait_online(station)
        station.evse.tell("plug")
        wait_state(station, 3)
        command = station.order("charge_start", expires_in=30)
        wait_until(lambda: station.fresh(command).finished_at, "permitted", PATIENCE)
        assert station.fresh(command).state == State.DONE
        wait_state(station, 5)
        first.kill()
        first.wait()
    before = station.evse.hardware.energy_kwh
    time.sleep(1)
    assert station.evse.hardware.is_relay_on
    assert station.evse.hardware.energy_kwh > before
    opened_at = station.fresh(station.connector).seen_at
    with process("--line", str(station.row.id)):
        wait_until(
            lambda: station.fresh(station.connector).seen_at > opened_at, "heard again", PATIENCE
        )
        assert station.fresh(station.connector).state == 5
        assert PortLease.objects.get(port=port_key(station.row.port)).fence == 2


def test_ends_within_ten_seconds_and_answers_what_is_under_way(station: Station) -> None:
    with process("--line", str(station.row.id)) as bridge:
        wait_online(station)
        station.evse.tell("plug")
        wait_state(station, 3)
        station.evse.tell("block 3000")  # it hears nothing for five minutes
        time.sleep(0.2)
        command = station.order("lock", expires_in=60)
        wait_until(lambda: station.fresh(command).state == State.SENT, "taken", PATIENCE)
        began = time.monotonic()
        bridge.send_signal(signal.SIGTERM)
        assert bridge.wait(60) == 0
        assert_within(time.monotonic() - began, 10.0)
    ended = station.fresh(command)
    assert (ended.state, ended.code) == (State.INVALID, "stopped")
    row = station.fresh(station.row)
    assert (row.state, row.state_code) == (WireState.OFFLINE, "stopped")
    assert PortLease.objects.get(port=port_key(station.row.port)).holder == ""


def test_the_line_is_read_on_while_the_database_hangs_and_after_it_broke(
    station: Station,
) -> None:
    asked: list[float] = []
    receive = station.evse.controller.receive

    def count(data: bytes) -> None:
        asked.extend([time.monotonic()] if data else [])
        receive(data)

    station.evse.controller.receive = count  # type: ignore[method-assign]
    proxy = Proxy(int(connection.settings_dict["PORT"] or 5432))
    try:
        with process("--line", str(station.row.id), by=proxy) as bridge:
            wait_online(station)
            wait_state(station, 1)
            proxy.stall()
            began = time.monotonic()
            station.evse.tell("plug; wait 25; unplug; wait 25; plug")
            time.sleep(8)
            assert len([at for at in asked if at > began]) >= 4
            assert station.fresh(station.connector).state == 1
            proxy.go_on()
            wait_until(
                lambda: station.kinds().count("cable_connected") == 2, "all that was", PATIENCE
            )
            wait_state(station, 3)
            proxy.cut()
            station.evse.tell("unplug")
            wait_state(station, 1)
            assert bridge.poll() is None
            assert station.kinds().count("bridge_connected") == 1
    finally:
        proxy.close()


def test_goes_on_after_the_server_ended_its_connection_while_it_waited(station: Station) -> None:
    with process("--line", str(station.row.id)) as bridge:
        wait_online(station)
        station.evse.tell("plug")
        wait_state(station, 3)
        for words, state in (("unplug", 1), ("plug", 3)):
            wait_until(end_idle_connection, "a connection that waits", PATIENCE)
            station.evse.tell(words)
            wait_state(station, state)
        command = station.order("lock", expires_in=60)
        wait_until(lambda: station.fresh(command).finished_at, "locked", PATIENCE)
        assert station.fresh(command).state == State.DONE
        assert bridge.poll() is None
        assert PortLease.objects.get(port=port_key(station.row.port)).fence == 1


def end_idle_connection() -> bool:
    """End the other connection to the database of the test, when it has just been idle."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle'"
            " AND clock_timestamp() - state_change BETWEEN '30 ms' AND '150 ms'"
        )
        return any(ended for (ended,) in cursor.fetchall())


def test_starts_without_a_controller(station: Station) -> None:
    station.evse.tell("cut 100000")
    with process("--charger", str(station.connector.charge_point_id)) as bridge:
        wait_until(
            lambda: station.fresh(station.row).state == WireState.OFFLINE, "offline", PATIENCE
        )
        assert station.fresh(station.row).state_code == "port_missing"
        assert bridge.poll() is None


def test_says_which_lines_there_are(station: Station) -> None:
    with ExitStack() as running:
        wrong = running.enter_context(process("--line", "/dev/ttyNONE"))
        _, told = wrong.communicate(timeout=PATIENCE)
    assert wrong.returncode == 1
    assert station.row.port in told
