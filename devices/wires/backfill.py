"""Sends the history of the simulated fleet beside its live values."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from devices.simulation.build import SimulatedClient
from devices.simulation.dialects import Row, encode_rows
from devices.simulation.state import Fleet, Gap
from devices.wires.simulated_client import SimulatedConnection

logger = logging.getLogger(__name__)

WINDOW_ROWS = 30
MAX_UNACKNOWLEDGED = 20
PROGRESS_SECONDS = 5.0
# a client that stays away longer does not hold up the history of the others
PATIENCE_SECONDS = 45.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast history is sent: messages per second, over all clients."""

    messages_per_second: float

    def wait(self, stopping: threading.Event) -> None:
        """Wait until the next message may go."""
        if self.messages_per_second:
            stopping.wait(1 / self.messages_per_second)


class Backfill:
    """A thread that works off gaps, oldest window first, and moves their beginning on.

    A window counts as sent when the broker has acknowledged all of it; after a crash it
    is sent again, with the same values.
    """

    def __init__(
        self,
        connections: Mapping[str, SimulatedConnection],
        clients: Sequence[SimulatedClient],
        gaps: Sequence[Gap],
        *,
        pace: Pace,
    ) -> None:
        self._connections = connections
        self._clients = clients
        self._gaps = list(gaps)
        self._pace = pace
        self._away: set[str] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="backfill", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current message."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def open_gaps(self) -> list[Gap]:
        """Return what is still to be sent."""
        with self._lock:
            return [Gap(gap.at, gap.until, gap.counters) for gap in self._gaps]

    def _run(self) -> None:
        while self._gaps and not self._stopping.is_set():
            try:
                self._fill(self._gaps[0])
            except Exception:
                logger.exception("History failed, live values go on")
                return
            if not self._stopping.is_set():
                with self._lock:
                    self._gaps.pop(0)

    def _fill(self, gap: Gap) -> None:
        began, spoken_at = gap.at, time.monotonic()
        fleet = Fleet(self._clients, at=gap.at, counters=gap.counters)
        while fleet.at < gap.until and not self._stopping.is_set():
            rows = _next_window(fleet, until=gap.until)
            for client in self._clients:
                if not self._send(client, rows[client.username]):
                    return
            self._wait_for_acknowledgements(limit=0)
            with self._lock:
                gap.at, gap.counters = fleet.at, fleet.counters()
            if time.monotonic() - spoken_at > PROGRESS_SECONDS or fleet.at >= gap.until:
                spoken_at = time.monotonic()
                share = (fleet.at - began) / (gap.until - began)
                logger.info("History: %.0f %% of %.1f h", 100 * share, (gap.until - began) / 3600)

    def _send(self, client: SimulatedClient, rows: Sequence[Row]) -> bool:
        """Send one client's part of a window; False when asked to stop."""
        connection = self._connections[client.username]
        for topic, payload in encode_rows(client.dialect, client.prefix, rows, history=True):
            self._wait_for_acknowledgements(limit=MAX_UNACKNOWLEDGED)
            if not self._is_present(client.username, connection):
                break
            connection.publish(topic, payload)
            self._pace.wait(self._stopping)
        return not self._stopping.is_set()

    def _is_present(self, username: str, connection: SimulatedConnection) -> bool:
        """Wait for a client to come back; one that was away for long is not waited for again."""
        patience = 0.0 if username in self._away else PATIENCE_SECONDS
        deadline = time.monotonic() + patience
        while not connection.is_connected and not self._stopping.is_set():
            if time.monotonic() >= deadline:
                if username not in self._away:
                    logger.warning("%s is away: its history is left out", username)
                self._away.add(username)
                return False
            self._stopping.wait(_POLL_SECONDS)
        self._away.discard(username)
        return not self._stopping.is_set()

    def _wait_for_acknowledgements(self, *, limit: int) -> None:
        """Live messages count too: history gives way when the broker is slow."""
        while not self._stopping.is_set():
            present = [c for c in self._connections.values() if c.is_connected]
            if sum(connection.unacknowledged() for connection in present) <= limit:
                return
            self._stopping.wait(_POLL_SECONDS)


def _next_window(fleet: Fleet, *, until: float) -> dict[str, list[Row]]:
    """Move the fleet on by up to 30 steps; return the rows of each client."""
    rows: dict[str, list[Row]] = {client.username: [] for client in fleet.clients}
    for _ in range(WINDOW_ROWS):
        if fleet.at >= until:
            break
        for client, device in fleet.pairs():
            is_gateway = device.uid == client.username
            reading = fleet.registers[device.id].reading()
            rows[client.username].append(Row(device.uid, fleet.at, reading, is_gateway))
        fleet.advance(min((fleet.at // fleet.step_seconds + 1) * fleet.step_seconds, until))
    return rows
