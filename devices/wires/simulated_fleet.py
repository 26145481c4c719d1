"""The whole simulated fleet: connections, ticks, history, memory."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devices.simulation.build import SimulatedClient, build_clients
from devices.simulation.dialects import Row, encode_rows
from devices.simulation.state import SimulationState, open_fleet, read_state, write_state
from devices.wires.backfill import Backfill, Pace
from devices.wires.publisher import BrokerEndpoint
from devices.wires.simulated_client import SimulatedConnection

logger = logging.getLogger(__name__)

SAVE_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """How the fleet is played."""

    endpoint: BrokerEndpoint
    state_file: Path
    interval_seconds: float = 5.0
    history_seconds: float = 86_400.0
    history_rate: float = 60.0
    seed: int = 1


class SimulatedFleet:
    """Publishes every due device at each tick; ticks lie on multiples of the interval."""

    def __init__(self, demo: Mapping[str, Any], options: FleetOptions, *, now: float) -> None:
        self._options = options
        self._clients = build_clients(demo, seed=options.seed)
        saved = read_state(options.state_file, seed=options.seed)
        self._fleet, gaps = open_fleet(
            self._clients, saved, now=now, history_seconds=options.history_seconds
        )
        self._connections = {
            client.username: SimulatedConnection(client, _endpoint_of(client, options, demo))
            for client in self._clients
        }
        self._tick = int(now // options.interval_seconds) - 1  # the first values go at once
        self._saved_at = now
        self._backfill = Backfill(
            self._connections, self._clients, gaps, pace=Pace(options.history_rate)
        )
        self._backfill.start()
        logger.info(
            "%d clients with %d devices", len(self._clients), len(list(self._fleet.pairs()))
        )

    def tick(self, *, now: float) -> float:
        """Publish when a tick has come; return how many seconds to wait at most.

        Ticks that were missed are left out: the counters go on all the same.
        """
        interval = self._options.interval_seconds
        current = int(now // interval)
        if current != self._tick:
            self._tick = current
            self._fleet.advance(current * interval)
            for client in self._clients:
                self._publish(client, current)
            if now - self._saved_at >= SAVE_SECONDS:
                self._save(now)
        return min(max((current + 1) * interval - now, 0.01), LONGEST_WAIT_SECONDS)

    def is_connected(self) -> bool:
        """Tell whether every client is connected."""
        return all(connection.is_connected for connection in self._connections.values())

    def close(self, *, deadline: float) -> None:
        """Stop history, remember, say offline. Waits for the broker until `deadline`."""
        self._backfill.stop()
        write_state(self._options.state_file, self._state(), seed=self._options.seed)
        for connection in self._connections.values():
            connection.close(deadline=deadline)

    def _publish(self, client: SimulatedClient, tick: int) -> None:
        rows = [
            Row(
                device.uid,
                self._fleet.at,
                self._fleet.registers[device.id].reading(),
                is_gateway=device.uid == client.username,
            )
            for device in client.devices
            if tick % device.every == 0
        ]
        connection = self._connections[client.username]
        for topic, payload in encode_rows(client.dialect, client.prefix, rows):
            connection.publish(topic, payload)

    def _save(self, now: float) -> None:
        self._saved_at = now
        write_state(self._options.state_file, self._state(), seed=self._options.seed)
        dropped = {name: c.dropped for name, c in self._connections.items() if c.dropped}
        if dropped:
            logger.warning("Queues were full, left out so far: %s", dropped)

    def _state(self) -> SimulationState:
        return SimulationState(self._fleet.at, self._fleet.counters(), self._backfill.open_gaps())


def _endpoint_of(
    client: SimulatedClient, options: FleetOptions, demo: Mapping[str, Any]
) -> BrokerEndpoint:
    """Direct devices of the demo have passwords only, so they use the local listener."""
    if client.cert_file or not options.endpoint.ca_file:
        return options.endpoint
    return BrokerEndpoint(demo["mqtt"]["host"], demo["mqtt"]["port"])
