"""What one look at a connector showed, whatever protocol its controller speaks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Observation:
    """A look at a connector; None: this look did not show it.

    `at`: when the controller said it, UTC. `state`: 0–8, see charging.states. `pilot`: 0 no
    vehicle, 1 connected, 2 charging, 3 asks for ventilation, 4 error. `fault`: 0 none, 1 phase,
    2 earth. `rfid`: a card that was held to the reader just now. `is_rebooted`: its banner was
    heard since the last look. `is_lock_failed`: the lock did not move. `raw`: what it said, kept
    for people.
    """

    at: dt.datetime
    state: int | None = None
    pilot: int | None = None
    fault: int | None = None
    current_limit_a: float | None = None
    cable_a: float | None = None
    is_locked: bool | None = None
    is_relay_on: bool | None = None
    is_authorised: bool | None = None
    is_lock_failed: bool = False
    is_rebooted: bool = False
    rfid: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)
