"""A simulated meter behind Modbus: the registers of a map, filled with values that fit each other.

Voltages, currents and powers follow from one load; energy is that power over time, so counters
only rise. What the map does not name cannot be read.
"""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from devices.modbus.maps import Register, RegisterMap
from devices.modbus.types import BIT, STRING, encode, number_type, pack_words
from devices.simulation.electrical import ThreePhase, grid_hertz, split_phases
from devices.simulation.noise import wander
from devices.simulators.modbus_server import ILLEGAL_ADDRESS, Illegal

POWER_FACTOR = 0.96
RENEW_SECONDS = 0.2
_PHASES = ("l1", "l2", "l3")


@dataclass(slots=True)
class Load:
    """What flows through a meter; counters in kWh since it was made."""

    seed: int
    nominal_kw: float = 8.0
    exports: bool = False
    imported_kwh: float = 0.0
    exported_kwh: float = 0.0
    reactive_kvarh: float = 0.0
    _at: float = 0.0
    now: ThreePhase = field(init=False)

    def __post_init__(self) -> None:
        """Begin with counters as if it had run for some months."""
        self.imported_kwh = 10_000.0 + self.seed % 997
        self.exported_kwh = 250.0 + self.seed % 97 if self.exports else 0.0
        self.reactive_kvarh = 0.3 * self.imported_kwh
        self.now = self._phases(0.0)

    def advance(self, t: float) -> None:
        """Go to an instant, in seconds since 1970; never back."""
        hours = max(0.0, t - self._at) / 3600 if self._at else 0.0
        self._at = max(t, self._at)
        self.now = self._phases(t)
        self.imported_kwh += max(0.0, self.now.active_kw) * hours
        self.exported_kwh += max(0.0, -self.now.active_kw) * hours
        self.reactive_kvarh += abs(self.now.reactive_kvar) * hours

    def _phases(self, t: float) -> ThreePhase:
        share = 0.6 + 0.4 * wander(self.seed, t, 600)
        power = self.nominal_kw * (share - 0.7 if self.exports else share)
        return split_phases(power, POWER_FACTOR, seed=self.seed, grid_seed=1, t=t)


def value_of(metric: str, unit: str, load: Load, t: float) -> float:
    """Return what a metric shows, in W, var, VA, kWh or the map's own unit."""
    for beginning, read in _READERS:
        if metric.startswith(beginning):
            value = read(metric, load, t)
            return value / 1000 if unit in {"kW", "kvar", "kVA", "MWh"} else value
    return 1.0 + 0.5 * wander(load.seed + 31, t, 60)


def _phase(metric: str) -> int | None:
    return next((at for at, name in enumerate(_PHASES) if metric.endswith(name)), None)


def _voltage(metric: str, load: Load, t: float) -> float:
    if "thd" in metric:
        return 1.8 + 0.3 * wander(load.seed + 5, t, 300)
    between = sum(metric.count(name) for name in _PHASES) > 1 or "ll" in metric
    volts = load.now.voltages[_phase(metric) or 0]
    return volts * math.sqrt(3) if between else volts


def _current(metric: str, load: Load, t: float) -> float:
    phase = _phase(metric)
    if "thd" in metric:
        return 4.0 + wander(load.seed + 6, t, 300)
    if phase is not None:
        return load.now.currents[phase]
    total = sum(load.now.currents)
    return total / 3 if "avg" in metric else 0.1 if "n" in metric.split("_")[1:] else total


def _power(metric: str, load: Load, t: float) -> float:
    phase, now = _phase(metric), load.now
    if "factor" in metric:
        return now.power_factor
    share = now.phase_kw[phase] / now.active_kw if phase is not None and now.active_kw else 1.0
    if "reactive" in metric:
        return 1000 * now.reactive_kvar * share
    if "apparent" in metric:
        return 1000 * now.apparent_kva * share
    return 1000 * now.active_kw * share


def _energy(metric: str, load: Load, t: float) -> float:
    share = 1 / 3 if _phase(metric) is not None else 1.0
    if "reactive" in metric:
        return load.reactive_kvarh * share if "export" not in metric else 0.0
    if "export" in metric:
        return load.exported_kwh * share
    if "total" in metric and "import" not in metric:
        return (load.imported_kwh + load.exported_kwh) * share
    return load.imported_kwh * share


_READERS: tuple[tuple[str, Callable[[str, Load, float], float]], ...] = (
    ("voltage", _voltage), ("current", _current), ("power", _power), ("active_power", _power),
    ("reactive_power", _power), ("apparent_power", _power), ("energy", _energy),
    ("active_energy", _energy), ("frequency", lambda _metric, _load, t: grid_hertz(t)),
)  # fmt: skip


@dataclass(slots=True)
class _Segment:
    """Registers without a gap between them; `data` as on the wire."""

    start: int
    data: bytearray

    @property
    def end(self) -> int:
        return self.start + len(self.data) // 2


