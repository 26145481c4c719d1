"""A charge point of red whose controller is simulated."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from charging.bridge.bridge import Bridge
from charging.bridge.lines import LineFacts, load_line
from charging.models import ChargingEvent, Connector
from devices.models import Command, Device, SerialLine
from devices.services import outbox
from devices.services.commands import queue_command
from devices.services.profiles import ensure_profile
from devices.simulators.evse import Evse
from tests.conftest import Team
from tests.factories import ChargePointFactory, ConnectorFactory, DeviceFactory, SiteFactory
from tests.serial.rig import PATIENCE, charger, now, wait_until


@dataclass
class Station:
    """A charge point with its line; `bridge` only where a test starts one in its process."""

    red: Team
    device: Device
    connector: Connector
    row: SerialLine
    evse: Evse
    bridge: Bridge | None = None

    @property
    def line(self) -> LineFacts:
        """The line as bridges know it."""
        found = load_line(self.row.id)
        assert found is not None
        return found

    def order(self, name: str, *, expires_in: float = 5, **params: Any) -> Command:
        """Order something as the operator."""
        with self.red.scope():
            return queue_command(
                actor=self.red.operator, device=self.device, name=name, params=params,
                idempotency_key=uuid.uuid4().hex, now=outbox.database_now(),
                expires_in=expires_in,
            ).command  # fmt: skip

    def fresh(self, row: Any) -> Any:
        """Return a row as it is now."""
        with self.red.scope():
            return type(row).objects.get(id=row.id)

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> float:
        """Do rounds of the bridge until something is so."""

        def step() -> Any:
            if self.bridge is not None:
                self.bridge.run_round(is_told=True)
            return condition()

        return wait_until(step, what, seconds)

    def wait_for_state(self, state: int) -> None:
        """Wait until the database knows a state of the connector."""
        self.wait(lambda: self.fresh(self.connector).state == state, f"state {state}")

    def finish(self, command: Command) -> Command:
        """Wait until a command has ended."""
        self.wait(lambda: self.fresh(command).finished_at is not None, f"end of {command.name}")
        found: Command = self.fresh(command)
        return found

    def kinds(self) -> list[str]:
        """Return the events of the connector."""
        with self.red.scope():
            rows = ChargingEvent.objects.filter(connector=self.connector).order_by("order")
            return [kind.lower() for kind in rows.values_list("kind", flat=True)]


@pytest.fixture
def station(red: Team, tmp_path: Path) -> Iterator[Station]:
    """A charge point whose simulated controller is on a pseudo terminal, ten times as fast."""
    port = tmp_path / "usb-charger-if00"
    with charger(port) as evse:
        yield make_station(red, port, evse)


def make_station(red: Team, port: Path, evse: Evse) -> Station:
    """Save a charge point, its connector and its line."""
    site = SiteFactory(tenant=red.tenant)
    profile = ensure_profile(key="esp32-charger")
    device = DeviceFactory(
        site=site, tenant=red.tenant, gateway=None, profile=profile, lifecycle="active"
    )
    connector = ConnectorFactory(charge_point=ChargePointFactory(device=device, site=site))
    with red.scope():
        row = SerialLine.objects.create(device=device, port=str(port))
    return Station(red, device, connector, row, evse)


@pytest.fixture
def bridged(station: Station) -> Iterator[Station]:
    """The station with a bridge in this process, whose rounds the test does."""
    station.bridge = Bridge(station.line, clock=now)
    station.bridge.start()
    yield station
    station.bridge.stop()
