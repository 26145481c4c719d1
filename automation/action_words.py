"""Actions of automation in words, in the active language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from django.utils.translation import gettext as _

from alarms.words import amount, length
from automation.actions import (
    Action,
    CommandAction,
    DelayAction,
    ModeAction,
    NotifyAction,
    ScheduleAction,
    WebhookAction,
)
from devices.command_schema import CommandSpec


class Names(Protocol):
    """What people call things."""

    @property
    def commands(self) -> Mapping[tuple[str, str], CommandSpec]:
        """Return what devices take, by device and name."""

    def thing(self, key: Any) -> str:
        """Return what something is called."""


def describe_actions(actions: Iterable[Action], words: Names) -> Iterator[str]:
    """Say what is done, one text for each action, in order."""
    for action in actions:
        yield describe_action(action, words)


def describe_action(action: Action, words: Names) -> str:
    """Say what is done, such as: Pump 1: Water (For: 60 s)."""
    match action:
        case CommandAction():
            return _command(action, words)
        case DelayAction(seconds=seconds):
            return _("wait %(time)s") % {"time": length(seconds)}
        case NotifyAction(targets=targets):
            names = ", ".join(words.thing(one) for one in targets)
            return _("tell %(names)s") % {"names": names}
        case WebhookAction(target=target):
            return _("call %(name)s") % {"name": words.thing(target)}
        case ModeAction(zone=zone, mode=mode):
            text = {
                "auto": _("let %(zone)s run automatically"),
                "semi": _("let %(zone)s run half automatically"),
                "manual": _("put %(zone)s under control by hand"),
            }[mode]
            return text % {"zone": words.thing(zone)}
        case ScheduleAction(schedule=schedule, do=do):
            text = {
                "run": _("begin the schedule %(name)s"),
                "enable": _("switch the schedule %(name)s on"),
                "disable": _("switch the schedule %(name)s off"),
            }[do]
            return text % {"name": words.thing(schedule)}
    raise TypeError(action)


def _command(action: CommandAction, words: Names) -> str:
    spec = words.commands.get((str(action.device), action.name))
    known = {one.name: one for one in spec.params} if spec else {}
    params = [
        f"{known[name].label or name}: {_param(value, known[name].unit)}" if name in known
        else f"{name}: {value}"
        for name, value in action.params.items()
    ]  # fmt: skip
    text = f"{words.thing(action.device)}: {spec.label if spec else action.name}"
    if params:
        text += f" ({', '.join(params)})"
    return _("%(what)s and wait until it is done") % {"what": text} if action.wait else text


def _param(value: Any, unit: str) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return amount(float(value), unit) if isinstance(value, int | float) else str(value)
