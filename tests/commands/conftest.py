"""Devices that take commands."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from devices.models import Command, Device, DeviceProfile, Zone
from devices.services.commands import Queued, queue_command
from devices.wires.mqtt import BrokerAddress
from devices.wires.sender import OutboxSender
from tests.conftest import Team
from tests.factories import NOW, DeviceFactory, DeviceProfileFactory
from tools.embedded import Stack

COMMANDS = [
    {
        "name": "pump_on", "effect": "on", "actuator": "pump",
        "params": [{"name": "duration_s", "type": "number", "min": 1, "unit": "s"}],
        "limits": {"max_runtime_s": 120, "min_off_s": 30},
    },
    {"name": "pump_off", "effect": "off", "actuator": "pump"},
    {"name": "heater_on", "effect": "on", "actuator": "heater"},
    {"name": "heater_off", "effect": "off", "actuator": "heater"},
    {
        "name": "set_valve", "effect": "set", "actuator": "valve",
        "params": [{"name": "percent", "type": "number", "unit": "%", "required": True}],
        "limits": {"max_value": 80},
    },
    {
        "name": "dose", "effect": "on", "actuator": "doser",
        "params": [{"name": "ml", "type": "number", "required": True}],
    },
    {
        "name": "relay", "effect": "on", "actuator": "{channel}",
        "params": [{"name": "channel", "type": "string", "required": True}],
    },
    {
        "name": "relay_off", "effect": "off", "actuator": "{channel}",
        "params": [{"name": "channel", "type": "string", "required": True}],
    },
    {"name": "state", "effect": "read"},
    {"name": "restart"},
]  # fmt: skip


@pytest.fixture
def profile(db: None) -> DeviceProfile:
    """A type of device with a pump, a heater, a valve and a doser."""
    return DeviceProfileFactory(commands=COMMANDS)


@pytest.fixture
def device(red: Team, profile: DeviceProfile) -> Device:
    """A direct device of red."""
    return DeviceFactory(tenant=red.tenant, gateway=None, profile=profile, lifecycle="active")


@pytest.fixture
def zone(red: Team, device: Device) -> Zone:
    """The zone of the device."""
    with red.scope():
        found = Zone.objects.create(site=device.site, name="Bench", uid="bench")
        device.zone = found
        device.save()
    return found


@pytest.fixture
def order(red: Team, device: Device) -> Callable[..., Queued]:
    """Return a function that commands as the operator, each time with a new key."""

    def ask(name: str, params: dict[str, Any] | None = None, **options: Any) -> Queued:
        with red.scope():
            return queue_command(
                **{
                    "actor": red.operator, "device": device, "name": name,
                    "params": params or {}, "idempotency_key": uuid.uuid4().hex, "now": NOW,
                    **options,
                }
            )  # fmt: skip

    return ask


def fresh(command: Command) -> Command:
    """Return a command as it is in the database."""
    command.refresh_from_db()
    return command


def after(seconds: float) -> dt.datetime:
    """Return an instant after NOW."""
    return NOW + dt.timedelta(seconds=seconds)


@pytest.fixture
def connections_of() -> Callable[..., list[Any]]:
    """Return a function that calls another in many threads at once, each with a connection."""

    def run(call: Callable[[], Any], times: int) -> list[Any]:
        gate = threading.Barrier(min(times, 8))

        def one(_number: int) -> Any:
            with contextlib.suppress(threading.BrokenBarrierError):
                gate.wait(1)
            try:
                return call()
            finally:
                connection.close()

        with ThreadPoolExecutor(min(times, 8)) as pool:
            return list(pool.map(one, range(times)))

    return run


@dataclass(frozen=True, slots=True)
class Broker:
    """A mosquitto of one's own, to be stopped and frozen."""

    stack: Stack
    address: BrokerAddress

    @property
    def for_devices(self) -> dict[str, Any]:
        """Where a double connects."""
        return {
            "host": self.address.host, "port": self.address.port,
            "username": self.address.username, "password": self.address.password,
        }  # fmt: skip


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Start a broker for the tests of a file."""
    if not settings.HAS_BROKER:
        pytest.skip("MQTT_HOST is not set: these tests need ./run test")
    given = {
        name: os.environ[name]
        for name in ("DATABASE_URL", "REDIS_DURABLE_URL", "REDIS_EPHEMERAL_URL")
    }
    with Stack(tmp_path_factory.mktemp("broker"), external=given) as stack:
        env = stack.env
        yield Broker(
            stack,
            BrokerAddress(
                host=env["MQTT_HOST"], port=int(env["MQTT_PORT"]),
                username=env["MQTT_USERNAME"], password=env["MQTT_PASSWORD"],
            ),
        )  # fmt: skip


@pytest.fixture
def sender(broker: Broker, transactional_db: None) -> Iterator[OutboxSender]:
    """Run a sender against the broker."""
    running = OutboxSender(broker.address, client_id=f"sender-{uuid.uuid4().hex[:8]}")
    running.start()
    try:
        wait_until(lambda: running.is_connected, "a connection")
        time.sleep(0.1)  # it listens by now
        yield running
    finally:
        running.stop()


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.01)
