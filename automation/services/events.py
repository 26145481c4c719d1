"""Which rules an event sets off."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from automation.models import AutomationEventNote, AutomationRule, ExecutionStep
from automation.rules.definition import OnActuator, OnAlarm, OnCommand, OnDevice, Trigger
from automation.services.deciding import Fired
from automation.services.ready import ready, with_newest_version
from devices.live_types import EventType
from devices.models import Severity

_WORSE = Severity.values


def listened_types(trigger: Trigger) -> set[str]:
    """Return the types of live events that a trigger waits for."""
    match trigger:
        case OnAlarm():
            return {EventType.ALARM.value}
        case OnDevice():
            return {EventType.DEVICE_STATUS.value}
        case OnActuator():
            return {EventType.ACTUATOR_STATUS.value}
        case OnCommand():
            return {EventType.COMMAND.value}
    return set()


def fired_by(notes: Sequence[AutomationEventNote]) -> list[Fired]:
    """Return the triggers that events set off. Call it under `all_tenants`."""
    rules = _rules(notes)
    chains = _chains(notes)
    found = []
    for note in notes:
        for rule in rules.get(note.tenant_id, ()):
            for number, trigger in _triggers(rule):
                if note.type in listened_types(trigger) and _fits(trigger, note):
                    found.append(_fired(rule, number, note, chains.get(_command(note), ())))
    return found


def _rules(notes: Sequence[AutomationEventNote]) -> dict[uuid.UUID, list[Any]]:
    rows = with_newest_version(
        AutomationRule.objects.filter(
            tenant_id__in={note.tenant_id for note in notes}, is_enabled=True, quarantine="",
            listens__overlap=sorted({note.type for note in notes}),
        ).select_related("site")
    )  # fmt: skip
    by_tenant: defaultdict[uuid.UUID, list[Any]] = defaultdict(list)
    for rule in rows.order_by("id"):
        by_tenant[rule.tenant_id].append(rule)
    return by_tenant


def _triggers(rule: Any) -> Iterator[tuple[int, Trigger]]:
    try:
        definition = ready(rule).definition
    except ValueError:  # of another release; `decide_triggers` says so when it is set off
        return
    yield from enumerate(definition.when)


def _fits(trigger: Trigger, note: AutomationEventNote) -> bool:
    said: Mapping[str, Any] = note.payload
    match trigger:
        case OnAlarm():
            return _alarm_fits(trigger, note)
        case OnDevice():
            return (
                said.get("status") == trigger.is_
                and trigger.device in (None, note.device_id)
                and trigger.site in (None, note.site_id)
            )
        case OnActuator():
            return (
                note.device_id == trigger.device
                and said.get("actuator") == trigger.actuator
                and said.get("is_on") is (trigger.is_ == "on")
            )
        case OnCommand():
            return (
                note.device_id == trigger.device
                and trigger.name in ("", said.get("name"))
                and said.get("state") == trigger.is_
            )
    return False


def _alarm_fits(trigger: OnAlarm, note: AutomationEventNote) -> bool:
    said = note.payload
    if "alarm" not in said or said.get("is_acknowledged") or said.get("suppressed"):
        return False
    is_open = said.get("state") == "open"
    return (
        is_open == (trigger.is_ == "raised")
        and _WORSE.index(note.severity) >= _WORSE.index(trigger.severity)
        and (trigger.rule is None or str(trigger.rule) == said.get("rule"))
        and trigger.device in (None, note.device_id)
        and trigger.site in (None, note.site_id)
    )


def _fired(rule: Any, number: int, note: AutomationEventNote, chain: Sequence[str]) -> Fired:
    said = note.payload
    # an alarm or a command comes to a state once, however often that is told
    of = said.get("alarm") or said.get("command")
    name = f"{of}:{said.get('state')}" if of else str(note.event_id)
    return Fired(
        rule_id=rule.id, version=rule.newest, key=f"{rule.newest}:{number}:{name}",
        at=note.occurred_at, chain=chain,
        trigger={
            "number": number, "kind": note.type, "severity": note.severity,
            "device": str(note.device_id) if note.device_id else None, "said": said,
        },
    )  # fmt: skip


def _command(note: AutomationEventNote) -> str:
    return str(note.payload.get("command", "")) if note.type == EventType.COMMAND else ""


def _chains(notes: Sequence[AutomationEventNote]) -> dict[str, list[str]]:
    """Return, by command, the origins whose actions led to it."""
    commands = [uuid.UUID(command) for note in notes if (command := _command(note))]
    steps = ExecutionStep.objects.filter(command_id__in=commands).select_related("execution")
    return {
        str(step.command_id): [*step.execution.chain, str(step.execution.origin_id)]
        for step in steps
    }
