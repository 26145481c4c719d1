"""Reads registers for people who look: through the poller that owns the bus, else directly.

A serial port is read by its owner only. Over TCP a connection of our own is opened only where
no poller drives the bus: many gateways accept one.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from django.utils.translation import gettext as _

from accounts.actor import current_actor
from accounts.limits.counting import call_counter
from accounts.limits.window import Limit
from accounts.services.audit import record_event
from devices.modbus.client import BusAddress, Client, connect
from devices.modbus.errors import ModbusError, NoAnswer, NotConnected, Refused
from devices.modbus.sunspec import NotSunSpec
from devices.models import ModbusBus
from devices.wires.modbus.questions import (
    LONGEST_SECONDS,
    NobodyAnswered,
    Question,
    UnknownBus,
    ask,
    error_of,
    is_alive,
)
from devices.wires.reach import AddressRefused, addresses_of

PER_MINUTE = 60  # presses of a button, whoever of one installation presses
WALK_SECONDS = 20.0
LINE_GAP_SECONDS = 0.03

Reader = Callable[[int, int, int, int], Awaitable[list[int]]]
Found = TypeVar("Found")


class ProbeFailed(Exception):
    """Nothing was read; the text tells people why and what to do."""


class TooOften(ProbeFailed):
    """The limit of a minute is reached."""


@dataclass(frozen=True, slots=True)
class Range:
    """Registers (functions 3, 4) or bits (1, 2) of a unit; `address` counts from zero."""

    unit: int
    function: int
    address: int
    count: int


def read_range(bus: ModbusBus, wanted: Range, *, now: dt.datetime) -> list[int]:
    """Read a range once and note in the audit trail who did.

    Raises: ProbeFailed.
    """

    async def read(reader: Reader) -> list[int]:
        return await reader(wanted.unit, wanted.function, wanted.address, wanted.count)

    detail = {"unit": wanted.unit, "function": wanted.function, "address": wanted.address,
              "count": wanted.count}  # fmt: skip
    return explore(bus, read, what="range", unit=wanted.unit, detail=detail, now=now)


def explore(
    bus: ModbusBus,
    work: Callable[[Reader], Awaitable[Found]],
    *,
    what: str,
    unit: int,
    detail: dict[str, int] | None = None,
    now: dt.datetime,
) -> Found:
    """Do something that asks a bus several times, within 20 s, and note it in the audit trail.

    Raises: ProbeFailed: also for a ModbusError that `work` did not handle.
    """
    if unit == 0 and bus.kind != ModbusBus.Kind.TCP:
        raise ProbeFailed(_("0 is the broadcast of a line: nobody answers it. Units are 1 to 247."))
    _take_turn(bus)
    record_event(
        action="modbus.probed", now=now, tenant_id=bus.tenant_id, obj=bus,
        detail={"what": what, "unit": unit, **(detail or {})},
    )  # fmt: skip
    try:
        return asyncio.run(_explore(bus, work))
    except TimeoutError as error:
        text = _("The bus did not answer all questions within %(seconds)d s.")
        raise ProbeFailed(text % {"seconds": WALK_SECONDS}) from error
    except (ModbusError, AddressRefused, NobodyAnswered, UnknownBus) as error:
        raise ProbeFailed(explain(error, bus, unit)) from error


def explain(error: Exception, bus: ModbusBus, unit: int) -> str:
    """Say what went wrong and where to look."""
    if isinstance(error, Refused):
        return _refusal(error.code, unit)
    if isinstance(error, UnknownBus):
        text = _(
            "The poller %(poller)s does not drive this bus. Is it switched on? A new one is taken "
            "up within seconds."
        )
        return text % {"poller": bus.poller}
    if isinstance(error, NobodyAnswered):
        text = _("The poller %(poller)s did not answer: %(detail)s.")
        return text % {"poller": bus.poller, "detail": error}
    if isinstance(error, NoAnswer):
        text = _(
            "Unit %(unit)d did not answer. Is the number right, is it connected, are speed and "
            "parity the same?"
        )
        return text % {"unit": unit}
    if isinstance(error, NotSunSpec):
        return _("This is no SunSpec device, or has nothing to read: %(detail)s") % {
            "detail": error
        }
    if isinstance(error, NotConnected | AddressRefused):
        return _("The bus cannot be reached: %(detail)s") % {"detail": error}
    text = _(
        "What came was no answer to the question: %(detail)s Two devices may have the same number, "
        "or the line is disturbed."
    )
    return text % {"detail": error}


def _refusal(code: int, unit: int) -> str:
    words = {
        1: _("it does not know this function; try another one"),
        2: _("it has no such registers; try fewer, another address or another function"),
        3: _("it does not give so many registers at once; try fewer"),
        4: _("it failed to do it"),
        5: _("it needs longer; ask again in a while"),
        6: _("it is busy; ask again in a while"),
        8: _("its memory is damaged"),
        10: _("the gateway has no way to it"),
        11: _("the gateway got no answer from it: is the number right, is it connected?"),
    }
    text = _("Unit %(unit)d refuses with exception %(code)d: %(meaning)s.")
    return text % {"unit": unit, "code": code, "meaning": words.get(code, _("unknown to us"))}


def _take_turn(bus: ModbusBus) -> None:
    actor = current_actor()
    limits = [Limit("modbus_probe", str(actor.id or "nobody"), PER_MINUTE)]
    decision = call_counter().take(limits, now=time.time())
    if not decision.is_allowed:
        text = _("That was often: at most %(number)d readings in a minute. Wait a little.")
        raise TooOften(text % {"number": PER_MINUTE})


async def _explore(bus: ModbusBus, work: Callable[[Reader], Awaitable[Found]]) -> Found:
    async with asyncio.timeout(WALK_SECONDS):
        if bus.is_enabled and is_alive(bus.poller, now=time.time()):
            try:
                return await work(_through_poller(bus))
            except UnknownBus:
                if bus.kind == ModbusBus.Kind.RTU:
                    raise
        if bus.kind == ModbusBus.Kind.RTU:
            raise NobodyAnswered(_no_owner(bus))
        async with _own_connection(bus) as reader:
            return await work(reader)


def _no_owner(bus: ModbusBus) -> str:
    if not bus.is_enabled:
        return _("the bus is switched off; switch it on, its poller opens the port")
    return _("it does not run, and only it opens the serial port")


def _through_poller(bus: ModbusBus) -> Reader:
    async def read(unit: int, function: int, address: int, count: int) -> list[int]:
        expires_at = time.time() + LONGEST_SECONDS
        question = Question(bus.id, unit, function, address, count, expires_at)
        reply = await asyncio.to_thread(ask, question, poller=bus.poller)
        error = error_of(reply)
        if error is not None:
            raise error
        return list(reply.words)

    return read


@asynccontextmanager
async def _own_connection(bus: ModbusBus) -> AsyncIterator[Reader]:
    timeout = min(bus.timeout_ms / 1000, LONGEST_SECONDS)
    addresses = await asyncio.to_thread(addresses_of, bus.host, bus.port)
    client = await _first(bus, addresses, timeout)
    is_line = bus.kind != ModbusBus.Kind.TCP
    gap = LINE_GAP_SECONDS if is_line else 0.0
    if bus.request_gap_ms is not None:
        gap = bus.request_gap_ms / 1000

    async def read(unit: int, function: int, address: int, count: int) -> list[int]:
        await asyncio.sleep(gap)
        return await client.read(unit, function, address, count)

    try:
        yield read
    finally:
        await client.close()


async def _first(bus: ModbusBus, addresses: list[str], timeout: float) -> Client:
    """Connect to the first address that can be reached; each was checked."""
    failure: NotConnected | None = None
    for address in addresses:
        try:
            return await connect(BusAddress(bus.kind, host=address, port=bus.port), timeout=timeout)
        except NotConnected as error:
            failure = error
    raise failure or NotConnected(f"{bus.host} has no address.")
