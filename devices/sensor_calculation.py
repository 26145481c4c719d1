"""What a device's configuration says of its sensors, and how raw numbers become values.

    {"sensors": [{"gpio": 34, "type": "ph", "unit": "pH", "calculation": {
        "method": "two_point", "raw_low": 1500, "value_low": 4.01, "raw_high": 2150,
        "value_high": 7.0, "compensation": "ph", "temperature_gpio": 4}}]}

Methods: `linear` slope × raw + offset; `polynomial` c0 + c1 × raw + c2 × raw² + c3 × raw³;
`two_point` the line through two calibration points. Then, if asked, the value is brought to
25 °C: `ph` after Nernst, around pH 7; `ec` by `coefficient` per kelvin, 0.019 by default.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

METHODS = ("linear", "polynomial", "two_point")
COMPENSATIONS = ("ph", "ec")
MAX_SENSORS = 200
REFERENCE_C, ZERO_C = 25.0, -273.15
NEUTRAL_PH = 7.0
USUAL_COEFFICIENT = 0.019


class CalculationError(ValueError):
    """A raw number of which no value can be made; the text says why."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor of a configuration; `temperature_gpio` is the pin that measures °C beside it."""

    gpio: int
    type: str
    unit: str = ""
    method: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    compensation: str = ""
    temperature_gpio: int | None = None

    @property
    def is_calculated(self) -> bool:
        """Tell whether the server makes its values."""
        return bool(self.method)


def read_sensors(body: Any) -> dict[tuple[int, str], Sensor]:
    """Return the sensors of a configuration by pin and type; what is none is passed over."""
    entries = body.get("sensors") if isinstance(body, Mapping) else None
    sensors: dict[tuple[int, str], Sensor] = {}
    for entry in entries[:MAX_SENSORS] if isinstance(entries, list) else ():
        sensor = _read_sensor(entry)
        if sensor is not None:
            sensors[sensor.gpio, sensor.type] = sensor
    return sensors


def _read_sensor(entry: Any) -> Sensor | None:
    match entry:
        case {"gpio": int(gpio), "type": str(kind)}:
            pass
        case _:
            return None
    calculation = entry.get("calculation")
    if not isinstance(calculation, Mapping) or entry.get("enhanced") is False:
        calculation = {}
    pin = calculation.get("temperature_gpio")
    return Sensor(
        gpio=gpio,
        type=kind.lower(),
        unit=_text(entry.get("unit")),
        method=_text(calculation.get("method")),
        numbers={k: float(v) for k, v in calculation.items() if _is_number(v)},
        compensation=_text(calculation.get("compensation")),
        temperature_gpio=pin if isinstance(pin, int) else None,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def calculate(sensor: Sensor, raw: float, *, temperature: float | None = None) -> float:
    """Return the value of a raw number; without a temperature nothing is compensated.

    Raises:
        CalculationError: the configuration is incomplete, or the result is no number.
    """
    try:
        value = _FORMULAS[sensor.method](raw, _Numbers(sensor.numbers))
        if sensor.compensation and temperature is not None:
            value = _compensate(sensor, value, temperature)
    except KeyError as error:
        raise CalculationError(f"The configuration says nothing of {error.args[0]}.") from None
    except (OverflowError, ZeroDivisionError):
        raise CalculationError(f"{raw:g} leads to no number.") from None
    if not math.isfinite(value):
        raise CalculationError(f"{raw:g} leads to no number.")
    return value


class _Numbers(dict[str, float]):
    """The numbers of a calculation."""

    def some(self, *names: str) -> Iterable[float]:
        """Return several; those that are not given are zero."""
        return (self.get(name, 0.0) for name in names)


def _linear(raw: float, given: _Numbers) -> float:
    return given["slope"] * raw + given.get("offset", 0.0)


def _polynomial(raw: float, given: _Numbers) -> float:
    if not given.keys() & {"c0", "c1", "c2", "c3"}:
        raise KeyError("c0 to c3")
    value = 0.0
    for coefficient in given.some("c3", "c2", "c1", "c0"):
        value = value * raw + coefficient
    return value


def _two_point(raw: float, given: _Numbers) -> float:
    low, high = given["raw_low"], given["raw_high"]
    if low == high:
        raise CalculationError("Both calibration points have the same raw number.")
    share = (raw - low) / (high - low)
    return given["value_low"] + share * (given["value_high"] - given["value_low"])


_FORMULAS = {"linear": _linear, "polynomial": _polynomial, "two_point": _two_point}


def _compensate(sensor: Sensor, value: float, temperature: float) -> float:
    if not -10 <= temperature <= 110:
        raise CalculationError(f"{temperature:g} °C is no temperature of water.")
    if sensor.compensation == "ph":
        warmth = (REFERENCE_C - ZERO_C) / (temperature - ZERO_C)
        return NEUTRAL_PH + (value - NEUTRAL_PH) * warmth
    if sensor.compensation == "ec":
        coefficient = sensor.numbers.get("coefficient", USUAL_COEFFICIENT)
        return value / (1 + coefficient * (temperature - REFERENCE_C))
    raise CalculationError(f"{sensor.compensation!r} is none of {', '.join(COMPENSATIONS)}.")
