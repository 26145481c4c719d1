"""A unit behind a bus: what is asked of it, what its answers mean, how it was last seen."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from devices.modbus.blocks import Block, Plan
from devices.modbus.errors import Refused
from devices.modbus.fields import BadRegisterMap
from devices.modbus.maps import ENERGY, IDENTITY, POWER, Register, RegisterMap, read_map
from devices.modbus.sunspec import SunSpecDevice, map_of
from devices.modbus.types import Value
from devices.wires.modbus.config import UnitConfig
from devices.wires.modbus.outflow import Reading
from devices.wires.modbus.schedule import Backoff, Beat, Ring, phase_of
from devices.wires.modbus.seen import FAILING, UNKNOWN, Seen

logger = logging.getLogger(__name__)

# a register that was refused may exist after an update of the device
RELEARN_SECONDS = 3600.0
IDENTITY_AGAIN_SECONDS = 60.0  # until it was read once
_ENCODER = msgspec.json.Encoder()
_FLOWS = re.compile("import|export")
_DIRECTED = re.compile("power_active|power_reactive|power_factor|active_power|reactive_power")


@dataclass(slots=True)
class Group:
    """The blocks of one rate. `is_once`: over when every block was read."""

    registers: tuple[Register, ...]
    limits: RegisterMap
    beat: Beat
    is_once: bool = False
    plan: Plan = field(init=False)
    ring: Ring = field(init=False)
    relearn_at: float = 0.0
    problem: Refused | None = None
    was_lost: bool = False

    def __post_init__(self) -> None:
        """Plan as if the device allowed everything."""
        self.learn_anew()

    def learn_anew(self) -> None:
        """Forget what the device refused."""
        self.plan = Plan(
            self.registers, max_block=self.limits.max_block, max_gap=self.limits.max_gap
        )
        self.ring = Ring(len(self.plan.blocks))

    def refuse(self, block: Block, now: float) -> tuple[Block, ...]:
        """Note that a block cannot be read in one; return what to ask instead."""
        before = set(self.plan.blocks)
        self.plan.refuse(block)
        self.ring = Ring(len(self.plan.blocks))
        self.relearn_at = now + RELEARN_SECONDS
        return tuple(block for block in self.plan.blocks if block not in before)


class Unit:
    """A unit while it is polled; made anew when its configuration changes."""

    def __init__(self, config: UnitConfig, *, now: float) -> None:
        self.config = config
        self.backoff = Backoff()
        self.seen: Seen | None = None
        self.map = RegisterMap()
        self.groups: list[Group] = []
        self.identity: dict[str, Value] = {}
        self.error = ""
        try:
            self.map = _read_map(config.map_json)
            self._plan(now)
        except BadRegisterMap as error:
            self.error = str(error)
        except (ArithmeticError, LookupError, ValueError, TypeError) as error:
            logger.exception("The register map of unit %s cannot be used", config.id)
            self.error = f"It cannot be used: {type(error).__name__}."
        if self.error:
            self.map, self.groups = RegisterMap(), []

    def _plan(self, now: float) -> None:
        self._renamed = _reversed_names(self.map) if self.config.is_reversed else {}
        self.groups = list(_groups(self.config, self.map, now))
        if self.needs_discovery:
            once = Beat(IDENTITY_AGAIN_SECONDS, 0.0, due=now)
            self.groups = [Group((), self.map, once, is_once=True)]

    @property
    def needs_discovery(self) -> bool:
        """Tell whether the device must say first where its registers are."""
        return bool(self.map.sunspec) and not self.map.registers

    def take_discovery(self, device: SunSpecDevice, now: float) -> None:
        """Read what a SunSpec device said it has from now on. Raises: NotSunSpec."""
        self.map = read_map(map_of(device, self.map.sunspec))
        self.identity |= device.identity
        self._plan(now)

    @property
    def first_seen(self) -> Seen:
        """How it is noted before it was asked."""
        if self.error:
            return Seen(FAILING, "bad_register_map", self.error, time.time())
        if not self.groups:
            return Seen(FAILING, "no_registers", "Its register map has no registers.", time.time())
        return Seen(UNKNOWN, "", "", time.time())

    def reading_of(self, values: dict[str, Value], at: float) -> Reading | None:
        """Return the message for the pipeline; None when no number is left."""
        if self._renamed:
            values = self._turned(values)
        numbers = {metric: value for metric, value in values.items() if type(value) is not str}
        if not numbers:
            return None
        microseconds = int(at * 1_000_000)
        payload = _ENCODER.encode({"ts": microseconds, "values": numbers})
        return Reading(self.config.tenant_id, self.config.device_id, payload, microseconds)

    def hurry(self, now: float) -> None:
        """Let everything be read now."""
        for group in self.groups:
            group.beat.due = now

    def _turned(self, values: dict[str, Value]) -> dict[str, Value]:
        turned: dict[str, Value] = {}
        for metric, value in values.items():
            name, sign = self._renamed[metric]
            turned[name] = value if isinstance(value, str) else sign * value
        return turned


_maps: dict[bytes, RegisterMap] = {}
_MOST_MAPS = 256


def _read_map(text: bytes) -> RegisterMap:
    """Return a map, read once for the hundreds of units that share it.

    Raises: BadRegisterMap.
    """
    found = _maps.get(text)
    if found is None:
        if len(_maps) >= _MOST_MAPS:
            _maps.clear()
        found = _maps[text] = read_map(msgspec.json.decode(text))
    return found


def _groups(config: UnitConfig, found: RegisterMap, now: float) -> Iterable[Group]:
    """Return what is read at which rate; what has the same rate is read together."""
    rates: dict[float, list[Register]] = {}
    for rate, every in ((POWER, config.fast_seconds), (ENERGY, config.slow_seconds)):
        rates.setdefault(every, []).extend(found.of_rate(rate))
    for every, registers in rates.items():
        if registers:
            yield Group(tuple(registers), found, _beat(config, every, now))
    if identity := found.of_rate(IDENTITY):
        once = Beat(IDENTITY_AGAIN_SECONDS, 0.0, due=now)
        yield Group(identity, found, once, is_once=True)


def _beat(config: UnitConfig, every: float, now: float) -> Beat:
    beat = Beat(every, phase_of(config.id, every))
    beat.begin(now)
    return beat


def _reversed_names(found: RegisterMap) -> dict[str, tuple[str, int]]:
    """Return what each metric is called, and its sign, where current flows the other way round.

    Import and export change places; power that has a direction changes its sign.
    """
    other = {"import": "export", "export": "import"}
    turned = {}
    for row in found.registers:
        name = _FLOWS.sub(lambda match: other[match[0]], row.metric)
        is_directed = name == row.metric and _DIRECTED.match(name) is not None
        turned[row.metric] = name, -1 if is_directed else 1
    return turned
