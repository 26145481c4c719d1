"""What the unit of a formula is, decided before any number is seen. Pure.

A bare number takes the unit of its neighbour: `max(grid, 0)`. A channel without a unit is
plain: only numbers and other plain channels may be added to it, and it counts as a factor.
"""

from __future__ import annotations

from dataclasses import dataclass

from energy.lib.units import UNITS, Conversion, Unit, conversion, find_unit

NUMBER = "number"
PLAIN = ""
_RATIO = "ratio"

# quantities in any order → unit of the product, and base × base in its own base
_PRODUCTS: dict[frozenset[str], tuple[str, float]] = {
    frozenset({"active power", "time"}): ("kWh", 1.0),
    frozenset({"reactive power", "time"}): ("kvarh", 1 / 3600),
    frozenset({"apparent power", "time"}): ("kVAh", 1 / 3600),
    frozenset({"voltage", "current"}): ("kVA", 1.0),
    frozenset({"volume flow", "time"}): ("m3", 1 / 3600),
}
# quantities above and below → unit of the quotient, and base ÷ base in its own base
_QUOTIENTS: dict[tuple[str, str], tuple[str, float]] = {
    ("active energy", "time"): ("kW", 1.0),
    ("reactive energy", "time"): ("kvar", 3600.0),
    ("apparent energy", "time"): ("kVA", 3600.0),
    ("active energy", "active power"): ("h", 1.0),
    ("apparent power", "voltage"): ("A", 1.0),
    ("apparent power", "current"): ("V", 1.0),
    ("active power", "apparent power"): ("1", 1.0),
    ("volume", "time"): ("m3/h", 3600.0),
}


class UnitsDoNotFit(ValueError):
    """Two things of a formula cannot be taken together."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The unit of a result, and by what each side is multiplied first."""

    unit: str
    left: float = 1.0
    right: float = 1.0


def alike(left: str, right: str) -> Merged:
    """Return the unit of a sum, a comparison, or the larger one of two.

    Raises: UnitsDoNotFit.
    """
    if left == right or right == NUMBER:
        return Merged(left)
    if left == NUMBER:
        return Merged(right)
    if PLAIN in {left, right}:
        raise UnitsDoNotFit(f"One side is in {left or right}, the other has no unit.")
    try:
        found = conversion(right, left)
    except ValueError as error:
        raise UnitsDoNotFit(str(error)) from None
    if found.offset:
        raise UnitsDoNotFit(f"{left} and {right} have different zeros; use one of them.")
    return Merged(left, right=found.factor)


def product(left: str, right: str) -> Merged:
    """Return the unit of a product. Raises: UnitsDoNotFit."""
    for one, other in ((left, right), (right, left)):
        if one in {NUMBER, PLAIN}:
            unit = one if other == NUMBER else other
            return Merged(unit)
    first, second = find_unit(left), find_unit(right)
    if second.quantity == _RATIO:
        return Merged(left, right=second.factor)
    if first.quantity == _RATIO:
        return Merged(right, left=first.factor)
    found = _PRODUCTS.get(frozenset({first.quantity, second.quantity}))
    if found is None or first.offset or second.offset:
        raise UnitsDoNotFit(f"{left} times {right} is nothing that can be measured here.")
    return _scaled(found, first.factor * second.factor)


def quotient(left: str, right: str) -> Merged:
    """Return the unit of a quotient. Raises: UnitsDoNotFit."""
    if right in {NUMBER, PLAIN}:
        return Merged(left if left != NUMBER else right)
    second = find_unit(right)
    if second.quantity == _RATIO:
        return Merged(left, right=second.factor)
    if left in {NUMBER, PLAIN}:
        raise UnitsDoNotFit(f"A bare number divided by {right} has no unit here.")
    first = find_unit(left)
    if first.offset or second.offset:
        raise UnitsDoNotFit(f"{left} by {right}: temperatures have no quotient.")
    if first.quantity == second.quantity:
        return Merged("1", right=second.factor / first.factor)
    found = _QUOTIENTS.get((first.quantity, second.quantity))
    if found is None:
        raise UnitsDoNotFit(f"{left} by {right} is nothing that can be measured here.")
    return _scaled(found, first.factor / second.factor)


def result(unit: str, wanted: str) -> Conversion:
    """Return how the value of a formula becomes one in the wanted unit.

    What has no unit takes the wanted one. Raises: UnitsDoNotFit.
    """
    if unit in {NUMBER, PLAIN}:
        return Conversion(1.0, 0.0)
    try:
        return conversion(unit, wanted)
    except ValueError as error:
        raise UnitsDoNotFit(str(error)) from None


def is_known(unit: str) -> bool:
    """Tell whether a unit can be computed with."""
    try:
        find_unit(unit)
    except ValueError:
        return unit == PLAIN
    return True


def _scaled(found: tuple[str, float], factor: float) -> Merged:
    code, into_base = found
    unit: Unit = UNITS[code]
    return Merged(code, left=factor * into_base / unit.factor)
