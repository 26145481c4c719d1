"""Register maps: what `DeviceProfile.register_map` and `ModbusUnit.register_map` mean.

All fields: docs/reference/register-maps.md.

    {"function": 4, "order": "ABCD", "max_block": 80, "max_gap": 16,
     "request_gap_ms": 30, "unit_gap_ms": 200,
     "probe": {"metric": "voltage_l1", "min": 80, "max": 300},
     "identity": {"serial": {"address": 129, "type": "uint32"}},
     "registers": [{"metric": "voltage_l1", "address": 0, "type": "float32", "unit": "V"}],
     "writes": [{"command": "set_limit", "address": 256, "type": "uint16", "scale": 0.1,
                 "unit": "%", "min": 0, "max": 100, "step": 0.1}]}

Addresses count from zero, as they stand on the wire, unless the map says `"one_based": true`.
A value is `raw * scale + offset` in `unit`. `word_order` and `byte_order` ("big" or "little")
may stand in the place of `order`. What a map says of function, order and `invalid` holds for
each row that does not say otherwise. `invalid` lists bit patterns that mean "no value", or the
words "ones" (FFFF), "max" (7FFF) and "min" (8000); for a whole map by sign, such as
{"unsigned": "ones", "signed": "max"}. `rate` is "power", "energy" or "identity"; left out, it
follows from the metric. A row whose `scale_register` is the address of a power of ten is read
together with it. `{"sunspec": "inverter"}` or "meter" has no registers: where they are is
found out by asking the device, see `devices.modbus.sunspec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devices.canonical import COUNTER, TOTAL, lookup
from devices.modbus.fields import BadRegisterMap, Row, whole_number
from devices.modbus.types import (
    BIGGEST,
    BIT,
    BITS,
    MAX_WORDS,
    NUMBERS,
    STRING,
    TYPE_NAMES,
    Order,
    number_type,
    word_count,
)
from devices.modbus.writes import WRITE_FIELDS, WriteRow, read_write

__all__ = ["BadRegisterMap", "Probe", "Register", "RegisterMap", "WriteRow", "read_map"]

COILS, DISCRETE, HOLDING, INPUT = 1, 2, 3, 4
FUNCTIONS = (COILS, DISCRETE, HOLDING, INPUT)
POWER, ENERGY, IDENTITY = "power", "energy", "identity"
RATES = (POWER, ENERGY, IDENTITY)
ORDERS = tuple(str(order) for order in Order)
SUNSPEC_KINDS = ("inverter", "meter")
MAX_REGISTERS = 2000

_ENERGY_UNITS = frozenset({"Wh", "kWh", "MWh", "varh", "kvarh", "Mvarh", "VAh", "kVAh", "MVAh"})
_MAP_FIELDS = (
    *("function", "order", "word_order", "byte_order", "one_based", "max_block", "max_gap"),
    *("request_gap_ms", "unit_gap_ms", "invalid", "probe", "identity", "registers", "writes"),
    "sunspec",
)
_ROW_FIELDS = (
    *("metric", "address", "type", "words", "bit", "function", "order", "word_order"),
    *("byte_order", "scale", "offset", "unit", "rate", "invalid", "min", "max"),
    "scale_register",
)
_PATTERN_WORDS = ("ones", "max", "min")


@dataclass(frozen=True, slots=True)
class Register:
    """A value of a device; `address` counts from zero, `scale_register` is an address too.

    minimum, maximum: of the value in `unit`; one outside is not taken for a measurement.
    invalid: unsigned bit patterns without a value, in the order ABCD.
    """

    metric: str
    address: int
    type: str
    words: int
    function: int = HOLDING
    order: Order = Order.ABCD
    scale: float = 1
    offset: float = 0
    unit: str = ""
    rate: str = POWER
    invalid: frozenset[int] = frozenset()
    minimum: float = -BIGGEST
    maximum: float = BIGGEST
    bit: int | None = None
    scale_register: int | None = None

    @property
    def end(self) -> int:
        """The first address behind the value."""
        return self.address + self.words

    @property
    def span(self) -> tuple[int, int]:
        """What must be read in one request: [first address, address behind the last)."""
        if self.scale_register is None:
            return self.address, self.end
        return min(self.address, self.scale_register), max(self.end, self.scale_register + 1)


@dataclass(frozen=True, slots=True)
class Probe:
    """A value whose range tells whether a unit is of this type."""

    metric: str
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """Everything a poller must know of a type of device; pauses in ms, None where not stated."""

    registers: tuple[Register, ...] = ()
    identity: tuple[Register, ...] = ()
    writes: tuple[WriteRow, ...] = ()
    probe: Probe | None = None
    max_block: int = 100
    max_gap: int = 10
    request_gap_ms: int | None = None
    unit_gap_ms: int | None = None
    sunspec: str = ""

    def of_rate(self, rate: str) -> tuple[Register, ...]:
        """Return the rows to be read at a rate."""
        if rate == IDENTITY:
            return (*self.identity, *(row for row in self.registers if row.rate == IDENTITY))
        return tuple(row for row in self.registers if row.rate == rate)

    def write_of(self, command: str) -> WriteRow | None:
        """Return the row of a command; None: this device cannot be told so."""
        return next((row for row in self.writes if row.command == command), None)


def read_map(raw: Mapping[str, Any]) -> RegisterMap:
    """Read a register map.

    Raises: BadRegisterMap: all that is wrong, by row and field.
    """
    problems: list[str] = []
    whole = Row(raw, "register map", problems)
    whole.only(*_MAP_FIELDS)
    found = _read_whole(whole)
    _check_together(found, whole)
    if problems:
        raise BadRegisterMap(problems)
    return found


def rate_of(metric: str, unit: str = "", type_name: str = "") -> str:
    """Return how often a value is worth reading: counters seldom, texts once."""
    if type_name == STRING:
        return IDENTITY
    known = lookup(metric)
    counts = known is not None and known.kind in {COUNTER, TOTAL}
    return ENERGY if counts or unit in _ENERGY_UNITS else POWER


def read_order(row: Row, default: Order = Order.ABCD) -> Order:
    """Return the order that a row states, as one word or as two."""
    if row.has("order"):
        return Order(row.choice("order", ORDERS, str(default)))
    sides = ("big", "little")
    word = row.choice("word_order", sides, sides[default.low_word_first])
    byte = row.choice("byte_order", sides, sides[default.bytes_swapped])
    names = {("big", "big"): "ABCD", ("little", "big"): "CDAB", ("big", "little"): "BADC"}
    return Order(names.get((word, byte), "DCBA"))


def _read_whole(whole: Row) -> RegisterMap:
    common = _Common(whole)
    identity = whole.child("identity")
    probe = _read_probe(whole.child("probe")) if whole.has("probe") else None
    rows = [_read_register(row, common) for row in whole.rows("registers", "metric")]
    writes = [row for row in whole.rows("writes", "command") if row.is_object]
    for row in writes:
        row.only(*WRITE_FIELDS)
    return RegisterMap(
        registers=tuple(row for row in rows if row),
        identity=tuple(filter(None, (_read_identity(identity, n, common) for n in identity.item))),
        writes=tuple(read_write(row, read_order(row, common.order), common.base) for row in writes),
        probe=probe,
        max_block=whole.integer("max_block", 1, MAX_WORDS, 100),
        max_gap=whole.integer("max_gap", 0, MAX_WORDS - 1, 10),
        request_gap_ms=_pause(whole, "request_gap_ms"),
        unit_gap_ms=_pause(whole, "unit_gap_ms"),
        sunspec=whole.choice("sunspec", SUNSPEC_KINDS, ""),
    )


def _pause(whole: Row, field: str) -> int | None:
    return whole.integer(field, 0, 5000) if whole.has(field) else None


class _Common:
    """What a map says for all its rows."""

    def __init__(self, whole: Row) -> None:
        self.function = whole.choice("function", FUNCTIONS, HOLDING)
        self.order = read_order(whole)
        self.base = int(whole.flag("one_based", False))
        self.invalid: Mapping[str, Any] = {}
        if whole.has("invalid"):
            signs = whole.child("invalid")
            signs.only("unsigned", "signed")
            self.invalid = signs.item


def _read_register(row: Row, common: _Common) -> Register | None:
    if not row.is_object:
        return None
    row.only(*_ROW_FIELDS)
    type_name = row.choice("type", TYPE_NAMES, "uint16")
    if not row.has("type"):
        row.note("type", f"must be given, one of {', '.join(TYPE_NAMES)}")
    words = _read_words(row, type_name)
    metric, unit = row.text("metric"), row.text("unit", "")
    return Register(
        metric=metric,
        address=_read_address(row, "address", words, common.base),
        type=type_name,
        words=words,
        function=row.choice("function", FUNCTIONS, common.function),
        order=read_order(row, common.order),
        scale=_read_scale(row),
        offset=row.number("offset", 0) or 0,
        unit=unit,
        rate=row.choice("rate", RATES, rate_of(metric, unit, type_name)),
        invalid=_read_invalid(row, type_name, words, common.invalid),
        **_read_limits(row),
        bit=row.integer("bit", 0, 16 * words - 1) if row.has("bit") else None,
        scale_register=_read_scale_register(row, common.base),
    )


def _read_identity(identity: Row, name: str, common: _Common) -> Register | None:
    item = identity.item[name]
    item = {"metric": str(name), **item} if isinstance(item, Mapping) else item
    row = Row(item, f"identity ({name})", identity.problems)
    found = _read_register(row, common)
    return found and Register(**{field: getattr(found, field) for field in found.__slots__}
                              | {"rate": IDENTITY})  # fmt: skip


def _read_words(row: Row, type_name: str) -> int:
    try:
        words = row.integer("words", 1, MAX_WORDS) if row.has("words") else 0
        return word_count(type_name, words)
    except ValueError as error:
        row.note("words", str(error))
        return 1


def _read_address(row: Row, field: str, words: int, base: int) -> int:
    return row.integer(field, base, 65536 - words + base) - base


def _read_scale_register(row: Row, base: int) -> int | None:
    return _read_address(row, "scale_register", 1, base) if row.has("scale_register") else None


def _read_scale(row: Row) -> float:
    scale = row.number("scale", 1)
    if not scale:
        row.note("scale", "must not be 0")
        return 1
    return scale


def _read_limits(row: Row) -> dict[str, float]:
    low, high = row.number("min"), row.number("max")
    if low is not None and high is not None and low > high:
        row.note("min", f"is above max ({low} > {high})")
    return {
        "minimum": -BIGGEST if low is None else low,
        "maximum": BIGGEST if high is None else high,
    }


def _read_invalid(
    row: Row, type_name: str, words: int, of_map: Mapping[str, Any]
) -> frozenset[int]:
    if type_name in {STRING, BIT}:
        return frozenset()
    kind = number_type(type_name, words)
    given = row.item.get("invalid")
    if given is None:
        given = () if kind.is_float else of_map.get("signed" if kind.is_signed else "unsigned", ())
    items = given if isinstance(given, list | tuple) else [given]
    patterns = [_pattern(item, kind.bits) for item in items]
    if None in patterns:
        row.note("invalid", f"lists bit patterns of {kind.bits} bits, or {_PATTERN_WORDS}")
    return kind.sentinels | {pattern for pattern in patterns if pattern is not None}


def _pattern(item: object, bits: int) -> int | None:
    named = {"ones": (1 << bits) - 1, "max": (1 << bits - 1) - 1, "min": 1 << bits - 1}
    found = named.get(item) if isinstance(item, str) else None
    found = whole_number(item) if found is None else found
    return found if found is not None and 0 <= found < 1 << bits else None


def _read_probe(row: Row) -> Probe:
    row.only("metric", "min", "max")
    low, high = row.number("min"), row.number("max")
    if low is None or high is None or low >= high:
        row.note("min", "min and max must be given, min below max")
    return Probe(row.text("metric"), low or 0, high or 0)


def _check_together(found: RegisterMap, whole: Row) -> None:
    """Note rows that contradict each other."""
    if len(found.registers) > MAX_REGISTERS:
        whole.note("registers", f"at most {MAX_REGISTERS} rows")
    metrics: set[str] = set()
    for register in found.registers:
        if register.metric in metrics:
            whole.note("registers", f"{register.metric} stands there twice; remove one row")
        metrics.add(register.metric)
        _check_register(register, found, whole, "registers")
    for register in found.identity:
        _check_register(register, found, whole, "identity")
    if found.probe and found.probe.metric not in metrics:
        whole.note("probe", f"{found.probe.metric!r} is not the metric of a row of registers")
    commands = [row.command for row in found.writes]
    for command in sorted({name for name in commands if commands.count(name) > 1}):
        whole.note("writes", f"{command} stands there twice; remove one row")
    if found.sunspec and found.registers:
        whole.note("sunspec", "a map with registers is not found out by asking; remove one of both")
    _check_overlaps(found.registers, whole)


def _check_register(register: Register, found: RegisterMap, whole: Row, kind: str) -> None:
    where = f"{kind} ({register.metric})"
    is_bit_function = register.function in {COILS, DISCRETE}
    if is_bit_function != (register.type == BIT and register.bit is None):
        if is_bit_function:
            whole.note(where, f"function {register.function} reads single bits; write type: bit")
        elif register.bit is None and register.type == BIT:
            whole.note(where, "type bit of a register needs bit, 0 to 15")
    if register.bit is not None and register.type not in {BIT, BITS}:
        whole.note(where, "bit is for the types bit and bits")
    if register.scale_register is not None and (is_bit_function or register.type not in NUMBERS):
        whole.note(where, "scale_register is for numbers")
    if is_bit_function:
        return
    first, end = register.span
    if end - first > found.max_block:
        whole.note(where, f"needs {end - first} words in one request; max_block is too small")


def _check_overlaps(registers: tuple[Register, ...], whole: Row) -> None:
    last: Register | None = None
    for row in sorted(registers, key=lambda row: (row.function, row.address, -row.words)):
        is_near = last is not None and row.function == last.function
        if last and is_near and row.address < last.end and not share_bits(last, row):
            rows = f"{last.metric} ({last.address}, {last.words} words) and {row.metric}"
            whole.note("registers", f"{rows} ({row.address}) overlap; correct one address")
        if last is None or not is_near or row.end >= last.end:
            last = row


def share_bits(one: Register, other: Register) -> bool:
    """Tell whether two rows take single bits of the same word."""
    same_place = one.address == other.address and one.words == other.words
    return same_place and one.bit is not None and other.bit is not None
