"""What a conversation with a controller yields, whatever version it speaks."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

CHARGE_START = "charge_start"
CHARGE_STOP = "charge_stop"
SET_CURRENT_LIMIT = "set_current_limit"
LOCK = "lock"
UNLOCK = "unlock"
READ_STATUS = "read_status"
COMMANDS = frozenset({CHARGE_START, CHARGE_STOP, SET_CURRENT_LIMIT, LOCK, UNLOCK, READ_STATUS})
# what somebody stands there for; late, it is somebody else who stands there
NEVER_LATE = frozenset({CHARGE_START, UNLOCK})

IDLE, CABLE_DETECT, EV_CONNECTED, READY = 1, 2, 3, 4
CHARGING, PAUSED, STOPPED, FAULT_HARD, HARDFAULT_END = 5, 6, 7, 8, 0
STATES = range(9)
PERMITTED = frozenset({READY, CHARGING, PAUSED})
LOWEST_AMPS, HIGHEST_AMPS = 6, 32


@dataclass(frozen=True, slots=True)
class Look:
    """What a controller said of itself; None: it does not say, or what it says is not so.

    Numbers as in `charging.observation.Observation`. `raw`: its own words and numbers.
    """

    state: int
    pilot: int | None = None
    fault: int | None = None
    current_limit_a: float | None = None
    cable_a: float | None = None
    is_locked: bool | None = None
    is_relay_on: bool | None = None
    is_authorised: bool | None = None
    pilot_pwm: float | None = None  # %
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False)


class NoteKind(StrEnum):
    """What else a controller tells."""

    REBOOTED = "rebooted"
    FIRMWARE = "firmware"  # text: its version
    CARD = "card"  # text: the identifier
    LOCK_FAILED = "lock_failed"
    TOLD = "told"  # text: for people


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was said beside the state."""

    kind: NoteKind
    text: str = ""


class Verdict(StrEnum):
    """What became of an order."""

    DONE = "done"
    UNCHANGED = "unchanged"  # it was so already
    REFUSED = "refused"  # nothing was written
    REJECTED = "rejected"  # the controller said no
    NO_ANSWER = "no_answer"  # written; looked again, and it is not so


@dataclass(frozen=True, slots=True)
class Ask:
    """An order; it is not written after `deadline`. `amps`: of a limit only."""

    key: uuid.UUID
    name: str
    deadline: float
    amps: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an order; `code` is a word for programs, `detail` is for people."""

    key: uuid.UUID
    verdict: Verdict
    code: str = ""
    detail: str = ""


Heard = Look | Note | Result
