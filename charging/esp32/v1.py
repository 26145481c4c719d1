"""Version 1 on the wire: five bytes to the controller, `<…>` and free text from it.

No checksum protects either direction, so a frame counts only when every field of it is there,
in order and in range.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from charging.esp32.facts import (
    FAULT_HARD,
    HIGHEST_AMPS,
    LOWEST_AMPS,
    PAUSED,
    PERMITTED,
    STATES,
    STOPPED,
    Look,
    Note,
    NoteKind,
)

_HEADER, _COMMA, _FOOTER = 0x41, 0x2C, 0x10


def _command(number: int, value: int) -> bytes:
    return bytes((_HEADER, number, _COMMA, value, _FOOTER))


READSTAT = _command(0, 0)
AUTH = _command(1, 1)  # its contrary, value 0, puts the controller into PAUSED from any state
LOCK = _command(3, 1)
UNLOCK = _command(3, 0)
STOP = _command(4, STOPPED)  # this command forces any state; no other is ever sent


def set_max_amp(amps: int) -> bytes:
    """Return the command for a limit; 16 A ends in 10 10, so its length is its only end.

    Raises: ValueError: not 6 to 32 A.
    """
    if not LOWEST_AMPS <= amps <= HIGHEST_AMPS:
        raise ValueError(f"{amps} A is not between {LOWEST_AMPS} and {HIGHEST_AMPS} A.")
    return _command(2, amps)


@dataclass(frozen=True, slots=True)
class Ack:
    """The answer to a command; `status` is OK, ERR, CLEARED …"""

    command: str
    status: str


# every field of a state, in order, with its range
_FIELDS: dict[str, tuple[int, int]] = {
    "CP": (0, 3), "CPV": (0, 4095), "PP": (0, 1), "PPV": (0, 4400), "RL": (0, 1),
    "LOCK": (0, 1), "MOTOR": (0, 1), "PWM": (0, 255), "MAX": (0, 80), "CABLE": (0, 63),
    "AUTH": (0, 1), "STATE": (STATES.start, STATES.stop - 1), "PB": (0, 2), "STOP": (0, 1),
}  # fmt: skip
_STAT = re.compile(
    r"<STAT;(?:ID=\d{1,5};)?" + "".join(rf"{name}=(\d{{1,4}});" for name in _FIELDS) + ">"
)
_ACK = re.compile(r"<ACK;CMD=([A-Z]{1,16});STATUS=([A-Z ]{1,16});>")
_TOLD = re.compile(
    r"<(?:(?:INFO|WARN|ERR);[A-Z0-9_=;, .a-z]{0,120}|(?:CARDADDED|CARDEXISTS|NOCARDSPACE)=1;)>"
)
_BANNER = re.compile(r"CSRPI Charging Station v(\d[\w.]{0,30})")
_BOOT = re.compile(r"^(?:ets [A-Z]|rst:0x[0-9a-f]|Kart \d{1,2} Valid=)")


def read(piece: bytes) -> Look | Ack | Note | None:
    """Read a frame or a line of text; None for what says nothing, or is damaged."""
    try:
        text = piece.decode("ascii")
    except UnicodeDecodeError:
        return None
    if not text.startswith("<"):
        return _read_text(text)
    if found := _STAT.fullmatch(text):
        return _look(dict(zip(_FIELDS, map(int, found.groups()), strict=True)))
    if found := _ACK.fullmatch(text):
        return Ack(found[1], found[2])
    return Note(NoteKind.TOLD, text[1:-1].rstrip(";")) if _TOLD.fullmatch(text) else None


def _read_text(text: str) -> Note | None:
    if banner := _BANNER.search(text):
        return Note(NoteKind.FIRMWARE, banner[1])
    return Note(NoteKind.REBOOTED, text[:80]) if _BOOT.search(text) else None


def _look(said: dict[str, int]) -> Look | None:
    if any(not low <= said[name] <= high for name, (low, high) in _FIELDS.items()):
        return None
    state = said["STATE"]
    # These flags are notes of the firmware to itself. In PAUSED the contactor is open and RL
    # still 1. LOCK means "the pulse was given", in STOPPED and in a fault that of unlocking.
    # AUTH outlives a fault that took the permission away, and a card does not set it.
    relay = None if state == PAUSED else bool(said["RL"])
    locked = None if state in {PAUSED, STOPPED, FAULT_HARD} else bool(said["LOCK"])
    return Look(
        state=state,
        pilot=said["CP"],
        fault=said["PB"],
        current_limit_a=float(said["MAX"]),
        cable_a=float(said["CABLE"]),
        is_locked=locked,
        is_relay_on=relay,
        is_authorised=state in PERMITTED,
        pilot_pwm=round(said["PWM"] / 2.55, 1),
        raw=said,
    )
