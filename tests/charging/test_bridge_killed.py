"""kill -9 of the bridge while a vehicle charges: one session, and no gap in its energy."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from charging.models import Connector
from charging.services.control import start_charging
from charging.services.settling import settle_session
from devices.models import Kind, SerialLine
from devices.simulators.evse import Evse
from tests.charging.places import Place
from tests.conftest import KEY_PREFIX
from tests.factories import ChannelFactory, DeviceFactory
from tests.serial.rig import charger, wait_until
from tests.telemetry.samples import store_samples
from tools.paths import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
SPEED = 5.0
Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def start_bridge(place: Place, tmp_path: Path) -> Iterator[Start]:
    """Start the real program for the line of the place; whatever is left ends with the test."""
    running: list[subprocess.Popen[bytes]] = []
    server = os.environ["DATABASE_URL"].rpartition("/")[0]
    env = os.environ | {
        "DATABASE_URL": f"{server}/{connection.settings_dict['NAME']}",
        "REDIS_KEY_PREFIX": f"{KEY_PREFIX}killed:",
    }

    def start() -> subprocess.Popen[bytes]:
        with place.red.scope():
            line = SerialLine.objects.get()
        with (tmp_path / "bridge.log").open("ab") as log:
            program = subprocess.Popen(
                [sys.executable, "manage.py", "run_serial_bridge", "--line", str(line.id)],
                cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        running.append(program)
        return program

    yield start
    for program in running:
        program.kill()
        program.wait(30)


class Meter:
    """Reads the register in front of a simulated charger, twice a second."""

    def __init__(self, evse: Evse) -> None:
        self.samples: list[tuple[dt.datetime, float]] = []
        self._evse = evse
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Meter:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(10)

    def _read(self) -> None:
        while not self._stop.wait(0.5):
            self.samples.append((timezone.now(), round(self._evse.meter_kwh, 6)))


def test_charging_goes_on_and_the_session_with_it(
    place: Place, start_bridge: Start, tmp_path: Path
) -> None:
    port = tmp_path / "usb-charger-if00"
    meter = ChannelFactory(
        device=DeviceFactory(tenant=place.red.tenant), name="active_energy_import",
        kind=Kind.COUNTER, unit="kWh",
    )  # fmt: skip
    with place.red.scope():
        SerialLine.objects.update(port=str(port))
        Connector.objects.update(energy_channel=meter)

    def wait_for(state: int) -> None:
        wait_until(lambda: place.fresh().state == state, f"state {state}")

    with charger(port, speed=SPEED) as evse, Meter(evse) as reading:
        bridge = start_bridge()
        wait_for(1)
        evse.tell("plug")
        wait_for(3)
        with place.red.scope():
            start_charging(
                actor=place.red.owner, connector=place.fresh(), idempotency_key="a",
                now=timezone.now(),
            )  # fmt: skip
        wait_for(5)
        wait_until(lambda: evse.meter_kwh > 0.02, "energy flows")

        bridge.send_signal(signal.SIGKILL)
        bridge.wait(30)
        at_kill = evse.meter_kwh
        wait_until(lambda: evse.meter_kwh > at_kill + 0.03, "charging goes on without a bridge")
        assert evse.hardware.is_relay_on
        start_bridge()
        wait_until(lambda: "SESSION_RESUMED" in place.kinds(), "the session goes on")
        at_return = evse.meter_kwh
        wait_until(lambda: evse.meter_kwh > at_return + 0.01, "energy flows")
        evse.tell("unplug")
        wait_until(lambda: place.sessions()[-1].ended_at is not None, "the session ends")
        wait_until(lambda: len(reading.samples) > 3, "the meter is read")
        ended_at = place.sessions()[-1].ended_at
        assert ended_at is not None
        wait_until(lambda: reading.samples[-1][0] > ended_at, "the meter is read after the end")
        read_at = reading.samples[-1][0]
        wait_until(lambda: (place.fresh().seen_at or ended_at) >= read_at, "somebody looks again")
    store_samples(meter, reading.samples)
    [session] = place.sessions()
    with place.red.scope():
        settle_session(session_id=session.id, now=timezone.now())

    [session] = place.sessions()
    assert (session.state, session.is_estimated) == ("ended", False)
    assert session.settled_at is not None
    whole = Decimal(str(reading.samples[-1][1])) - Decimal(str(reading.samples[0][1]))
    assert session.energy_kwh == whole
    assert session.energy_kwh > Decimal(str(at_return))
    kinds = place.kinds()
    assert kinds.count("CHARGE_STARTED") == 1
    assert kinds.index("SESSION_RESUMED") > kinds.index("CHARGE_STARTED")
