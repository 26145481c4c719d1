"""Turns the answer of one request into values, by a plan that is made once per block."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from devices.modbus.types import BIT, STRING, Order, Value, decode, number_type, unpack_words

if TYPE_CHECKING:
    from devices.modbus.maps import Register

NO_VALUE, OUT_OF_RANGE = "no_value", "out_of_range"
NAN_EXPONENT, MOST_EXPONENT = -0x8000, 10


@dataclass(slots=True)
class Decoded:
    """Values by metric in the unit of the map; `missing` says why others have none.

    The reasons are NO_VALUE (NaN, infinite, a pattern that says so) and OUT_OF_RANGE.
    """

    values: dict[str, Value] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def add(self, other: Decoded) -> None:
        self.values |= other.values
        self.missing |= other.missing


@dataclass(frozen=True, slots=True)
class _Field:
    """A number at an offset in bytes, read by one of the compiled structs."""

    register: Register
    offset: int
    code: str

    @property
    def end(self) -> int:
        return self.offset + struct.calcsize(f">{self.code}")


class BlockDecoder:
    """Decodes the data of one answer; it begins at the register `address`."""

    def __init__(self, registers: Sequence[Register], address: int) -> None:
        self._texts = [
            (row, 2 * (row.address - address), 2 * (row.end - address))
            for row in registers
            if row.type == STRING
        ]
        self._coils = [
            (row.metric, (row.address - address) // 8, (row.address - address) % 8)
            for row in registers
            if row.type == BIT and row.bit is None
        ]
        numbers = [row for row in registers if row.type not in {STRING, BIT} or row.bit is not None]
        exponents = {row.scale_register for row in numbers if row.scale_register is not None}
        self._exponents = [(number, 2 * (number - address)) for number in sorted(exponents)]
        self._lanes = [_Lane(fields, order) for fields, order in _lanes(numbers, address)]

    def __call__(self, data: bytes) -> Decoded:
        found = Decoded()
        swapped: bytes | None = None
        exponents = {
            number: int.from_bytes(data[at : at + 2], "big", signed=True)
            for number, at in self._exponents
        }
        for lane in self._lanes:
            if lane.needs_swap and swapped is None:
                swapped = _swap(data)
            lane.decode_into(found, swapped if lane.needs_swap and swapped else data, exponents)
        for metric, at, bit in self._coils:
            found.values[metric] = data[at] >> bit & 1
        for row, start, end in self._texts:
            text = decode(unpack_words(data[start:end]), STRING, row.order)
            if text is None:
                found.missing[row.metric] = NO_VALUE
            else:
                found.values[row.metric] = text
        return found


class _Lane:
    """Numbers of one order that do not overlap: one call of `struct` reads them all."""

    def __init__(self, fields: Sequence[_Field], order: Order) -> None:
        # low word first is low byte first after the bytes of each word changed places
        self.needs_swap = order in {Order.CDAB, Order.BADC}
        parts, at = ["<" if order.low_word_first else ">"], 0
        for each in fields:
            parts.append(f"{each.offset - at}x{each.code}")
            at = each.end
        self._unpack = struct.Struct("".join(parts)).unpack_from
        self._plain = [_Finish(each.register) for each in fields]
        self._rows = [finish.as_row() for finish in self._plain]
        self._is_simple = not any(finish.is_special for finish in self._plain)

    def decode_into(self, found: Decoded, data: bytes, exponents: dict[int, int]) -> None:
        raws = self._unpack(data)
        if not self._is_simple:
            for finish, raw in zip(self._plain, raws, strict=True):
                finish.into(found, raw, exponents)
            return
        values = found.values
        for (metric, invalid, factor, divisor, offset, low, high), raw in zip(
            self._rows, raws, strict=True
        ):
            value = raw * factor / divisor + offset if divisor != 1 else raw * factor + offset
            # NaN and the infinities are in no range
            if low <= value <= high and raw not in invalid:
                values[metric] = value
            else:
                found.missing[metric] = _reason(value, raw in invalid)


class _Finish:
    """How a raw number becomes a value."""

    def __init__(self, register: Register) -> None:
        self.register = register
        kind = number_type(register.type if register.bit is None else "bits", register.words)
        self.invalid = frozenset(kind.value_of(pattern) for pattern in register.invalid)
        self.factor, self.divisor = _ratio(register.scale)
        self.is_special = register.bit is not None or register.scale_register is not None

    def as_row(self) -> tuple[str, frozenset[int | float], float, float, float, float, float]:
        row = self.register
        return (row.metric, self.invalid, self.factor, self.divisor, row.offset, row.minimum,
                row.maximum)  # fmt: skip

    def into(self, found: Decoded, raw: int | float, exponents: dict[int, int]) -> None:
        row = self.register
        exponent = 0
        if row.scale_register is not None:
            exponent = exponents[row.scale_register]
        if raw in self.invalid or not -MOST_EXPONENT <= exponent <= MOST_EXPONENT:
            found.missing[row.metric] = NO_VALUE
            return
        if row.bit is not None:
            raw = int(raw) >> row.bit & 1
        up, down = (10**exponent, 1) if exponent >= 0 else (1, 10**-exponent)
        value = raw * (self.factor * up) / (self.divisor * down) + row.offset
        if row.minimum <= value <= row.maximum:
            found.values[row.metric] = value
        else:
            found.missing[row.metric] = _reason(value, is_invalid=False)


def _reason(value: float, is_invalid: bool) -> str:
    is_finite = value - value == 0
    return NO_VALUE if is_invalid or not is_finite else OUT_OF_RANGE


def _ratio(scale: float) -> tuple[float, float]:
    """Return factor and divisor; 0.1 is divided by 10, so that 2301 becomes 230.1 exactly."""
    exact = Fraction(str(scale))
    if exact.denominator == 1:
        return int(exact), 1
    if exact.denominator <= 10**9:
        return exact.numerator, exact.denominator
    return scale, 1


def _lanes(registers: Iterable[Register], address: int) -> list[tuple[list[_Field], Order]]:
    """Share the numbers out so that those of one lane have one order and do not overlap."""
    lanes: list[tuple[list[_Field], Order]] = []
    for row in sorted(registers, key=lambda row: row.address):
        code = number_type(row.type if row.bit is None else "bits", row.words).code
        each = _Field(row, 2 * (row.address - address), code)
        for fields, order in lanes:
            if order == row.order and fields[-1].end <= each.offset:
                fields.append(each)
                break
        else:
            lanes.append(([each], row.order))
    return lanes


def _swap(data: bytes) -> bytes:
    words = array("H", data)
    words.byteswap()
    return words.tobytes()
