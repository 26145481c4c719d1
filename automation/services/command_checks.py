"""Whether a device takes a command as it is given, for rules and schedules alike."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.translation import gettext as _

from automation.actions import CommandAction
from devices.command_schema import check_params
from devices.models import Device
from devices.services.command_wire import specs_of

CONTROL = "control:device"


class Problem(NamedTuple):
    """What is wrong with a command, and where; as the fields of a refusal."""

    code: str
    detail: str
    field: str


def find_problem(device: Device, action: CommandAction, place: str) -> Problem | None:
    """Return the first thing that does not fit the profile. Args: place: of the action."""
    unknown = find_unknown(device, action.name, f"{place}.name")
    if unknown is not None:
        return unknown
    for problem in check_params(specs_of(device)[action.name], action.params)[1]:
        return Problem(problem.code, problem.detail, f"{place}.params.{problem.name}")
    return None


def find_unknown(device: Device, name: str, field: str) -> Problem | None:
    """Return what is wrong if a device takes no such command."""
    specs = specs_of(device)
    if name in specs:
        return None
    known = ", ".join(sorted(specs)) or _("none")
    detail = _("%(device)s has no such command. It takes: %(known)s.")
    return Problem("unknown_command", detail % {"device": device.name, "known": known}, field)


def may_not_control(field: str) -> Problem:
    """Return what is wrong when somebody may not control what they command."""
    detail = _("You may not control this: somebody who may must save it.")
    return Problem("may_not_control", detail, field)
