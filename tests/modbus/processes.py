"""The poller and simulated meters as processes, against the database and the Redis of a test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from django.db import connection

from devices.models import Device, DeviceProfile, ModbusBus, ModbusUnit, Site
from energy.lib.redis import durable, key
from telemetry.ingest.buffer import FIELD, PARTITION
from telemetry.ingest.envelope import unpack
from tests.conftest import Team
from tests.factories import DeviceFactory, DeviceProfileFactory, SiteFactory
from tests.modbus.polling import MAP
from tools.paths import ROOT

PATIENCE_SECONDS = 120.0
COMMANDS = [
    {
        "name": "set_limit", "effect": "set", "actuator": "limit",
        "params": [{"name": "percent", "type": "number", "unit": "%", "required": True}],
    },
]  # fmt: skip


class Processes:
    """Starts pollers and simulators, and ends them."""

    def __init__(self, folder: Path) -> None:
        self._running: list[subprocess.Popen[Any]] = []
        self.log = folder / "pollers.log"
        server = os.environ["DATABASE_URL"].rpartition("/")[0]
        url = f"{server}/{connection.settings_dict['NAME']}"
        self._env = {**os.environ, "DATABASE_URL": url, "LOG_LEVEL": "INFO"}

    def poller(self, instance: str = "1") -> subprocess.Popen[Any]:
        """Start a poller."""
        argv = [sys.executable, "manage.py", "run_modbus_poller", "--instance", instance]
        with self.log.open("ab") as log:
            started = subprocess.Popen(
                argv, cwd=ROOT, env=self._env, stdout=log, stderr=subprocess.STDOUT
            )
        self._running.append(started)
        return started

    def simulator(self, *options: str) -> tuple[subprocess.Popen[Any], list[int]]:
        """Start meters; return the process and its ports."""
        argv = [sys.executable, "-m", "devices.simulators", "modbus", *options]
        started = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self._running.append(started)
        assert started.stdout is not None
        word, *found = started.stdout.readline().split()
        return started, [int(port) for port in found] if word == "ports" else []

    def wait_until(self, condition: Callable[[], Any], what: str = "it") -> Any:
        """Wait for a condition; return what it returned."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := condition()):
            told = self.log.read_text()[-3000:] if self.log.exists() else ""
            assert time.monotonic() < deadline, f"{what} did not happen:\n{told}"
            time.sleep(0.05)
        return found

    def close(self) -> None:
        """End all of them."""
        for one in self._running:
            if one.poll() is None:
                one.send_signal(signal.SIGCONT)
                one.kill()
                one.wait()


class Wired:
    """Buses and meters of red in the database."""

    def __init__(self, team: Team) -> None:
        self._team = team
        self.profile: DeviceProfile = DeviceProfileFactory(register_map=MAP, commands=COMMANDS)
        self.site: Site = SiteFactory(tenant=team.tenant)

    def add_bus(self, **values: Any) -> ModbusBus:
        """Make a bus on this machine."""
        given = {
            "name": f"Bus {uuid.uuid4().hex[:6]}", "host": "127.0.0.1", "timeout_ms": 300,
            "retries": 1,
        }  # fmt: skip
        with self._team.scope():
            return ModbusBus.objects.create(site=self.site, **(given | values))

    def add_meter(self, bus: ModbusBus, unit_id: int = 1, **values: Any) -> Device:
        """Put a meter of the type on a bus, read five times a second."""
        device = DeviceFactory(
            tenant=self._team.tenant, site=self.site, gateway=None, profile=self.profile,
            lifecycle="active",
        )  # fmt: skip
        given = {"fast_seconds": 0.2, "slow_seconds": 0.2}
        with self._team.scope():
            ModbusUnit.objects.create(
                device=device, bus=bus, unit_id=unit_id, **(given | values)
            )  # fmt: skip
        return device

    def state_of(self, thing: ModbusBus | Device) -> str:
        """Return what the poller noted."""
        with self._team.scope():
            if isinstance(thing, ModbusBus):
                return ModbusBus.objects.get(id=thing.id).state
            return ModbusUnit.objects.get(device=thing).state


def readings_of(device: Device) -> list[dict[str, Any]]:
    """Return the messages of a device in the stream, in order."""
    entries: Any = durable().xrange(key(PARTITION))
    return [
        msgspec.json.decode(envelope.payload)
        for _id, fields in entries
        for envelope in unpack(fields[FIELD])
        if envelope.topic.endswith(str(device.id)) and envelope.transport == "modbus"
    ]
