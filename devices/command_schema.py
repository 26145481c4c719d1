"""What `DeviceProfile.commands` means: the commands a type of device takes.

A list of objects, one per command:

    {"name": "set_position", "label": "Set position", "effect": "set", "actuator": "valve1",
     "params": [{"name": "percent", "type": "number", "min": 0, "max": 100, "unit": "%",
                 "required": true}],
     "limits": {"max_value": 80, "min_off_s": 30}}

`actuator` "{channel}" takes its name from the parameter `channel`. A parameter with `measures`
"value", "runtime_s" or "dose_ml" tells the safety check what it means.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from devices.topic_segments import is_safe_segment


class Effect(StrEnum):
    """What a command does to an actuator; OFF and READ pass wherever ON is refused."""

    ON = "on"
    OFF = "off"
    SET = "set"  # a value; zero is as OFF
    READ = "read"
    NONE = "none"


TYPES = ("number", "integer", "boolean", "string")
MEASURES = ("value", "runtime_s", "dose_ml")
MAX_TEXT = 500
# what a parameter means when its name says it
_MEASURED_BY_NAME = {
    "runtime_s": "runtime_s", "duration_s": "runtime_s", "duration": "runtime_s",
    "seconds": "runtime_s", "duration_ms": "runtime_s", "dose_ml": "dose_ml", "ml": "dose_ml",
    "percent": "value", "position": "value", "value": "value", "duty": "value",
}  # fmt: skip


class BadCommandSchema(ValueError):
    """`DeviceProfile.commands` does not have the form above."""


@dataclass(frozen=True, slots=True)
class ParamProblem:
    """Why a parameter does not fit: a stable code, and a text for people."""

    name: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class ParamSpec:
    """A parameter of a command."""

    name: str
    type: str = "number"
    label: str = ""
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Any, ...] = ()
    required: bool = False
    default: Any = None
    measures: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a command may go; None: the default of devices.safety, or none."""

    max_runtime_s: float | None = None
    min_off_s: float | None = None
    min_value: float | None = None
    max_value: float | None = None
    max_dose_ml: float | None = None


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A command that a type of device takes."""

    name: str
    label: str = ""
    effect: Effect = Effect.NONE
    actuator: str = ""
    params: tuple[ParamSpec, ...] = ()
    limits: Limits = field(default_factory=Limits)

    def actuator_for(self, params: Mapping[str, Any]) -> str:
        """Return the actuator, taken from the parameters where the profile says so."""
        if self.actuator.startswith("{") and self.actuator.endswith("}"):
            return str(params.get(self.actuator[1:-1], ""))
        return self.actuator

    def measured(self, params: Mapping[str, Any], what: str) -> float | None:
        """Return what the parameters say of a quantity: seconds, ml or a value."""
        for spec in self.params:
            given = params.get(spec.name)
            if spec.measures == what and isinstance(given, int | float):
                return given / 1000 if spec.name.endswith("_ms") else float(given)
        return None


def read_commands(raw: object) -> dict[str, CommandSpec]:
    """Read the commands of a profile, by name.

    Raises: BadCommandSchema: says which command and what is wrong with it.
    """
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        raise BadCommandSchema("commands must be a list.")
    found: dict[str, CommandSpec] = {}
    for number, item in enumerate(raw):
        spec = _read_command(item, f"commands[{number}]")
        if spec.name in found:
            raise BadCommandSchema(f"commands[{number}]: {spec.name} stands there twice.")
        found[spec.name] = spec
    return found


def check_params(
    spec: CommandSpec, params: Mapping[str, Any]
) -> tuple[dict[str, Any], list[ParamProblem]]:
    """Return the parameters with defaults, and what does not fit."""
    known = {param.name: param for param in spec.params}
    problems = [
        ParamProblem(name, "unknown_param", f"{spec.name} takes: {', '.join(known) or 'nothing'}.")
        for name in params
        if name not in known
    ]
    values: dict[str, Any] = {}
    for param in spec.params:
        given = params.get(param.name, param.default)
        if given is None:
            if param.required:
                problems.append(ParamProblem(param.name, "required", "This must be given."))
            continue
        problem = _check_value(param, given)
        if problem:
            problems.append(problem)
        else:
            values[param.name] = given
    return values, problems


def _read_command(item: object, where: str) -> CommandSpec:
    if not isinstance(item, Mapping):
        raise BadCommandSchema(f"{where} must be an object.")
    _refuse_unknown(item, ("name", "label", "effect", "actuator", "params", "limits"), where)
    name = item.get("name")
    if not isinstance(name, str) or not is_safe_segment(name):
        raise BadCommandSchema(f"{where}: name must be 1 to 64 letters, digits or . : _ -")
    actuator = item.get("actuator", "")
    params = tuple(
        _read_param(param, f"{where} {name}.params[{number}]")
        for number, param in enumerate(item.get("params") or ())
    )
    _check_actuator(str(actuator), {param.name for param in params}, f"{where} {name}")
    try:
        effect = Effect(item.get("effect", "none"))
    except ValueError as error:
        raise BadCommandSchema(f"{where} {name}: effect is one of {', '.join(Effect)}.") from error
    if effect in {Effect.ON, Effect.OFF, Effect.SET} and not actuator:
        raise BadCommandSchema(f"{where} {name}: effect {effect} needs an actuator.")
    limits = _read_limits(item.get("limits") or {}, f"{where} {name}")
    return CommandSpec(name, str(item.get("label") or name), effect, str(actuator), params, limits)


def _check_actuator(actuator: str, params: set[str], where: str) -> None:
    if not actuator or is_safe_segment(actuator):
        return
    if actuator.startswith("{") and actuator.endswith("}") and actuator[1:-1] in params:
        return
    raise BadCommandSchema(f"{where}: actuator must be a name, or {{parameter}}.")


def _read_param(item: object, where: str) -> ParamSpec:
    if not isinstance(item, Mapping):
        raise BadCommandSchema(f"{where} must be an object.")
    allowed = ("name", "type", "label", "unit", "min", "max", "choices", "required", "default",
               "measures")  # fmt: skip
    _refuse_unknown(item, allowed, where)
    name, kind = item.get("name"), item.get("type", "number")
    if not isinstance(name, str) or not name.isidentifier():
        raise BadCommandSchema(f"{where}: name must be letters, digits and _.")
    if kind not in TYPES:
        raise BadCommandSchema(f"{where}: type is one of {', '.join(TYPES)}.")
    measures = item.get("measures", _MEASURED_BY_NAME.get(name, ""))
    if measures and measures not in MEASURES:
        raise BadCommandSchema(f"{where}: measures is one of {', '.join(MEASURES)}.")
    return ParamSpec(
        name=name,
        type=kind,
        label=str(item.get("label") or name),
        unit=str(item.get("unit") or ""),
        minimum=_number(item.get("min"), f"{where}.min"),
        maximum=_number(item.get("max"), f"{where}.max"),
        choices=tuple(item.get("choices") or ()),
        required=bool(item.get("required", False)),
        default=item.get("default"),
        measures=measures if kind in {"number", "integer"} else "",
    )


def _read_limits(item: object, where: str) -> Limits:
    if not isinstance(item, Mapping):
        raise BadCommandSchema(f"{where}: limits must be an object.")
    names = ("max_runtime_s", "min_off_s", "min_value", "max_value", "max_dose_ml")
    _refuse_unknown(item, names, f"{where}.limits")
    return Limits(**{name: _number(item.get(name), f"{where}.limits.{name}") for name in names})


def _check_value(param: ParamSpec, given: Any) -> ParamProblem | None:
    if not _has_type(param.type, given):
        return ParamProblem(param.name, "wrong_type", f"This must be of type {param.type}.")
    if param.choices and given not in param.choices:
        offered = ", ".join(map(str, param.choices))
        return ParamProblem(param.name, "invalid_choice", f"One of: {offered}.")
    if param.type in {"number", "integer"}:
        unit = f" {param.unit}" if param.unit else ""
        if param.minimum is not None and given < param.minimum:
            return ParamProblem(param.name, "too_small", f"At least {param.minimum:g}{unit}.")
        if param.maximum is not None and given > param.maximum:
            return ParamProblem(param.name, "too_large", f"At most {param.maximum:g}{unit}.")
    if isinstance(given, str) and len(given) > MAX_TEXT:
        return ParamProblem(param.name, "too_long", f"At most {MAX_TEXT} characters.")
    return None


def _has_type(kind: str, given: Any) -> bool:
    if kind == "boolean":
        return isinstance(given, bool)
    if kind == "string":
        return isinstance(given, str)
    if isinstance(given, bool) or not isinstance(given, int | float):
        return False
    return math.isfinite(given) and (kind == "number" or float(given).is_integer())


def _refuse_unknown(item: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    unknown = sorted(set(map(str, item)) - set(known))
    if unknown:
        raise BadCommandSchema(
            f"{where}: unknown {', '.join(unknown)}; known are {', '.join(known)}."
        )


def _number(given: Any, where: str) -> float | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise BadCommandSchema(f"{where} must be a number.")
    return float(given)
