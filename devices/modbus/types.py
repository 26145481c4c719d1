"""What the 16-bit words of Modbus registers mean: numbers, text and bits, in four orders.

An order names where the bytes of a 32-bit value, A the most significant, stand on the wire:
ABCD as the protocol has it, CDAB with the low word first, BADC with the bytes of each word
exchanged, DCBA with both. Values of 64 bits and texts follow the same two rules; a value of
one word knows only the exchanged bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

Value = int | float | str

MAX_WORDS = 125
BIGGEST = 1.7976931348623157e308


class Order(StrEnum):
    """Where the bytes of a value stand on the wire."""

    ABCD = "ABCD"
    CDAB = "CDAB"
    BADC = "BADC"
    DCBA = "DCBA"

    @property
    def low_word_first(self) -> bool:
        return self in {Order.CDAB, Order.DCBA}

    @property
    def bytes_swapped(self) -> bool:
        return self in {Order.BADC, Order.DCBA}


class NotRepresentable(ValueError):
    """A type has no bit pattern for this value; the text says which values it has."""


@dataclass(frozen=True, slots=True)
class NumberType:
    """A number in registers; `code` is that of `struct`, `sentinels` are unsigned patterns."""

    name: str
    words: int
    code: str
    sentinels: frozenset[int] = frozenset()

    @property
    def is_float(self) -> bool:
        return self.code in "fd"

    @property
    def is_signed(self) -> bool:
        return self.code in "hiq"

    @property
    def bits(self) -> int:
        return 16 * self.words

    @property
    def limits(self) -> tuple[int, int]:
        """The smallest and the largest integer; only for integers."""
        if self.is_signed:
            return -(1 << self.bits - 1), (1 << self.bits - 1) - 1
        return 0, (1 << self.bits) - 1

    def value_of(self, pattern: int) -> int | float:
        """Return the number that an unsigned bit pattern stands for."""
        data = pattern.to_bytes(2 * self.words, "big")
        number: int | float = struct.unpack(f">{self.code}", data)[0]
        return number


def _ones(words: int) -> int:
    return (1 << 16 * words) - 1


_BASIC = (
    *(("int16", 1, "h"), ("uint16", 1, "H"), ("int32", 2, "i"), ("uint32", 2, "I")),
    *(("int64", 4, "q"), ("uint64", 4, "Q"), ("float32", 2, "f"), ("float64", 4, "d")),
)
# those of SunSpec say by a pattern that there is no value
_SUNSPEC = (
    *(("acc16", 1, "H", 0), ("acc32", 2, "I", 0), ("acc64", 4, "Q", 0)),
    *(("enum16", 1, "H", 0xFFFF), ("enum32", 2, "I", _ones(2))),
    *(("bitfield16", 1, "H", 0xFFFF), ("bitfield32", 2, "I", _ones(2))),
    ("bitfield64", 4, "Q", _ones(4)),
    ("sunssf", 1, "h", 0x8000),
)
NUMBERS: dict[str, NumberType] = {
    **{name: NumberType(name, words, code) for name, words, code in _BASIC},
    **{name: NumberType(name, words, code, frozenset({no})) for name, words, code, no in _SUNSPEC},
}
STRING, BITS, BIT = "string", "bits", "bit"
_BITS_CODES = {1: "H", 2: "I", 4: "Q"}
TYPE_NAMES = (*NUMBERS, BITS, STRING, BIT)


def number_type(name: str, words: int = 1) -> NumberType:
    """Return a type of numbers; `bits` is an unsigned number of 1, 2 or 4 words.

    Raises: KeyError: it is not one.
    """
    if name == BITS:
        return NumberType(BITS, words, _BITS_CODES[words])
    return NUMBERS[name]


def word_count(name: str, words: int = 0) -> int:
    """Return how many registers a type takes; `words` is what a map states, 0 for nothing.

    Raises: ValueError: the type needs a number of words, or has another.
    """
    if name in NUMBERS:
        if words not in {0, NUMBERS[name].words}:
            raise ValueError(f"{name} has {NUMBERS[name].words} words")
        return NUMBERS[name].words
    if name == BIT:
        if words not in {0, 1}:
            raise ValueError("a bit stands in one word")
        return 1
    if name == BITS:
        if words not in {0, *_BITS_CODES}:
            raise ValueError("bits have 1, 2 or 4 words")
        return words or 1
    if not 1 <= words <= MAX_WORDS:
        raise ValueError(f"{name} needs its number of words, 1 to {MAX_WORDS}")
    return words


def pack_words(words: Sequence[int]) -> bytes:
    """Return words as they stand on the wire."""
    return struct.pack(f">{len(words)}H", *words)


def unpack_words(data: bytes) -> list[int]:
    """Return the words that stand on the wire."""
    return list(struct.unpack(f">{len(data) // 2}H", data))


def in_order(words: Sequence[int], order: Order) -> list[int]:
    """Return words of one value from an order to ABCD, or from ABCD to it."""
    found = list(reversed(words)) if order.low_word_first else list(words)
    return [word >> 8 | (word & 0xFF) << 8 for word in found] if order.bytes_swapped else found


def decode(
    words: Sequence[int],
    type_name: str,
    order: Order = Order.ABCD,
    *,
    invalid: Collection[int] = (),
) -> Value | None:
    """Return the value of the registers; None where there is none.

    No value is NaN, an infinity, the sentinels of SunSpec types, the unsigned bit patterns of
    `invalid`, and a text without a printable character. `words` are exactly those of the type.
    """
    data = pack_words(in_order(words, order))
    if type_name == STRING:
        return text_of(data)
    kind = number_type(type_name, len(words))
    pattern = int.from_bytes(data, "big")
    if pattern in invalid or pattern in kind.sentinels:
        return None
    number: int | float = struct.unpack(f">{kind.code}", data)[0]
    return number if math.isfinite(number) else None


def text_of(data: bytes) -> str | None:
    """Return the text up to the first NUL without what cannot be printed; None if none is left."""
    data = data.partition(b"\0")[0]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1") if data.strip(b"\xff") else ""
    return "".join(filter(str.isprintable, text)).strip() or None


def encode(value: Value, type_name: str, order: Order = Order.ABCD, *, words: int = 0) -> list[int]:
    """Return the registers of a value; `words` for texts and bits.

    Raises: NotRepresentable.
    """
    count = word_count(type_name, words)
    if type_name == STRING:
        data = _encode_text(value, count)
    else:
        data = _encode_number(value, number_type(type_name, count))
    return in_order(unpack_words(data), order)


def _encode_text(value: Value, words: int) -> bytes:
    data = str(value).encode("utf-8")
    if len(data) > 2 * words or b"\0" in data:
        raise NotRepresentable(f"A text of {words} words has at most {2 * words} bytes, none NUL.")
    return data.ljust(2 * words, b"\0")


def _encode_number(value: Value, kind: NumberType) -> bytes:
    if isinstance(value, str | bool) or not math.isfinite(value):
        raise NotRepresentable(f"{value!r} is not a number.")
    if kind.is_float:
        return _encode_float(value, kind)
    low, high = kind.limits
    if value != int(value) or not low <= value <= high:
        raise NotRepresentable(f"{kind.name} takes whole numbers from {low} to {high}.")
    if int(value) & _ones(kind.words) in kind.sentinels:
        raise NotRepresentable(f"{value} means \u201cno value\u201d for {kind.name}.")
    return int(value).to_bytes(2 * kind.words, "big", signed=kind.is_signed)


def _encode_float(value: int | float, kind: NumberType) -> bytes:
    try:
        return struct.pack(f">{kind.code}", value)
    except OverflowError as error:
        raise NotRepresentable(f"{value!r} is too large for {kind.name}.") from error
