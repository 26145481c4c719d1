"""Units: which exist, how one becomes another, how they are shown and coded.

Stored are short codes such as kW, kvarh, Cel and %: UCUM where UCUM has the unit, the
usual symbol where it has not (`var` does not exist there). `ucum()` gives the exchange code.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache


class UnknownUnit(ValueError):
    """No unit of this name is in the table."""


class IncompatibleUnits(ValueError):
    """Two units measure different quantities, such as kW and kWh."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """value in the target unit = value in the source unit × factor + offset."""

    factor: float
    offset: float

    def apply(self, value: float) -> float:
        """Convert one value; a thousandth is divided by 1000, which is exact more often."""
        inverse = round(1 / self.factor)
        if abs(inverse * self.factor - 1) < 1e-12:
            return value / inverse + self.offset
        return value * self.factor + self.offset


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit relative to the base unit of its quantity: base = value × factor + offset."""

    quantity: str
    factor: float = 1.0
    offset: float = 0.0
    symbol: str = ""
    ucum: str = ""


UNITS: dict[str, Unit] = {
    "W": Unit("active power"),
    "kW": Unit("active power", 1e3),
    "MW": Unit("active power", 1e6),
    "var": Unit("reactive power", ucum="V.A{reactive}"),
    "kvar": Unit("reactive power", 1e3, ucum="kV.A{reactive}"),
    "VA": Unit("apparent power", ucum="V.A"),
    "kVA": Unit("apparent power", 1e3, ucum="kV.A"),
    "mWh": Unit("active energy", 3.6, ucum="mW.h"),
    "Wh": Unit("active energy", 3600.0, ucum="W.h"),
    "kWh": Unit("active energy", 3.6e6, ucum="kW.h"),
    "MWh": Unit("active energy", 3.6e9, ucum="MW.h"),
    "J": Unit("active energy"),
    "MJ": Unit("active energy", 1e6),
    "GJ": Unit("active energy", 1e9),
    "varh": Unit("reactive energy", ucum="V.A.h{reactive}"),
    "kvarh": Unit("reactive energy", 1e3, ucum="kV.A.h{reactive}"),
    "VAh": Unit("apparent energy", ucum="V.A.h"),
    "kVAh": Unit("apparent energy", 1e3, ucum="kV.A.h"),
    "mV": Unit("voltage", 1e-3),
    "V": Unit("voltage"),
    "kV": Unit("voltage", 1e3),
    "mA": Unit("current", 1e-3),
    "A": Unit("current"),
    "Hz": Unit("frequency"),
    "Cel": Unit("temperature", 1.0, 273.15, symbol="°C"),
    "degF": Unit("temperature", 5 / 9, 459.67 * 5 / 9, symbol="°F", ucum="[degF]"),
    "K": Unit("temperature"),
    "1": Unit("ratio", symbol=" "),  # a bare number: nothing is shown
    "%": Unit("ratio", 1e-2),
    "ppm": Unit("ratio", 1e-6, ucum="[ppm]"),
    "ppb": Unit("ratio", 1e-9, ucum="[ppb]"),
    "ug/m3": Unit("concentration", symbol="µg/m³"),
    "lqi": Unit("link quality", ucum="{lqi}"),  # 0 to 255, of a Zigbee radio
    "deg": Unit("angle", symbol="°"),
    "m3": Unit("volume", symbol="m³"),
    "L": Unit("volume", 1e-3),
    "m3/h": Unit("volume flow", symbol="m³/h"),
    "L/min": Unit("volume flow", 0.06),
    "L/h": Unit("volume flow", 1e-3),
    "Pa": Unit("pressure"),
    "hPa": Unit("pressure", 1e2),
    "kPa": Unit("pressure", 1e3),
    "mbar": Unit("pressure", 1e2),
    "bar": Unit("pressure", 1e5),
    "W/m2": Unit("irradiance", symbol="W/m²"),
    "lx": Unit("illuminance"),
    "dBm": Unit("signal strength", ucum="dB[mW]"),
    "s": Unit("time"),
    "min": Unit("time", 60.0),
    "h": Unit("time", 3600.0),
    "By": Unit("information", symbol="B"),
    "kBy": Unit("information", 1e3, symbol="kB"),
    "pH": Unit("acidity", ucum="[pH]"),
    "mS/cm": Unit("conductivity", 1e-1),
    "uS/cm": Unit("conductivity", 1e-4, symbol="µS/cm"),
    "S/m": Unit("conductivity"),
    "g/kWh": Unit("carbon intensity", ucum="g/(kW.h)"),
}

