"""Which channel a value belongs to, and how its number gets into the stored unit."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from devices.canonical import CANONICAL_NAMES, COUNTER, ChannelTemplate, discovered, lookup
from energy.lib.units import SPELLINGS, UNITS, IncompatibleUnits, UnknownUnit, linear
from telemetry.decoding.errors import MappingError
from telemetry.decoding.spec import STORED_KINDS, ValueSpec

MAX_KNOWN = 2_048
MIN_SCALE = 1e-12
# in which unit a quantity is kept whose channel has no canonical name
_STORED = {
    "active power": "kW", "reactive power": "kvar", "apparent power": "kVA",
    "active energy": "kWh", "reactive energy": "kvarh", "apparent energy": "kVAh",
    "voltage": "V", "current": "A", "temperature": "Cel", "volume": "m3",
    "volume flow": "m3/h", "time": "s",
}  # fmt: skip
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_NO_COUNTERS = frozenset({"daily_counter", "snapshot", "delta"})


@dataclass(frozen=True, slots=True)
class Target:
    """A channel; number × factor ÷ divisor + offset is in its stored unit.

    `is_new` when the mapping does not describe the channel: it is made like any unknown metric.
    """

    template: ChannelTemplate
    factor: float
    divisor: float
    offset: float
    is_new: bool

    def convert(self, number: float) -> float:
        """Return the number in the stored unit."""
        return number * self.factor / self.divisor + self.offset


class Targets:
    """Finds the channels of one value of a mapping; what was found once is remembered."""

    def __init__(self, spec: ValueSpec, where: str) -> None:
        self._spec = spec
        self._where = where
        self._known: dict[tuple[str, str], Target] = {}

    def find(self, name: str, unit: str) -> Target:
        """Return the channel of a name whose values come in `unit`; blank: as they are stored.

        Raises: MappingError: bad_unit, bad_kind.
        """
        known = self._known.get((name, unit))
        if known is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            known = self._known[name, unit] = self._make(name, unit)
        return known

    def _make(self, name: str, unit: str) -> Target:
        spec, where = self._spec, self._where
        template = self._describe(name, unit)
        if spec.kind in _NO_COUNTERS and template.kind == COUNTER:
            detail = f"{name} is a counter that only rises; {spec.kind} needs a name of its own."
            raise MappingError(f"{where}.kind", "bad_kind", detail)
        if not MIN_SCALE <= abs(spec.scale) <= 1 / MIN_SCALE or not math.isfinite(spec.offset):
            raise MappingError(f"{where}.scale", "bad_unit", "Give a scale from 1e-12 to 1e12.")
        scale = spec.scale if spec.offset == 0 else 1.0
        try:
            parts = linear(scale, unit or template.unit, template.unit)
        except (UnknownUnit, IncompatibleUnits) as error:
            raise MappingError(f"{where}.unit", "bad_unit", f"{name}: {error}") from None
        is_new = spec.otherwise and not unit
        return Target(self._override(template), *parts, is_new)

    def _describe(self, name: str, unit: str) -> ChannelTemplate:
        spec = self._spec
        name = name if spec.otherwise else _safe(name)
        known = lookup(name) if name in CANONICAL_NAMES else None
        if known is not None:
            return known
        template = discovered(name)
        stored = SPELLINGS.get(spec.stored, spec.stored) or stored_unit(unit)
        return replace(template, source_unit=stored, unit=stored)

    def _override(self, template: ChannelTemplate) -> ChannelTemplate:
        spec = self._spec
        given = {
            "kind": STORED_KINDS.get(spec.kind, spec.kind) if spec.kind else None,
            "phase": spec.phase,
            "direction": spec.direction,
            "minimum": spec.minimum,
            "maximum": spec.maximum,
            "decimals": spec.decimals,
        }
        changes = {name: value for name, value in given.items() if value is not None}
        return replace(template, **changes)  # type: ignore[arg-type]


def _safe(name: str) -> str:
    """Return a name that a mapping describes as channels are named: BME280 is bme280."""
    return _NOT_IN_NAMES.sub("_", name.lower()).strip("_") or name


def stored_unit(unit: str) -> str:
    """Return the unit in which values of `unit` are kept when nothing else says it."""
    code = SPELLINGS.get(unit, unit)
    found = UNITS.get(code)
    return _STORED.get(found.quantity, code) if found else code


def check_unit(unit: str, where: str, find: Callable[[str], object]) -> None:
    """Refuse a unit that is not in the table.

    Raises: MappingError: bad_unit.
    """
    try:
        if unit:
            find(unit)
    except UnknownUnit as error:
        raise MappingError(where, "bad_unit", str(error)) from None
