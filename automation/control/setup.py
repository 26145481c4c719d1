"""How a zone is set up, as it is asked for: who does what in it, and what acts by itself.

{"roles": [{"name": "ph_down", "device": "…", "start": "dose", "amount": "ml"}],
 "controllers": [{"name": "pH", "kind": "dose", "metric": "ph", "channel": 7,
                  "lowers": "ph_down", "deadband": 0.1, "gain": 10, "least": 2, "most": 10,
                  "pause_seconds": 600, "per_day": 60}]}
"""

from __future__ import annotations

import math
import uuid
from typing import Annotated, Any, Literal

import msgspec

from automation.control.recipe import Metric, Role
from energy.lib.documents import read_document

MAX_BYTES = 131_072
MAX_ROLES = 30
MAX_CONTROLLERS = 20
LEAST_PAUSE = 10

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"\S")]
Command = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Params = dict[str, bool | int | float | str]


class BadSetup(ValueError):
    """A set-up that cannot be used.

    `field` is the place, such as `controllers[0].most`; `code` one of bad_shape, too_large,
    not_finite, twice, unknown_role, needed, out_of_order. `message` says what to do.
    """

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.code = code
        self.field = field
        self.message = message


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An object in which a misspelt member is refused."""


class RoleSetup(_Strict, frozen=True):
    """A role; fields as those of `ZoneRole`."""

    name: Role
    device: uuid.UUID
    start: Command
    params: Params = msgspec.field(default_factory=dict)
    amount: Annotated[str, msgspec.Meta(max_length=64)] = ""
    stop: Annotated[str, msgspec.Meta(max_length=64)] = ""
    stop_params: Params = msgspec.field(default_factory=dict)


class ControllerSetup(_Strict, frozen=True):
    """A controller; fields as those of `ZoneController`."""

    name: Name
    kind: Literal["dose", "switch", "setpoint"]
    metric: Metric
    channel: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] | None = None
    raises: Annotated[str, msgspec.Meta(max_length=40)] = ""
    lowers: Annotated[str, msgspec.Meta(max_length=40)] = ""
    target: float | None = None
    deadband: Amount = 0.0
    gain: Amount = 0.0
    least: Amount = 0.0
    most: Amount = 0.0
    pause_seconds: Annotated[int, msgspec.Meta(ge=LEAST_PAUSE, le=86_400)] = 300
    per_hour: Amount | None = None
    per_day: Amount | None = None
    max_age_seconds: Annotated[int, msgspec.Meta(ge=5, le=86_400)] = 300
    is_enabled: bool = False


class ZoneSetup(_Strict, frozen=True):
    """All of a zone."""

    roles: Annotated[tuple[RoleSetup, ...], msgspec.Meta(max_length=MAX_ROLES)] = ()
    controllers: Annotated[
        tuple[ControllerSetup, ...], msgspec.Meta(max_length=MAX_CONTROLLERS)
    ] = ()


def read_setup(document: bytes | dict[str, Any]) -> ZoneSetup:
    """Return a set-up, every member of its type and all of it consistent. Raises: BadSetup."""
    found = read_document(document, ZoneSetup, most_bytes=MAX_BYTES, refuse=BadSetup)
    roles = {role.name: role for role in found.roles}
    _refuse_twice([role.name for role in found.roles], "roles")
    _refuse_twice([one.name for one in found.controllers], "controllers")
    for number, one in enumerate(found.controllers):
        _check(one, roles, f"controllers[{number}]")
    return found


def write_setup(setup: ZoneSetup) -> dict[str, Any]:
    """Return a set-up as it is shown and exported."""
    written: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(setup))
    return written


def _check(one: ControllerSetup, roles: dict[str, RoleSetup], place: str) -> None:
    for member in ("target", "deadband", "gain", "least", "most", "per_hour", "per_day"):
        value = getattr(one, member)
        if value is not None and not math.isfinite(value):
            raise BadSetup("not_finite", f"{place}.{member}", "Write a number.")
    used = [(side, getattr(one, side)) for side in ("raises", "lowers") if getattr(one, side)]
    if not used:
        raise BadSetup("needed", f"{place}.raises", "Choose who raises or lowers the value.")
    for side, name in used:
        if name not in roles:
            raise BadSetup("unknown_role", f"{place}.{side}", "The zone has no such role.")
        _check_role(one, roles[name], f"{place}.{side}")
    if one.raises == one.lowers:
        raise BadSetup("twice", f"{place}.lowers", "One role does not raise and lower.")
    if one.kind != "setpoint" and one.channel is None:
        raise BadSetup("needed", f"{place}.channel", "Choose what is measured.")
    if one.kind == "dose":
        _check_dose(one, place)


def _check_role(one: ControllerSetup, role: RoleSetup, place: str) -> None:
    if one.kind != "switch" and not role.amount:
        raise BadSetup("needed", place, "The role does not say which parameter is the amount.")
    if one.kind == "switch" and not role.stop:
        raise BadSetup("needed", place, "The role does not say which command stops it.")


def _check_dose(one: ControllerSetup, place: str) -> None:
    if not one.most > 0:
        raise BadSetup("needed", f"{place}.most", "Give the largest dose.")
    if one.most < one.least:
        raise BadSetup("out_of_order", f"{place}.most", "It is below the smallest dose.")
    if not (one.gain > 0 or one.least > 0):
        raise BadSetup("needed", f"{place}.gain", "Give an amount for a deviation of 1.")
    if one.per_day is None:
        raise BadSetup("needed", f"{place}.per_day", "Give the most in 24 hours.")


def _refuse_twice(names: list[str], place: str) -> None:
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name.strip() in seen:
            raise BadSetup("twice", f"{place}[{number}].name", "This stands there twice.")
        seen.add(name.strip())
