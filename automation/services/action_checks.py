"""Whether what a list of actions names is there, and may be asked for by this person."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Q
from django.utils.translation import gettext as _

from alarms.models import NotificationTarget, TargetKind
from automation.actions import (
    Action,
    CommandAction,
    ModeAction,
    NotifyAction,
    ScheduleAction,
    WebhookAction,
)
from automation.models import Schedule
from automation.services.command_checks import CONTROL, find_problem, may_not_control
from automation.services.schedule_refusals import ScheduleRefused
from devices.models import Device, Zone
from devices.services.commanders import Commander


def check_named(actions: Sequence[Action], field: str, actor: Commander) -> None:
    """Refuse actions that name what is not there, or command what a person may not.

    Args: field: where the actions stand, such as `actions`.

    Raises: ScheduleRefused.
    """
    devices = commanded_devices(actions)
    for number, action in enumerate(actions):
        place = f"{field}[{number}]"
        match action:
            case CommandAction():
                _check_command(action, devices.get(action.device), place, actor)
            case NotifyAction(targets=targets):
                for index, target in enumerate(targets):
                    _check_target(target, f"{place}.targets[{index}]", actor)
            case WebhookAction(target=target):
                _check_target(target, f"{place}.target", actor, kind=TargetKind.WEBHOOK)
            case ModeAction(zone=zone):
                _find(Zone.objects.filter(id=zone).exists(), "zone", f"{place}.zone")
                _may_control(actor, None, place)
            case ScheduleAction(schedule=schedule):
                _find(
                    Schedule.objects.filter(id=schedule).exists(), "schedule", f"{place}.schedule"
                )
                _may_control(actor, None, place)


def check_control(actions: Iterable[Action], field: str, actor: Commander) -> None:
    """Refuse a person who may not control all devices that are commanded.

    Devices that are gone are passed over: their commands fail when it comes to them.

    Raises: ScheduleRefused.
    """
    actions = list(actions)
    devices = commanded_devices(actions)
    for number, action in enumerate(actions):
        if isinstance(action, CommandAction) and action.device in devices:
            _may_control(actor, devices[action.device], f"{field}[{number}].device")
        elif isinstance(action, ModeAction | ScheduleAction):
            _may_control(actor, None, f"{field}[{number}]")


def commanded_devices(actions: Iterable[Action]) -> Mapping[uuid.UUID, Device]:
    """Return the devices that commands name and that are there, with their profiles."""
    ids = {action.device for action in actions if isinstance(action, CommandAction)}
    rows = Device.objects.filter(id__in=ids).select_related("profile") if ids else ()
    return {row.id: row for row in rows}


def _check_command(
    action: CommandAction, device: Device | None, place: str, actor: Commander
) -> None:
    _find(device is not None, "device", f"{place}.device")
    assert device is not None  # noqa: S101 (found)
    _may_control(actor, device, f"{place}.device")
    problem = find_problem(device, action, place)
    if problem is not None:
        raise ScheduleRefused(*problem)


def _check_target(target: uuid.UUID, place: str, actor: Commander, *, kind: str = "") -> None:
    own = getattr(actor, "pk", None)
    mine = Q(person=None) | Q(person=own) if own else Q(person=None)
    rows = NotificationTarget.objects.filter(mine, id=target)
    _find((rows.filter(kind=kind) if kind else rows).exists(), "target", place)


def _may_control(actor: Commander, device: Device | None, place: str) -> None:
    if not actor.has_perm(CONTROL, device):
        raise ScheduleRefused(*may_not_control(place))


def _find(is_there: bool, kind: str, place: str) -> None:
    if not is_there:
        raise ScheduleRefused(f"unknown_{kind}", _("There is no such object."), place)
