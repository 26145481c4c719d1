"""Which rules an event sets off."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from automation.models import AutomationEventNote, AutomationRule, ExecutionStep
from automation.rules.definition import OnActuator, OnAlarm, OnCommand, OnDevice, Trigger
from automation.services.deciding import Fired
from automation.services.ready import ready, with_newest_version
from devices.command_schema import Effect
from devices.live_types import EventType
from devices.models import Command, Severity

_WORSE = Severity.values
# an actuator that turns so soon after a command follows it
FOLLOWS_WITHIN = dt.timedelta(minutes=2)


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
                    found.append(_fired(rule, number, note, chains.get(note.id, ())))
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


def _chains(notes: Sequence[AutomationEventNote]) -> dict[int, list[str]]:
    """Return, by note, the origins whose actions led to what happened."""
    commands = {note.id: command for note in notes if (command := _command_behind(note))}
    steps = ExecutionStep.objects.filter(command_id__in=set(commands.values()))
    chains = {
        step.command_id: [*step.execution.chain, str(step.execution.origin_id)]
        for step in steps.select_related("execution")
    }
    return {note: chains[command] for note, command in commands.items() if command in chains}


def _command_behind(note: AutomationEventNote) -> uuid.UUID | None:
    """Return the command that an event is about, or that an actuator followed."""
    if note.type == EventType.COMMAND and "command" in note.payload:
        return uuid.UUID(note.payload["command"])
    if note.type != EventType.ACTUATOR_STATUS or note.device_id is None:
        return None
    newest = Command.objects.filter(
        tenant_id=note.tenant_id, device_id=note.device_id,
        actuator=note.payload.get("actuator", ""),
        requested_at__gt=note.occurred_at - FOLLOWS_WITHIN,
    ).order_by("-requested_at", "-id")  # fmt: skip
    found = newest.values_list("id", "effect").first()
    is_on = note.payload.get("is_on")
    if found is None or (found[1] == Effect.ON and not is_on) or (found[1] == Effect.OFF and is_on):
        return None
    return found[0]