# other spellings met in payloads, register maps and UCUM
SPELLINGS: dict[str, str] = {
    "VAr": "var", "VAR": "var", "kVAr": "kvar", "kVAR": "kvar", "VArh": "varh", "kVArh": "kvarh",
    "W.h": "Wh", "kW.h": "kWh", "V.A": "VA", "kV.A": "kVA", "V.A{reactive}": "var",
    "kV.A{reactive}": "kvar", "V.A.h{reactive}": "varh", "kV.A.h{reactive}": "kvarh",
    "°C": "Cel", "degC": "Cel", "°F": "degF", "[degF]": "degF", "[ppm]": "ppm", "°": "deg",
    "m³": "m3", "l": "L", "m³/h": "m3/h", "l/min": "L/min", "l/h": "L/h", "W/m²": "W/m2",
    "B": "By", "kB": "kBy", "µg/m³": "ug/m3", "lux": "lx",
    "µS/cm": "uS/cm",
}  # fmt: skip


@cache
def conversion(source_unit: str, unit: str) -> Conversion:
    """Return how values in `source_unit` become values in `unit`; blank means "no unit".

    Raises:
        UnknownUnit: a name is not in the table.
        IncompatibleUnits: the units measure different quantities, or only one is blank.
    """
    if source_unit == unit:
        return Conversion(1.0, 0.0)
    if not source_unit or not unit:
        raise IncompatibleUnits(f"{source_unit or 'no unit'} cannot become {unit or 'no unit'}.")
    source, target = find_unit(source_unit), find_unit(unit)
    if source.quantity != target.quantity:
        raise IncompatibleUnits(
            f"{source_unit} is {source.quantity}, {unit} is {target.quantity}: give units of "
            "the same quantity."
        )
    return Conversion(
        source.factor / target.factor, (source.offset - target.offset) / target.factor
    )


def linear(scale: float, source_unit: str, unit: str) -> tuple[float, float, float]:
    """Return factor, divisor and offset: value × factor ÷ divisor + offset is in `unit`.

    350 W ÷ 1000 is 0.35 kW, but × 0.001 is 0.35000000000000003: where the inverse of the
    factor is whole, it divides.

    Raises:
        UnknownUnit, IncompatibleUnits: as `conversion`.
    """
    found = conversion(source_unit, unit)
    factor = scale * found.factor
    inverse = round(1 / factor) if factor else 0
    if 0 < abs(factor) < 1 and abs(inverse * factor - 1) < 1e-12:
        return 1.0, float(inverse), found.offset
    return factor, 1.0, found.offset


def find_unit(code: str) -> Unit:
    """Return a unit by its code or another spelling.

    Raises:
        UnknownUnit: neither is in the table.
    """
    unit = UNITS.get(SPELLINGS.get(code, code))
    if unit is None:
        raise UnknownUnit(f"{code!r} is no known unit; known are: {', '.join(UNITS)}.")
    return unit


def symbol(code: str) -> str:
    """Return what people read, such as °C for Cel; unknown codes show as they are."""
    code = SPELLINGS.get(code, code)
    unit = UNITS.get(code)
    return unit.symbol.strip() if unit and unit.symbol else code


def ucum(code: str) -> str:
    """Return the UCUM code for exchange with other systems.

    Raises:
        UnknownUnit: the unit is not in the table.
    """
    return find_unit(code).ucum or SPELLINGS.get(code, code)