class Meter:
    """A unit with the registers of a map; other registers are illegal addresses.

    Args: serial: what identity registers of text show; numbers show the seed. holes: addresses
        that cannot be read although they lie between the map's registers. nan: metrics that
        have no value.
    """

    def __init__(
        self, found: RegisterMap, load: Load, *, serial: str = "SIM-1",
        holes: Iterable[int] = (), nan: Iterable[str] = (), clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self.load, self.nan = load, set(nan)
        self.fixed: dict[str, float] = {}
        self._holes = frozenset(holes)
        self._clock, self._renewed_at = clock, 0.0
        self._coils: dict[int, bool] = {}
        rows = [*found.registers, *found.identity]
        self._segments = _segments(found, rows)
        self._cells = [
            cell for row in found.registers if (cell := self._cell(row)) is not None
        ]  # fmt: skip
        for row in found.identity:
            self._fill_identity(row, serial)
        for row in rows:
            if row.type == BIT and row.function in {1, 2}:
                self._coils[row.address] = False
        for write in found.writes:
            if write.type == BIT:
                self._coils.setdefault(write.address, False)

    def words(self, function: int, address: int, count: int) -> bytes:
        """Return registers as they stand on the wire."""
        segment = self._segment(function, address, count)
        if self._holes and not self._holes.isdisjoint(range(address, address + count)):
            raise Illegal(ILLEGAL_ADDRESS)
        t = self._clock()
        if t - self._renewed_at >= RENEW_SECONDS:
            self._renewed_at = t
            self._renew(t)
        at = 2 * (address - segment.start)
        return bytes(segment.data[at : at + 2 * count])

    def bits(self, function: int, address: int, count: int) -> list[bool]:
        """Return coils or inputs."""
        try:
            return [self._coils[at] for at in range(address, address + count)]
        except KeyError as error:
            raise Illegal(ILLEGAL_ADDRESS) from error

    def write_words(self, address: int, data: bytes) -> None:
        """Store holding registers."""
        segment = self._segment(3, address, len(data) // 2)
        at = 2 * (address - segment.start)
        segment.data[at : at + len(data)] = data

    def write_bits(self, address: int, bits: list[bool]) -> None:
        """Store coils."""
        for at, bit in enumerate(bits, address):
            if at not in self._coils:
                raise Illegal(ILLEGAL_ADDRESS)
            self._coils[at] = bit

    def _segment(self, function: int, address: int, count: int) -> _Segment:
        for segment in self._segments.get(function, ()):
            if segment.start <= address and address + count <= segment.end:
                return segment
        raise Illegal(ILLEGAL_ADDRESS)

    def _cell(self, row: Register) -> Callable[[float], None] | None:
        """Return what writes a row's value into its registers."""
        if row.type in {BIT, STRING} or row.function not in {3, 4}:
            return None
        segment = self._segment(row.function, row.address, row.words)
        at, kind = 2 * (row.address - segment.start), number_type(row.type, row.words)
        plain = struct.Struct(f">{kind.code}") if row.order == "ABCD" else None

        def put(t: float) -> None:
            value = self.fixed.get(row.metric)
            if value is None:
                value = value_of(row.metric, row.unit, self.load, t)
            raw: float = (value - row.offset) / row.scale
            raw = raw if kind.is_float else _whole(raw, kind.limits)
            if row.metric in self.nan:
                words = _no_value(row)
            elif plain is not None:
                plain.pack_into(segment.data, at, raw)
                return
            else:
                words = encode(raw, row.type, row.order, words=row.words)
            segment.data[at : at + 2 * row.words] = pack_words(words)

        return put

    def _renew(self, t: float) -> None:
        self.load.advance(t)
        for put in self._cells:
            put(t)

    def _fill_identity(self, row: Register, serial: str) -> None:
        segment = self._segment(row.function, row.address, row.words)
        at = 2 * (row.address - segment.start)
        value = serial[: 2 * row.words] if row.type == STRING else self.load.seed % 30_000
        segment.data[at : at + 2 * row.words] = pack_words(
            encode(value, row.type, row.order, words=row.words)
        )


def _whole(raw: float, limits: tuple[int, int]) -> int:
    return min(max(round(raw), limits[0]), limits[1])


def _no_value(row: Register) -> list[int]:
    """Return a pattern that means "no value" for a row."""
    kind = number_type(row.type, row.words)
    if kind.is_float:
        return encode_pattern(0x7FC0 << 16 * (row.words - 1), row)
    if not row.invalid:
        raise ValueError(f"{row.metric} has no pattern that means no value")
    return encode_pattern(min(row.invalid), row)


def encode_pattern(pattern: int, row: Register) -> list[int]:
    """Return the words of a bit pattern in the order of a row."""
    words = [pattern >> 16 * at & 0xFFFF for at in reversed(range(row.words))]
    return words[::-1] if row.order.low_word_first else words


def _segments(found: RegisterMap, rows: list[Register]) -> dict[int, list[_Segment]]:
    """Return the memory of each function; gaps that the map lets a poller read across exist."""
    spans: dict[int, list[tuple[int, int]]] = {}
    for row in rows:
        if row.function in {3, 4}:
            spans.setdefault(row.function, []).append(row.span)
    for write in found.writes:
        if write.type != BIT:
            for address, words in ((write.address, write.words), *_steps(write)):
                spans.setdefault(3, []).append((address, address + words))
    return {
        function: [_Segment(start, bytearray(2 * (end - start))) for start, end in
                   _merged(sorted(parts), found.max_gap)]
        for function, parts in spans.items()
    }  # fmt: skip


def _steps(write: object) -> list[tuple[int, int]]:
    steps = (*getattr(write, "before", ()), *getattr(write, "after", ()))
    return [(step.address, number_type(step.type).words) for step in steps if step.type != BIT]


def _merged(parts: list[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in parts:
        if merged and start - merged[-1][1] <= gap:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
