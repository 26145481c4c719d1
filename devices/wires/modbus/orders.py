"""Does a command on a device: writes what its register map allows, once, and reads it back.

A write is never repeated. Where no answer came nobody knows whether the device did it, so its
registers are read; what cannot be learnt so is told as an unknown outcome, and people decide.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from devices.command_states import State
from devices.modbus.errors import BadAnswer, Code, ModbusError, NoAnswer, NotConnected, Refused
from devices.modbus.maps import RegisterMap
from devices.modbus.writes import BadWriteValue, WireWrite, WriteRow
from devices.services.wire_commands import WireOrder

LOOK_AGAIN_SECONDS = 0.2  # a device may show the new value a moment later
BROADCAST = 0
# the device may have done it, or may do it yet
_PERHAPS_DONE = frozenset({Code.ACKNOWLEDGE, Code.GATEWAY_TARGET})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an order; see `answer_order`. at: seconds since 1970."""

    state: State
    code: str = ""
    detail: str = ""
    content: dict[str, Any] = field(default_factory=dict)
    at: float = field(default_factory=time.time)


class Line(Protocol):
    """What an order needs of its bus; pauses and counts are the bus's affair."""

    async def read(self, unit: int, function: int, address: int, count: int) -> list[int]:
        """Return words or bits. Raises: ModbusError."""

    async def write(self, unit: int, write: WireWrite) -> None:
        """Send one request that writes. Raises: ModbusError."""


class _Failed(Exception):
    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.code)
        self.outcome = outcome


def prepare(order: WireOrder, unit: int, found: RegisterMap) -> WriteRow | Outcome:
    """Return the row of the whitelist that an order means, or why it is refused unsent."""
    row = found.write_of(order.name)
    if row is None:
        return _refused("not_writable", f"The register map has no write for {order.name}.")
    if unit == BROADCAST:
        return _refused("broadcast", "Unit 0 means every device of a line: nothing is written.")
    return row


def value_of(order: WireOrder, row: WriteRow) -> float | None:
    """Return what the order wants to be written, in the unit of the row; None: not said."""
    if row.value is not None:
        return None
    if order.effect in {"on", "off"}:
        return float(order.effect == "on")  # its numbers say how long or which, not what
    if order.value is not None:
        return order.value
    numbers = [
        float(given)
        for given in order.params.values()
        if isinstance(given, int | float)
    ]  # fmt: skip
    return numbers[0] if len(numbers) == 1 else None


async def carry_out(
    order: WireOrder, row: WriteRow, line: Line, *, unit: int, is_in_time: Callable[[], bool]
) -> Outcome:
    """Write, read back, compare.

    Args: is_in_time: asked before each frame that writes.
    """
    try:
        wanted = value_of(order, row)
        requests = row.requests(wanted, exponent=await _exponent(row, line, unit))
    except BadWriteValue as error:
        return _refused("out_of_range", str(error))
    except ModbusError as error:
        return Outcome(State.ERROR, "not_asked", f"Nothing was written: {error}")
    try:
        for number, request in enumerate(requests):
            if not is_in_time():
                return _too_late(number)
            await _write_one(request, line, unit)
    except _Failed as failed:
        return failed.outcome
    return Outcome(State.DONE, content=_actuators(order, wanted))


async def _exponent(row: WriteRow, line: Line, unit: int) -> int:
    if row.scale_register is None:
        return 0
    [word] = await line.read(unit, 3, row.scale_register, 1)
    return word - 0x10000 if word & 0x8000 else word


async def _write_one(request: WireWrite, line: Line, unit: int) -> None:
    """Raises: _Failed."""
    told = ""
    try:
        await line.write(unit, request)
    except Refused as error:
        if error.code not in _PERHAPS_DONE:
            raise _Failed(Outcome(State.ERROR, f"exception_{error.code}", str(error))) from error
        told = str(error)
    except (NoAnswer, BadAnswer, NotConnected) as error:
        told = str(error) or type(error).__name__
    if not request.is_checked:
        if told:
            raise _Failed(_unknown(f"No good answer to the write: {told}"))
        return
    found = await _read_back(request, line, unit, told)
    if found == list(request.values):
        return
    shown = f"Wrote {list(request.values)}, read {found}."
    if told:
        raise _Failed(_unknown(f"No good answer to the write ({told}). {shown}"))
    raise _Failed(Outcome(State.ERROR, "read_back_differs", shown))


async def _read_back(request: WireWrite, line: Line, unit: int, told: str) -> Sequence[int]:
    """Return what the registers hold; asked a second time where they hold something else.

    Raises: _Failed: they cannot be read, so nobody knows.
    """
    found: list[int] = []
    try:
        for pause in (0.0, LOOK_AGAIN_SECONDS):
            await asyncio.sleep(pause)
            found = await line.read(
                unit, request.read_function, request.address, len(request.values)
            )
            if found == list(request.values):
                break
    except ModbusError as error:
        if not told:
            detail = f"The device took it; reading it back failed: {error}"
            raise _Failed(Outcome(State.ERROR, "not_read_back", detail)) from error
        raise _Failed(_unknown(f"No good answer to the write: {told}")) from error
    return found


def _actuators(order: WireOrder, wanted: float | None) -> dict[str, Any]:
    if not order.actuator or order.effect not in {"on", "off", "set"}:
        return {}
    state: bool | float = order.effect == "on"
    if order.effect == "set":
        state = order.value if order.value is not None else wanted or 0.0
    return {"actuators": {order.actuator: state}}


def _refused(code: str, detail: str) -> Outcome:
    return Outcome(State.INVALID, code, detail)


def _unknown(detail: str) -> Outcome:
    return Outcome(State.ERROR, "unknown_outcome", detail)


def _too_late(written: int) -> Outcome:
    if written:
        return Outcome(State.ERROR, "partly_written", f"Time was over after {written} writes.")
    return Outcome(State.EXPIRED, "expired", "Its time was over before it could be written.")
