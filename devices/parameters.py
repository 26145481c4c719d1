"""Checking a configuration against the parameters of a profile.

A profile lists parameters as in devices/profiles/*.yaml; a configuration is a JSON object.
Without any parameter every object is accepted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# codes of the God-Kaiser seed (S3.39), so that its clients understand them
MISSING = "MISSING_REQUIRED_FIELD"
BAD_FORMAT = "INVALID_PAYLOAD_FORMAT"
BAD_SENSOR = "INVALID_SENSOR_TYPE"
BAD_PIN = "INVALID_GPIO_PIN"

TYPES = ("integer", "number", "boolean", "text", "choice", "gpio", "sensor_type", "list", "object")
TEXT_LENGTH = 500
LIST_LENGTH = 200
# pins of an ESP32 that are free for sensors and actuators: 6 to 11 are its flash
ESP32_PINS = frozenset({*range(6), *range(12, 40)} - {20, 24, *range(28, 32)})


_MEMBERS = frozenset(
    {"name", "label", "type", "unit", "min", "max", "choices", "required", "fields"}
)


class BadParameters(ValueError):
    """`DeviceProfile.parameters` cannot be read; the text says where and what to write."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field; `path` is dotted, such as `channels.0.gpio`."""

    code: str
    path: str
    detail: str


def check_configuration(
    body: Mapping[str, Any], parameters: Sequence[Mapping[str, Any]]
) -> list[Problem]:
    """Return everything that is wrong; nothing when the configuration may leave."""
    return list(_object_problems(body, parameters, "")) if parameters else []


def check_parameters(parameters: Any, where: str = "parameters") -> None:
    """Check the list of a profile itself: each has a name of its own and a known type.

    Raises: BadParameters.
    """
    if not isinstance(parameters, list):
        raise BadParameters(f"{where}: write a list of parameters.")
    names: set[str] = set()
    for number, parameter in enumerate(parameters):
        here = f"{where}[{number}]"
        if not isinstance(parameter, Mapping) or not isinstance(parameter.get("name"), str):
            raise BadParameters(f'{here}: write an object with a "name".')
        if unknown := parameter.keys() - _MEMBERS:
            raise BadParameters(
                f"{here}: {_list(sorted(unknown))} unknown; {_list(sorted(_MEMBERS))}."
            )
        if parameter["name"] in names:
            raise BadParameters(f"{here}: {parameter['name']!r} stands twice.")
        names.add(parameter["name"])
        kind = parameter.get("type", "text")
        if kind not in TYPES:
            raise BadParameters(f"{here}.type: {kind!r} is none of {_list(TYPES)}.")
        if kind == "choice" and not parameter.get("choices"):
            raise BadParameters(f"{here}.choices: a choice needs some.")
        if kind in {"list", "object"}:
            check_parameters(parameter.get("fields"), f"{here}.fields")


def _object_problems(
    body: Any, parameters: Sequence[Mapping[str, Any]], path: str
) -> Iterator[Problem]:
    if not isinstance(body, Mapping):
        yield Problem(BAD_FORMAT, path.rstrip("."), "This must be an object.")
        return
    known = {parameter["name"]: parameter for parameter in parameters}
    for name in body:
        if name not in known:
            yield Problem(BAD_FORMAT, f"{path}{name}", f"Unknown; known are {_list(known)}.")
    for name, parameter in known.items():
        if name not in body:
            if parameter.get("required"):
                yield Problem(MISSING, f"{path}{name}", "This is required.")
            continue
        yield from _value_problems(body[name], parameter, f"{path}{name}")


def _value_problems(value: Any, parameter: Mapping[str, Any], path: str) -> Iterator[Problem]:
    kind = parameter.get("type", "text")
    if kind == "object":
        yield from _object_problems(value, parameter.get("fields", ()), f"{path}.")
    elif kind == "list":
        yield from _list_problems(value, parameter, path)
    elif not _fits(value, kind):
        yield Problem(_code_of(kind), path, f"{_show(value)} is no {kind.replace('_', ' ')}.")
    else:
        yield from _limit_problems(value, kind, parameter, path)


def _list_problems(value: Any, parameter: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield Problem(BAD_FORMAT, path, "This must be a list.")
        return
    longest = min(parameter.get("max", LIST_LENGTH), LIST_LENGTH)
    if len(value) > longest:
        yield Problem(BAD_FORMAT, path, f"{len(value)} entries; at most {longest} are allowed.")
        return
    for number, item in enumerate(value):
        yield from _object_problems(item, parameter.get("fields", ()), f"{path}.{number}.")


def _fits(value: Any, kind: str) -> bool:
    """Tell whether a value has the type; a bool is no number."""
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in {"integer", "gpio"}:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and math.isfinite(value)
    return isinstance(value, str) and len(value) <= TEXT_LENGTH and "\0" not in value


def _limit_problems(
    value: Any, kind: str, parameter: Mapping[str, Any], path: str
) -> Iterator[Problem]:
    choices = parameter.get("choices")
    if kind == "gpio" and not choices:
        choices = sorted(ESP32_PINS)
    if choices and value not in choices:
        yield Problem(_code_of(kind), path, f"{_show(value)} is none of {_list(choices)}.")
    if kind not in {"integer", "number"}:
        return
    unit = f" {parameter['unit']}" if parameter.get("unit") else ""
    lowest, highest = parameter.get("min"), parameter.get("max")
    if lowest is not None and value < lowest:
        yield Problem(BAD_FORMAT, path, f"{value:g}{unit} is below {lowest:g}{unit}.")
    if highest is not None and value > highest:
        yield Problem(BAD_FORMAT, path, f"{value:g}{unit} is above {highest:g}{unit}.")


def _code_of(kind: str) -> str:
    return {"gpio": BAD_PIN, "sensor_type": BAD_SENSOR}.get(kind, BAD_FORMAT)


def _show(value: Any) -> str:
    return repr(value)[:60]


def _list(values: Any) -> str:
    return ", ".join(map(str, list(values)[:30])) or "none"
