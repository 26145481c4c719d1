"""What the simulator must remember: counters, and which history is still to be sent."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from devices.simulation.build import SimulatedClient, SimulatedDevice
from devices.simulation.registers import STEP_SECONDS, Registers

Counters = dict[str, dict[str, float]]

_COARSE_STEP_SECONDS = 900.0
# a fleet with many extra meters has its history every five minutes
_SMALL_FLEET_DEVICES = 100
_LARGE_FLEET_STEP_SECONDS = 300.0


@dataclass(slots=True)
class Gap:
    """History to be sent, [at, until), with the counters at its beginning."""

    at: float
    until: float
    counters: Counters


@dataclass(slots=True)
class SimulationState:
    """Counters by device id at an instant, and the gaps before it."""

    at: float
    counters: Counters
    gaps: list[Gap] = field(default_factory=list)


def read_state(path: Path, *, seed: int) -> SimulationState | None:
    """Return what was saved; None if there is nothing for this seed."""
    if not path.exists():
        return None
    saved = json.loads(path.read_text())
    if saved.get("seed") != seed:
        return None
    gaps = [Gap(**gap) for gap in saved["gaps"]]
    return SimulationState(saved["at"], saved["counters"], gaps)


def write_state(path: Path, state: SimulationState, *, seed: int) -> None:
    """Save the state; a crash leaves either the old or the new file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        json.dump({"seed": seed, **asdict(state)}, file)
    Path(name).replace(path)


class Fleet:
    """The registers of all devices, moved through time together."""

    def __init__(
        self, clients: Sequence[SimulatedClient], *, at: float, counters: Counters | None = None
    ) -> None:
        self.clients = clients
        known = counters or {}
        self.registers = {
            device.id: Registers(device.id, device.model, at=at, counters=known.get(device.id))
            for _, device in self.pairs()
        }
        self.at = at
        is_small = len(self.registers) <= _SMALL_FLEET_DEVICES
        self.step_seconds = STEP_SECONDS if is_small else _LARGE_FLEET_STEP_SECONDS

    def pairs(self) -> Iterator[tuple[SimulatedClient, SimulatedDevice]]:
        """Return every device with the client that speaks for it."""
        return ((client, device) for client in self.clients for device in client.devices)

    def advance(self, t: float, *, step_seconds: float | None = None) -> None:
        """Move every device to `t`."""
        for registers in self.registers.values():
            registers.advance(t, step_seconds=step_seconds or self.step_seconds)
        self.at = max(self.at, t)

    def counters(self) -> Counters:
        """Return a copy of all counters."""
        return {
            id_: dict(registers.counters)
            for id_, registers in self.registers.items()
            if registers.counters
        }


def open_fleet(
    clients: Sequence[SimulatedClient],
    saved: SimulationState | None,
    *,
    now: float,
    history_seconds: float,
) -> tuple[Fleet, list[Gap]]:
    """Return the fleet at `now` and the gaps to fill: since the last stop, at most the history.

    Devices that are new get a first counter value as if in use for years.
    """
    oldest = _on_grid(now - history_seconds)
    start = oldest if saved is None else saved.at
    fleet = Fleet(clients, at=min(start, now), counters=saved.counters if saved else None)
    if fleet.at < oldest:  # counted, but not told: longer ago than the history reaches
        fleet.advance(oldest, step_seconds=_COARSE_STEP_SECONDS)
    gaps = [] if saved is None else [gap for gap in saved.gaps if gap.until > oldest]
    if now - fleet.at > fleet.step_seconds and history_seconds:
        gaps.append(Gap(fleet.at, now, fleet.counters()))
    fleet.advance(now)
    return fleet, gaps


def _on_grid(t: float) -> float:
    return t // STEP_SECONDS * STEP_SECONDS
