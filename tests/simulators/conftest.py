"""Boxes in memory: no broker, no platform, a clock that stands still."""

from __future__ import annotations

import pytest

from devices.simulators.faults import Faults
from devices.simulators.hardware import Hardware
from devices.simulators.memory import Memory
from devices.simulators.orders import Orders


class Clock:
    """Seconds that pass when told so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def memory(tmp_path):
    return Memory(tmp_path / "box", model="relay-board", firmware_version="1.4.0")


@pytest.fixture
def stops():
    """What the hardware switched off by itself: (actuator, reason)."""
    return []


@pytest.fixture
def hardware(clock, stops):
    found = Hardware(lambda actuator, reason: stops.append((actuator, reason)), clock=clock)
    found.note_link(is_up=True)
    return found


@pytest.fixture
def orders(memory, hardware):
    return Orders(memory, hardware, Faults())
