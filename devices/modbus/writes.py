"""The whitelist of a register map: what may be written to a device, by which command."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from devices.modbus.fields import Row
from devices.modbus.types import BIT, MAX_WORDS, TYPE_NAMES, NotRepresentable, Order, encode
from devices.modbus.types import word_count as count_words

WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS = 5, 6, 15, 16
WRITE_FUNCTIONS = (WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS)
WRITE_FIELDS = (
    *("command", "address", "type", "words", "order", "word_order", "byte_order", "scale"),
    *("unit", "min", "max", "step", "function", "read_back", "value", "before", "after"),
    "scale_register",
)
_STEP_FIELDS = ("address", "type", "value", "order", "word_order", "byte_order", "function")
MAX_EXPONENT = 10


class BadWriteValue(ValueError):
    """The value must not be written; the text says which may."""


@dataclass(frozen=True, slots=True)
class WireWrite:
    """One request that writes; `values` are words, or bits for the functions 5 and 15.

    is_checked: reading it back must give the same values.
    """

    function: int
    address: int
    values: tuple[int, ...]
    is_checked: bool = True

    @property
    def read_function(self) -> int:
        """The function that reads it back."""
        return 1 if self.function in {WRITE_COIL, WRITE_COILS} else 3


@dataclass(frozen=True, slots=True)
class FixedWrite:
    """A constant that is written before or after the value."""

    address: int
    type: str
    value: float
    order: Order
    function: int


@dataclass(frozen=True, slots=True)
class WriteRow:
    """A command and the register it writes.

    value: what is always written; None: what the command says, from `minimum` to `maximum` in
    `unit`, in multiples of `step` from the minimum. before, after: e.g. the time after which a
    limit falls away by itself, before the limit. scale_register: the address of a power of ten,
    to be read (function 3) and given to `requests`.
    """

    command: str
    address: int
    type: str
    words: int
    order: Order
    function: int
    scale: float = 1
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    read_back: bool = True
    value: float | None = None
    before: tuple[FixedWrite, ...] = ()
    after: tuple[FixedWrite, ...] = ()
    scale_register: int | None = None

    def requests(self, value: float | None = None, *, exponent: int = 0) -> tuple[WireWrite, ...]:
        """Return what to write, in order. Stop at the first that fails.

        Args: value: in `unit`; left out where the row has its own. exponent: what the
            scale register holds.
        Raises: BadWriteValue: out of range, between two steps, or without a bit pattern.
        """
        if self.value is not None:
            value = self.value
        if value is None or isinstance(value, bool) or Decimal(str(value)).is_nan():
            raise BadWriteValue(f"{self.command} needs a value{_in(self.unit)}.")
        self._check(value)
        main = self._encoded(self._raw(value, exponent))
        before, after = ([_fixed(step, self.read_back) for step in steps]
                         for steps in (self.before, self.after))  # fmt: skip
        return (*before, main, *after)

    def _check(self, value: float) -> None:
        if self.value is not None:
            return
        if (
            self.minimum is not None
            and value < self.minimum
            or (self.maximum is not None and value > self.maximum)
        ):
            raise BadWriteValue(
                f"{self.command} takes {self.minimum} to {self.maximum}{_in(self.unit)}."
            )
        if self.step:
            steps = (Decimal(str(value)) - Decimal(str(self.minimum or 0))) / Decimal(
                str(self.step)
            )
            if steps != steps.to_integral_value():
                raise BadWriteValue(f"{self.command} takes steps of {self.step}{_in(self.unit)}.")

    def _raw(self, value: float, exponent: int) -> float:
        if not -MAX_EXPONENT <= exponent <= MAX_EXPONENT:
            raise BadWriteValue(
                f"The scale register holds {exponent}: the device has no value now."
            )
        raw = Decimal(str(value)) / Decimal(str(self.scale)) / Decimal(10) ** exponent
        return int(raw) if raw == raw.to_integral_value() else float(raw)

    def _encoded(self, raw: float) -> WireWrite:
        if self.type == BIT:
            return WireWrite(self.function, self.address, (int(bool(raw)),), self.read_back)
        try:
            words = encode(raw, self.type, self.order, words=self.words)
        except NotRepresentable as error:
            raise BadWriteValue(f"{self.command}: {error}") from error
        return WireWrite(self.function, self.address, tuple(words), self.read_back)


def read_write(row: Row, order: Order, base: int) -> WriteRow:
    """Read a row of the whitelist; what is wrong is noted in the row's problems."""
    type_name = row.choice("type", TYPE_NAMES, "uint16")
    words = _words(row, type_name)
    scale = row.number("scale", 1) or 1
    found = WriteRow(
        command=row.text("command"),
        address=row.integer("address", base, 65536 - words + base) - base,
        type=type_name,
        words=words,
        order=order,
        function=_function(row, type_name, words),
        scale=scale,
        unit=row.text("unit", ""),
        minimum=row.number("min"),
        maximum=row.number("max"),
        step=row.number("step"),
        read_back=row.flag("read_back", True),
        value=row.number("value"),
        before=tuple(_read_step(step, order, base) for step in row.rows("before")),
        after=tuple(_read_step(step, order, base) for step in row.rows("after")),
        scale_register=_scale_register(row, base),
    )
    _check_limits(row, found)
    return found


