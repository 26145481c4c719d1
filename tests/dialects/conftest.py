"""A kaiser node and a hydro node behind one gateway, with the real worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from devices.models import Device, DeviceConfiguration, Dialect
from tests.factories import NOW, DeviceFactory, DeviceProfileFactory
from tests.ingest.conftest import Bench, bench  # noqa: F401 (a fixture)


@dataclass
class Nodes:
    """The bench with two more devices of gw-1."""

    bench: Bench
    esp: Device
    node: Device

    def configure(self, *sensors: dict[str, Any], revision: int = 1) -> None:
        """Set the sensors of the kaiser node."""
        with self.bench.team.scope():
            DeviceConfiguration.objects.create(
                tenant=self.bench.team.tenant,
                device=self.esp,
                revision=revision,
                body={"sensors": list(sensors)},
                reason="test",
                created_at=NOW,
            )

    def measure(self, pin: int, /, **document: Any) -> None:
        """Let the kaiser node send and the worker store."""
        self.bench.send(document, topic=f"kaiser/gw-1/esp/{self.esp.uid}/sensor/{pin}/data")
        self.bench.drain()

    def tell(self, channel: str, document: object) -> None:
        """Let the hydro node send and the worker store."""
        self.bench.send(document, topic=f"hydro/gw-1/zone-1/{self.node.uid}/{channel}/telemetry")
        self.bench.drain()


@pytest.fixture
def nodes(bench: Bench) -> Nodes:  # noqa: F811
    """Return both nodes."""
    team = bench.team
    with team.scope():
        place = {"tenant": team.tenant, "site": bench.device.site}
        gateway = bench.device.gateway
        esp = DeviceFactory(
            **place,
            gateway=gateway,
            uid="ESP_12AB34CD",
            profile=DeviceProfileFactory(dialect=Dialect.KAISER),
        )
        node = DeviceFactory(
            **place,
            gateway=gateway,
            uid="nd-ph-1",
            profile=DeviceProfileFactory(dialect=Dialect.HYDRO),
        )
    return Nodes(bench, esp, node)
