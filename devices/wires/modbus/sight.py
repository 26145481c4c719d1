"""What a bus knows of itself and its units, noted when it changes."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection

from devices.modbus.errors import (
    BadAnswer,
    GatewayRefused,
    ModbusError,
    NoAnswer,
    NotConnected,
    Refused,
)
from devices.modbus.sunspec import NotSunSpec
from devices.wires.modbus.config import BusConfig
from devices.wires.modbus.seen import FAILING, OFFLINE, ONLINE, STALE, Notes, Seen
from devices.wires.modbus.units import Unit

logger = logging.getLogger(__name__)


class Sight:
    """Writes notes about one bus."""

    def __init__(self, config: BusConfig, notes: Notes) -> None:
        self.config = config
        self._notes = notes
        self._bus: Seen | None = None

    def first_look(self, unit: Unit) -> None:
        """Note a unit before it was asked."""
        self._note_unit(unit, unit.first_seen)

    def answered(self, unit: Unit) -> None:
        """Note that a unit answered, with what is wrong with it all the same."""
        now = time.time()
        read = [one for one in unit.groups if not one.is_once]
        if read and not any(one.plan.blocks for one in read):
            told = "It has none of the registers of its map."
            self._note_unit(unit, Seen(FAILING, "registers_refused", told, now))
            self._note_bus(Seen(ONLINE, "", "", now))
            return
        problem = next((one.problem for one in read if one.problem), None)
        refused = [row.metric for one in read for row in one.plan.refused]
        if problem is not None:
            self._note_unit(unit, Seen(FAILING, _word(problem), str(problem), now))
        elif refused:
            told = f"It has no registers for {', '.join(refused)}."
            self._note_unit(unit, Seen(ONLINE, "registers_refused", told, now))
        else:
            self._note_unit(unit, Seen(ONLINE, "", "", now))
        self._note_bus(Seen(ONLINE, "", "", now))

    def failed(self, unit: Unit, error: ModbusError, units: Collection[Unit]) -> None:
        """Note that a unit did not answer, or not properly."""
        now = time.time()
        state = STALE if isinstance(error, NoAnswer | GatewayRefused) else FAILING
        self._note_unit(unit, Seen(state, _word(error), str(error), now))
        if isinstance(error, GatewayRefused):
            self._note_bus(Seen(ONLINE, "", "", now))
        elif all(one.backoff.failures for one in units if one.groups):
            self._note_bus(Seen(STALE, "no_answer", "None of its units answers.", now))

    def broken(self, unit: Unit) -> None:
        """Note that what a unit is read with does not work."""
        told = "It cannot be read as its register map says."
        self._note_unit(unit, Seen(FAILING, "failed", told, time.time()))

    def lost(self, error: NotConnected, units: Collection[Unit]) -> None:
        """Note that there is no connection."""
        now = time.time()
        self._note_bus(Seen(OFFLINE, _word(error), str(error), now))
        # addresses and names of this side stay with the bus, which only staff see
        told = "Its bus has no connection."
        for unit in units:
            if unit.groups:
                self._note_unit(unit, Seen(OFFLINE, "bus_not_connected", told, now))

    def _note_bus(self, seen: Seen) -> None:
        if seen.is_like(self._bus):
            return
        self._bus = seen
        self._notes.note_bus(self.config.id, seen)
        logger.info(
            "Modbus bus %s of tenant %s is %s %s %s",
            self.config.id, self.config.tenant_id, seen.state, seen.code, seen.detail,
        )  # fmt: skip

    def _note_unit(self, unit: Unit, seen: Seen) -> None:
        if not seen.is_like(unit.seen):
            unit.seen = seen
            self._notes.note_unit(unit.config.id, seen)


def _word(error: ModbusError) -> str:
    """Return the stable code of an error."""
    if isinstance(error, GatewayRefused):
        return f"gateway_{error.code}"
    if isinstance(error, Refused):
        return f"exception_{error.code}"
    if isinstance(error, NotConnected):
        return str(getattr(error, "word", "not_connected"))
    if isinstance(error, NotSunSpec):
        return "not_sunspec"
    return "bad_answer" if isinstance(error, BadAnswer) else "no_answer"
