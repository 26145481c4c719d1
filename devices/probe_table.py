"""What registers could mean: each position in each type and order, and what looks like a value.

Documents of devices are silent, or wrong, about the order of words more often than about
anything else. So whoever looks sees all of them at once, next to each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from devices.modbus.types import NUMBERS, STRING, Order, Value, decode, text_of

SINGLE = ("uint16", "int16")
WIDE = ("float32", "uint32", "int32", "float64", "uint64", "int64")
SHOWN_TYPES = (*SINGLE, *WIDE)
SHORTEST_TEXT = 7  # letters and digits; some are in many numbers
SMALLEST, LARGEST = 1e-3, 1e6

VOLTAGE, FREQUENCY, LINE_VOLTAGE = "voltage", "frequency", "line_voltage"
# what a value looks like: (name, lowest, highest) of the value itself
_RANGES = ((FREQUENCY, 45.0, 65.0), (VOLTAGE, 80.0, 300.0), (LINE_VOLTAGE, 340.0, 440.0))
# whole numbers are often tenths, hundredths or thousandths of it; as any number could be, only
# what grids have most of the time is taken for one
_NOMINAL = ((FREQUENCY, 49.7, 50.3), (FREQUENCY, 59.7, 60.3), (VOLTAGE, 220.0, 242.0),
            (VOLTAGE, 114.0, 126.0))  # fmt: skip
_SCALES: dict[str, tuple[float, ...]] = {
    "uint16": (0.1, 0.01), "int16": (0.1, 0.01),
    "uint32": (0.1, 0.01, 0.001), "int32": (0.1, 0.01, 0.001),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """The registers from `address` read as a type in an order; `text` is "" for no value.

    looks_like: voltage, line_voltage, frequency or ""; then `scale` is what to multiply with.
    """

    address: int
    type: str
    order: Order
    text: str
    looks_like: str = ""
    scale: float = 1

    @property
    def key(self) -> str:
        """Name the cell in forms, such as "12:float32:CDAB"."""
        return f"{self.address}:{self.type}:{self.order}"


@dataclass(frozen=True, slots=True)
class Line:
    """One register: as it came, and what begins there; `cells` by the types that were asked."""

    address: int
    word: int
    letters: str
    cells: tuple[Cell | None, ...]

    @property
    def hexadecimal(self) -> str:
        """Return the four digits."""
        return f"{self.word:04X}"


@dataclass(frozen=True, slots=True)
class Text:
    """Printable characters in a row of registers."""

    address: int
    words: int
    order: Order
    text: str

    @property
    def key(self) -> str:
        """Name the text in forms."""
        return f"{self.address}:{STRING}:{self.order}:{self.words}"


@dataclass(frozen=True, slots=True)
class Table:
    """All lines; `heads` are (type, orders). best: the order most float32 look sensible in."""

    lines: tuple[Line, ...]
    heads: tuple[tuple[str, tuple[Order, ...]], ...]
    texts: tuple[Text, ...]
    best: Order | None
    best_share: int = 0


def orders_of(type_name: str) -> tuple[Order, ...]:
    """Return the orders that differ: of one register only its bytes can change places."""
    return (Order.ABCD, Order.BADC) if NUMBERS[type_name].words == 1 else tuple(Order)


def make_table(words: Sequence[int], address: int, types: Sequence[str]) -> Table:
    """Decode registers that begin at `address` in each of the types, at each position."""
    heads = tuple((name, orders_of(name)) for name in SHOWN_TYPES if name in types)
    lines = tuple(
        Line(
            address + at,
            word,
            _letters(word),
            tuple(_cell(words, at, address, name, order) for name, orders in heads
                  for order in orders),
        )
        for at, word in enumerate(words)
    )  # fmt: skip
    best, share = best_order(words)
    return Table(lines, heads, find_texts(words, address), best, share)


def best_order(words: Sequence[int]) -> tuple[Order | None, int]:
    """Return the order in which most 32-bit floats look sensible, and how many percent do.

    None where no order stands out: zeros look sensible in every order, whole numbers in none.
    Values are looked for at every second register from the first on, else from the second: one
    register beside, another order looks nearly as good.
    """
    for start in (0, 1):
        scores = {order: _score(words[start:], order) for order in Order}
        best = max(scores, key=lambda order: scores[order])
        others = max(score for order, score in scores.items() if order != best)
        share = _share(words[start:], best)
        if share >= 0.5 and scores[best] - others >= 0.2:
            return best, round(100 * share)
    return None, 0


def _score(words: Sequence[int], order: Order) -> float:
    """Return 0 to 2: values of a usual size count once, those that look like a voltage twice."""
    values = _floats(words, order)
    likely = sum(bool(look_of(value, "float32")[0]) for value in values)
    return _share(words, order) + likely / len(values) if values else 0.0


def _share(words: Sequence[int], order: Order) -> float:
    values = _floats(words, order)
    good = sum(value is not None and SMALLEST <= abs(value) <= LARGEST for value in values)
    return good / len(values) if values else 0.0


def _floats(words: Sequence[int], order: Order) -> list[float | None]:
    pairs = [words[at : at + 2] for at in range(0, len(words) - 1, 2)]
    values = [decode(pair, "float32", order) for pair in pairs if any(pair)]
    return [value if isinstance(value, float) else None for value in values]


def value_text(value: Value | None) -> str:
    """Return a value as people read it; "" for none."""
    if value is None:
        return ""
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def look_of(value: Value | None, type_name: str) -> tuple[str, float]:
    """Return what a value looks like and by what it is multiplied to be that; ("", 1) if not."""
    if value is None or isinstance(value, str):
        return "", 1
    ranges = _RANGES if isinstance(value, float) else _NOMINAL
    for scale in (1,) if isinstance(value, float) else _SCALES.get(type_name, ()):
        name = next((name for name, low, high in ranges if low <= value * scale <= high), "")
        if name:
            return name, scale
    return "", 1


def find_texts(words: Sequence[int], address: int) -> tuple[Text, ...]:
    """Return rows of printable characters, such as names and serial numbers."""
    found: list[Text] = []
    for order in (Order.ABCD, Order.BADC):
        start = None
        for at, word in enumerate((*words, 0)):
            pair = _bytes(word, order)
            if at < len(words) and pair[0] in _PRINTABLE and pair[1] in _ENDING:
                start = at if start is None else start
                continue
            if start is not None:
                found += _text(words[start:at], address + start, order)
            start = None
    return tuple(sorted(found, key=lambda text: (text.address, text.order)))


_PRINTABLE = frozenset(range(0x20, 0x7F))
_ENDING = _PRINTABLE | {0}


def _text(words: Sequence[int], address: int, order: Order) -> list[Text]:
    text = text_of(b"".join(_bytes(word, order) for word in words)) or ""
    letters = sum(character.isalnum() for character in text)
    if letters < SHORTEST_TEXT or letters * 2 < len(text):
        return []
    return [Text(address, len(words), order, text)]


def _bytes(word: int, order: Order) -> bytes:
    return word.to_bytes(2, "little" if order.bytes_swapped else "big")


def _letters(word: int) -> str:
    return "".join(chr(b) if b in _PRINTABLE else "·" for b in _bytes(word, Order.ABCD))


def _cell(words: Sequence[int], at: int, address: int, type_name: str, order: Order) -> Cell | None:
    """Return what begins at a position; None where the range ends before it does."""
    part = words[at : at + NUMBERS[type_name].words]
    if len(part) < NUMBERS[type_name].words:
        return None
    value = decode(part, type_name, order)
    look, scale = look_of(value, type_name)
    return Cell(address + at, type_name, order, value_text(value), look, scale)
