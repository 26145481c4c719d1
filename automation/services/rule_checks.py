"""Whether what a rule names is there, may be seen, and can be told to do what is asked."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from django.db.models import Q
from django.utils.translation import gettext as _

from alarms.models import AlarmRule, NotificationTarget, TargetKind
from automation.actions import CommandAction, ModeAction, ScheduleAction, WebhookAction
from automation.models import Schedule
from automation.rules.compiled import compile_condition
from automation.rules.definition import (
    BadRule,
    OnCommand,
    RuleDefinition,
    conditions,
    read_rule,
    write_rule,
)
from automation.services.command_checks import (
    CONTROL,
    find_problem,
    find_unknown,
    may_not_control,
)
from automation.services.ready import units_of
from automation.services.rule_names import Kind, Named, names_in
from automation.services.rule_refusals import RuleRefused, refusal_of
from devices.models import Channel, Device, Site, Zone
from devices.services.commanders import Commander

# what one must be allowed to see in order to name it
_CODES = {
    Kind.CHANNEL: "read:telemetry", Kind.DEVICE: "read:device", Kind.SITE: "read:site",
    Kind.ZONE: "read:site", Kind.TARGET: "read:alarm", Kind.SCHEDULE: "read:schedule",
    Kind.RULE: "read:alarm",
}  # fmt: skip


def read_definition(definition: Mapping[str, Any]) -> RuleDefinition:
    """Return a definition whose members fit. Raises: RuleRefused."""
    try:
        rule = read_rule(dict(definition))
    except BadRule as error:
        raise refusal_of(error) from None
    if b"\\u0000" in msgspec.json.encode(rule):
        raise RuleRefused("bad_shape", _("The character NUL stands in it."), "definition")
    return rule


def check_definition(
    rule: RuleDefinition, *, actor: Commander, known: Iterable[Named] = ()
) -> None:
    """Refuse what could not be done, or names what this person may not see.

    Args: known: names of the version before; targets of others may stay.

    Raises: RuleRefused.
    """
    named = names_in(write_rule(rule))
    _check_named(named, actor, {str(one.key) for one in known})
    _check_formulas(rule, named)
    devices = _devices(named)
    for number, trigger in enumerate(rule.when):
        if isinstance(trigger, OnCommand) and trigger.name:
            problem = find_unknown(devices[trigger.device], trigger.name, f"when[{number}].name")
            if problem is not None:
                raise RuleRefused(*problem)
    _check_commands(rule, devices)
    _check_webhooks(rule)


def check_control(rule: RuleDefinition, actor: Commander) -> None:
    """Refuse actions that command devices where the person may not. Raises: RuleRefused."""
    devices = _devices(names_in({"then": write_rule(rule)["then"]}))
    for number, action in enumerate(rule.then):
        of = None
        if isinstance(action, CommandAction):
            of = devices.get(action.device)
        elif not isinstance(action, ModeAction | ScheduleAction):
            continue
        if not actor.has_perm(CONTROL, of):
            raise RuleRefused(*may_not_control(f"then[{number}]"))


def _check_named(named: list[Named], actor: Commander, known: set[str]) -> None:
    there = _there(named, getattr(actor, "pk", None))
    for one in named:
        if not actor.has_perm(_CODES[one.kind]) and str(one.key) not in known:
            detail = _("You may not see what stands here.")
            raise RuleRefused("may_not_read", detail, one.place)
        is_there = str(one.key) in there[one.kind]
        is_kept = one.kind == Kind.TARGET and str(one.key) in known
        if not is_there and not is_kept:
            raise RuleRefused(f"unknown_{one.kind}", _("There is no such object."), one.place)


def _there(named: Iterable[Named], person: uuid.UUID | None) -> dict[Kind, set[str]]:
    keys: dict[Kind, set[Any]] = {kind: set() for kind in Kind}
    for one in named:
        keys[one.kind].add(one.key)
    mine = Q(person=None) | Q(person=person) if person else Q(person=None)
    rows: dict[Kind, Callable[[], Any]] = {
        Kind.CHANNEL: Channel.objects.all, Kind.DEVICE: Device.objects.all,
        Kind.SITE: Site.objects.all, Kind.ZONE: Zone.objects.all,
        Kind.TARGET: lambda: NotificationTarget.objects.filter(mine),
        Kind.SCHEDULE: Schedule.objects.all, Kind.RULE: AlarmRule.objects.all,
    }  # fmt: skip
    return {
        kind: {str(key) for key in rows[kind]().filter(pk__in=wanted).values_list("pk", flat=True)}
        if wanted else set()
        for kind, wanted in keys.items()
    }  # fmt: skip


def _devices(named: Iterable[Named]) -> dict[uuid.UUID, Device]:
    keys = {one.key for one in named if one.kind == Kind.DEVICE}
    rows = Device.objects.filter(id__in=keys).select_related("profile") if keys else ()
    return {row.id: row for row in rows}


def _check_formulas(rule: RuleDefinition, named: Iterable[Named]) -> None:
    units = units_of(one.key for one in named if one.kind == Kind.CHANNEL)
    for place, condition, _of_samples in conditions(rule):
        try:
            compile_condition(condition, zone=ZoneInfo("UTC"), units=units, place=place)
        except BadRule as error:
            raise refusal_of(error) from None


def _check_commands(rule: RuleDefinition, devices: Mapping[uuid.UUID, Device]) -> None:
    for number, action in enumerate(rule.then):
        if not isinstance(action, CommandAction):
            continue
        problem = find_problem(devices[action.device], action, f"then[{number}]")
        if problem is not None:
            raise RuleRefused(*problem)


def _check_webhooks(rule: RuleDefinition) -> None:
    for number, action in enumerate(rule.then):
        if (
            isinstance(action, WebhookAction)
            and not NotificationTarget.objects.filter(
                pk=action.target, kind=TargetKind.WEBHOOK
            ).exists()
        ):
            detail = _("Choose a target that is a webhook.")
            raise RuleRefused("no_webhook_target", detail, f"then[{number}].target")
