"""Which type of device answers: the probe register of each map, then all that the map names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from devices.canonical import lookup
from devices.modbus.blocks import plan_blocks
from devices.modbus.errors import BadAnswer, NoAnswer, Refused
from devices.modbus.fields import BadRegisterMap
from devices.modbus.maps import IDENTITY, Register, RegisterMap, read_map
from devices.modbus.sunspec import discover
from devices.modbus.sunspec import map_of as make_sunspec_map
from devices.modbus.types import pack_words
from devices.models import DeviceProfile, ModbusUnit
from devices.services.probe import Reader


@dataclass(frozen=True, slots=True)
class Fit:
    """A type of device whose probe register has a likely value; `total` rows are in its map.

    plausible: how many of them could be read and lie in the range of their metric.
    """

    key: str
    name: str
    metric: str
    value: float
    unit: str
    plausible: int
    total: int


@dataclass(frozen=True, slots=True)
class Told:
    """What a unit says of itself or measures: name, value as text, unit."""

    name: str
    value: str
    unit: str = ""


def maps_with_probe() -> list[tuple[DeviceProfile, RegisterMap]]:
    """Return the types of device that say by which value they are recognised."""
    found = []
    for profile in DeviceProfile.objects.exclude(register_map={}).order_by("name", "id"):
        try:
            register_map = read_map(profile.register_map)
        except BadRegisterMap:
            continue
        if register_map.probe is not None:
            found.append((profile, register_map))
    return found


def map_of(unit: ModbusUnit) -> RegisterMap:
    """Return the map that holds for a unit; an empty one where it cannot be read."""
    try:
        return read_map(unit.register_map or unit.device.profile.register_map)
    except BadRegisterMap:
        return RegisterMap()


async def find_fits(
    read: Reader, unit: int, candidates: Sequence[tuple[DeviceProfile, RegisterMap]]
) -> list[Fit]:
    """Return the types that fit, the best first.

    Raises: NoAnswer: the unit answered nothing at all. NotConnected.
    """
    looks = _Looks(read, unit)
    fits = []
    for profile, found in candidates:
        row = next(
            row for row in found.registers if found.probe and row.metric == found.probe.metric
        )
        values = await looks.values_of([row], found)
        value = values.get(row.metric)
        probe = found.probe
        if probe is None or value is None or not probe.minimum <= value <= probe.maximum:
            continue
        everything = await looks.values_of(found.registers, found)
        plausible = sum(_is_plausible(row, everything) for row in found.registers)
        fits.append(
            Fit(profile.key, profile.name, row.metric, value, row.unit, plausible,
                len(found.registers))
        )  # fmt: skip
    if not looks.answers:
        raise NoAnswer(_("Nothing came to any question."))
    return sorted(fits, key=lambda fit: (-fit.plausible / fit.total, -fit.total, fit.name))


def _probe_row(found: RegisterMap) -> Register | None:
    metric = found.probe.metric if found.probe else None
    return next((row for row in found.registers if row.metric == metric), None)


async def read_identity(read: Reader, unit: int, found: RegisterMap) -> list[Told]:
    """Return what a unit says of itself, by the rows of its map that are read once.

    Raises: ModbusError.
    """
    told = []
    for block in plan_blocks(
        found.of_rate(IDENTITY), max_block=found.max_block, max_gap=found.max_gap
    ):
        words = await read(unit, block.function, block.address, block.count)
        told += [Told(name, str(value)) for name, value in
                 block.decode(pack_words(words)).values.items()]  # fmt: skip
    return told


@dataclass(frozen=True, slots=True)
class SunSpecFound:
    """A SunSpec device: its models as (number, address, name), and of which kinds a map is made."""

    base: int
    models: tuple[tuple[int, int, str], ...]
    identity: dict[str, str]
    kinds: tuple[str, ...]


async def look_for_sunspec(read: Reader, unit: int) -> SunSpecFound:
    """Walk from model to model. Raises: NotSunSpec; ModbusError."""
    device = await discover(_Reads(read), unit)
    models = tuple((m.number, m.address, _model_name(m.number)) for m in device.models)
    return SunSpecFound(device.base, models, device.identity, device.kinds)


async def sunspec_map(read: Reader, unit: int, kind: str) -> dict[str, Any]:
    """Return the register map of the models that a device has now. Raises: as above."""
    return make_sunspec_map(await discover(_Reads(read), unit), kind)


def _model_name(number: int) -> str:
    names = {
        1: _("about the device"), 101: _("inverter, one phase"), 102: _("inverter, split phase"),
        103: _("inverter, three phases"), 120: _("nameplate"), 121: _("settings"),
        122: _("status"), 123: _("controls"), 124: _("storage"), 160: _("strings"),
        201: _("meter, one phase"), 202: _("meter, split phase"),
        203: _("meter, three phases, star"), 204: _("meter, three phases, delta"),
    }  # fmt: skip
    return names.get(number, "")


class _Reads:
    """A reader as the walk wants it."""

    def __init__(self, read: Reader) -> None:
        self._read = read

    async def read(self, unit: int, function: int, address: int, count: int) -> list[int]:
        return await self._read(unit, function, address, count)


class _Looks:
    """Reads each block once, whichever maps ask for it."""

    def __init__(self, read: Reader, unit: int) -> None:
        self.answers = 0
        self._read = read
        self._unit = unit
        self._seen: dict[tuple[int, int, int], list[int] | None] = {}

    async def values_of(
        self, registers: Sequence[Register], found: RegisterMap
    ) -> dict[str, float]:
        values: dict[str, float] = {}
        for block in plan_blocks(registers, max_block=found.max_block, max_gap=found.max_gap):
            words = await self._words(block.function, block.address, block.count)
            if words is not None:
                told = block.decode(pack_words(words)).values
                values |= {name: v for name, v in told.items() if not isinstance(v, str)}
        return values

    async def _words(self, function: int, address: int, count: int) -> list[int] | None:
        key = (function, address, count)
        if key not in self._seen:
            try:
                self._seen[key] = await self._read(self._unit, *key)
                self.answers += 1
            except Refused:
                self._seen[key] = None
                self.answers += 1
            except (NoAnswer, BadAnswer):
                self._seen[key] = None
        return self._seen[key]


def _is_plausible(row: Register, values: dict[str, float]) -> bool:
    value, template = values.get(row.metric), lookup(row.metric)
    if value is None or abs(value) > 1e12:
        return value is not None and template is None
    if template is None or template.unit != row.unit:
        return True
    low, high = template.minimum, template.maximum
    return (low is None or value >= low) and (high is None or value <= high)
