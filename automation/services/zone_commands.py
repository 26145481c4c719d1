"""Checks that the commands of roles can be given: by whoever saves them, and to these devices."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from automation.control.recipe import Phase
from automation.control.setup import RoleSetup, ZoneSetup
from automation.models import ZoneRole
from automation.services.zone_refusals import ZoneRefused
from devices.command_schema import CommandSpec, ParamSpec, check_params
from devices.models import Device
from devices.safety import MAX_DOSE_ML
from devices.services.command_wire import specs_of
from devices.services.commanders import Commander

PERMISSION = "control:device"


@dataclass(frozen=True, slots=True)
class Known:
    """A device and the commands that it takes."""

    device: Device
    specs: Mapping[str, CommandSpec]


def check_devices(actor: Commander, wanted: ZoneSetup) -> dict[uuid.UUID, Known]:
    """Return the devices of roles. Raises: ZoneRefused: unknown, or not theirs to control."""
    ids = {role.device for role in wanted.roles}
    rows = Device.objects.filter(id__in=ids).select_related("profile")
    known = {row.id: Known(row, specs_of(row)) for row in rows}
    for number, role in enumerate(wanted.roles):
        place = f"roles[{number}]"
        if role.device not in known:
            raise ZoneRefused("unknown_device", _("There is no such object."), f"{place}.device")
        if not actor.has_perm(PERMISSION, known[role.device].device):
            raise ZoneRefused(
                "may_not_control", _("You may not control this device."), f"{place}.device"
            )
        _check_role(role, known[role.device].specs, place)
    return known


def _check_role(role: RoleSetup, specs: Mapping[str, CommandSpec], place: str) -> None:
    spec = specs.get(role.start)
    if spec is None:
        raise ZoneRefused("unknown_command", _("The device takes no such command."),
                          f"{place}.start")  # fmt: skip
    params: dict[str, Any] = dict(role.params)
    if role.amount:
        params[role.amount] = _probe(amount_of(spec, role.amount, f"{place}.amount"))
    check_call(spec, params, f"{place}.params")
    if not role.stop:
        return
    if role.stop not in specs:
        raise ZoneRefused("unknown_command", _("The device takes no such command."),
                          f"{place}.stop")  # fmt: skip
    check_call(specs[role.stop], role.stop_params, f"{place}.stop_params")


def check_call(spec: CommandSpec, params: Mapping[str, Any], place: str) -> None:
    """Refuse parameters that do not fit a command. Raises: ZoneRefused."""
    _values, problems = check_params(spec, params)
    if problems:
        first = problems[0]
        raise ZoneRefused(first.code, f"{first.name}: {first.detail}", place)


def amount_of(spec: CommandSpec, name: str, place: str) -> ParamSpec:
    """Return the parameter that is the amount. Raises: ZoneRefused."""
    for param in spec.params:
        if param.name == name and param.type in {"number", "integer"}:
            return param
    raise ZoneRefused("unknown_param", _("The command has no such number."), place)


def check_ranges(wanted: ZoneSetup, devices: Mapping[uuid.UUID, Known]) -> None:
    """Refuse doses that the device would refuse. Raises: ZoneRefused."""
    roles = {role.name: role for role in wanted.roles}
    for number, one in enumerate(wanted.controllers):
        if one.kind != "dose":
            continue
        for name in filter(None, (one.raises, one.lowers)):
            role = roles[name]
            spec = devices[role.device].specs[role.start]
            limit = _limit(spec, amount_of(spec, role.amount, f"controllers[{number}]"))
            if limit is not None and one.most > limit:
                text = _("The device allows at most %(limit)s at once.") % {"limit": f"{limit:g}"}
                raise ZoneRefused("too_large", text, f"controllers[{number}].most")


def check_phases(phases: Iterable[Phase], roles: Mapping[str, ZoneRole]) -> None:
    """Refuse phases that a zone cannot follow: a role is missing, or takes other parameters.

    Raises: ZoneRefused.
    """
    phases = list(phases)
    missing = sorted({name for phase in phases for name in phase.roles if name not in roles})
    if missing:
        text = _("The zone has no role %(names)s.") % {"names": ", ".join(missing)}
        raise ZoneRefused("missing_role", text, "recipe")
    for phase in phases:
        for one in phase.schedules:
            role = roles[one.role]
            spec = specs_of(role.device).get(role.start)
            if spec is None:
                raise ZoneRefused("unknown_command", _("The device takes no such command."),
                                  "recipe")  # fmt: skip
            _values, problems = check_params(spec, {**role.params, **one.params})
            if problems:
                text = f"{phase.name}, {one.name}: {problems[0].name}: {problems[0].detail}"
                raise ZoneRefused(problems[0].code, text, "recipe")


def _limit(spec: CommandSpec, param: ParamSpec) -> float | None:
    limits = [param.maximum]
    if param.measures == "dose_ml":
        limits.append(spec.limits.max_dose_ml or MAX_DOSE_ML)
    if param.measures == "runtime_s":
        limits.append(spec.limits.max_runtime_s)
    if param.measures == "value":
        limits.append(spec.limits.max_value)
    return min((one for one in limits if one is not None), default=None)


def _probe(param: ParamSpec) -> float:
    """Return some value that fits, to check the other parameters."""
    if param.choices:
        first: float = param.choices[0]
        return first
    return param.minimum if param.minimum is not None else (param.maximum or 1)