def _scale_register(row: Row, base: int) -> int | None:
    if not row.has("scale_register"):
        return None
    return row.integer("scale_register", base, 65535 + base) - base


def _check_limits(row: Row, found: WriteRow) -> None:
    if (
        found.value is None
        and found.type != BIT
        and (found.minimum is None or found.maximum is None)
    ):
        row.note("min", "min and max must be given: nothing is written without limits")
    if found.minimum is not None and found.maximum is not None and found.minimum > found.maximum:
        row.note("min", f"is above max ({found.minimum} > {found.maximum})")
    if found.step is not None and found.step <= 0:
        row.note("step", "must be above 0")


def _words(row: Row, type_name: str) -> int:
    try:
        return count_words(type_name, row.integer("words", 1, MAX_WORDS) if row.has("words") else 0)
    except ValueError as error:
        row.note("words", str(error))
        return 1


def _function(row: Row, type_name: str, words: int) -> int:
    default = WRITE_COIL if type_name == BIT else WRITE_REGISTER if words == 1 else WRITE_REGISTERS
    found = int(row.choice("function", WRITE_FUNCTIONS, default))
    if (found in {WRITE_COIL, WRITE_COILS}) != (type_name == BIT):
        row.note("function", "5 and 15 write the type bit, 6 and 16 all others")
    if found == WRITE_REGISTER and words > 1:
        row.note("function", f"6 writes one word; {type_name} has {words}: write 16")
    return found


def _read_step(row: Row, order: Order, base: int) -> FixedWrite:
    row.only(*_STEP_FIELDS)
    type_name = row.choice("type", TYPE_NAMES, "uint16")
    words = _words(row, type_name)
    value = row.number("value")
    if value is None:
        row.note("value", "must be given")
    elif type_name != BIT:
        try:
            encode(value, type_name, order, words=words)
        except NotRepresentable as error:
            row.note("value", str(error).rstrip("."))
    address = row.integer("address", base, 65536 - words + base) - base
    return FixedWrite(address, type_name, value or 0, order, _function(row, type_name, words))


def _fixed(step: FixedWrite, is_checked: bool) -> WireWrite:
    if step.type == BIT:
        return WireWrite(step.function, step.address, (int(bool(step.value)),), is_checked)
    words = encode(step.value, step.type, step.order)
    return WireWrite(step.function, step.address, tuple(words), is_checked)


def _in(unit: str) -> str:
    return f" {unit}" if unit else ""
