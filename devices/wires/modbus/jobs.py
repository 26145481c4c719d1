"""What is done on a bus between two reads: commands, and questions of people."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from devices.command_states import State
from devices.modbus.errors import (
    BadAnswer,
    ModbusError,
    NoAnswer,
    NotConnected,
    Refused,
)
from devices.services.wire_commands import WireOrder
from devices.wires.modbus.asking import Asker
from devices.wires.modbus.bus import Bus
from devices.wires.modbus.orders import Outcome, carry_out, prepare
from devices.wires.modbus.questions import Question, Reply
from devices.wires.modbus.units import Unit

Tell = Callable[[WireOrder, Outcome], None]


class OrderJob:
    """A command; told once what became of it.

    Args: expires_at: by this process's monotonic clock, so that neither this machine's wall
        clock nor a step of it counts.
    """

    def __init__(self, order: WireOrder, *, expires_at: float, tell: Tell) -> None:
        self.order = order
        self._expires_at = expires_at
        self._tell = tell

    @property
    def starts_something(self) -> bool:
        """Tell whether an order to switch off must overrule it while it waits."""
        return self.order.effect in {"on", "set"} and self.order.value != 0

    @property
    def is_urgent(self) -> bool:
        """Tell whether it goes before what is not."""
        return self.switches_off

    @property
    def switches_off(self) -> bool:
        """Tell whether it ends what others began."""
        return self.order.effect == "off" or (
            self.order.effect == "set" and self.order.value == 0
        )  # fmt: skip

    def is_in_time(self) -> bool:
        """Tell whether it may still be done."""
        return time.monotonic() < self._expires_at

    async def run(self, bus: Bus, asker: Asker) -> None:
        """Do it, unless its time is over; it is never done twice."""
        try:
            outcome = await self._run(bus, asker)
        except asyncio.CancelledError:
            self._tell(self.order, Outcome(State.ERROR, "unknown_outcome", "The poller ended."))
            raise
        self._tell(self.order, outcome)

    async def _run(self, bus: Bus, asker: Asker) -> Outcome:
        unit = bus.unit_of(self.order.device_id)
        if unit is None:
            return Outcome(State.ERROR, "not_polled", "The unit is switched off.")
        if unit.error:
            return Outcome(State.ERROR, "bad_register_map", unit.error)
        if not self.is_in_time():
            return Outcome(State.EXPIRED, "expired", "Its time was over.")
        outcome = await self._write(unit, asker)
        unit.hurry(time.time())  # what it changed is seen at once
        return outcome

    async def _write(self, unit: Unit, asker: Asker) -> Outcome:
        if self.order.effect == "read" and unit.map.write_of(self.order.name) is None:
            return Outcome(State.DONE)
        number = unit.config.unit
        row = prepare(self.order, number, unit.map)
        if isinstance(row, Outcome):
            return row
        return await carry_out(self.order, row, asker, unit=number, is_in_time=self.is_in_time)

    def refuse(self, code: str, detail: str) -> None:
        """Tell that nothing was written."""
        self._tell(self.order, Outcome(State.ERROR, code, detail))


class QuestionJob:
    """Registers that somebody wants to see now."""

    is_urgent = False

    def __init__(self, question: Question) -> None:
        self._question = question
        self.answer: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()

    async def run(self, bus: Bus, asker: Asker) -> None:
        """Read them, unless nobody waits any more."""
        asked = self._question
        if self.answer.done() or asked.has_expired():
            self.answer.cancel()
            return
        try:
            words = await asker.read(asked.unit, asked.function, asked.address, asked.count)
        except (ModbusError, ValueError) as error:
            self._fail(error)
            if isinstance(error, NotConnected):
                raise
        else:
            if not self.answer.done():
                self.answer.set_result(words)

    def refuse(self, code: str, detail: str) -> None:
        """Tell who waits."""
        self._fail(NotConnected(detail))

    def _fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


def describe(error: Exception) -> Reply:
    """Return what people are told of a question that failed."""
    words = {NotConnected: "not_connected", NoAnswer: "no_answer", BadAnswer: "bad_answer"}
    if isinstance(error, Refused):
        return Reply(error="refused", code=error.code, detail=str(error))
    for kind, word in words.items():
        if isinstance(error, kind):
            return Reply(error=word, detail=str(error))
    return Reply(error="failed", detail=str(error))
