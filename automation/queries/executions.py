"""What automation did and why; every function runs in a tenant's scope.

The number of queries does not depend on the number of executions.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.db.models import QuerySet

from automation.action_words import describe_action
from automation.actions import read_action
from automation.models import AutomationRule, Execution, ExecutionStep, Schedule
from automation.queries.rule_words import load_words
from automation.words import Words
from devices.models import Command
from devices.queries_commands import Step, command_label, reason, timeline

ORDERINGS: Mapping[str, str] = {"decided_at": "decided_at", "triggered_at": "triggered_at"}
SHOWN_FOLLOWERS = 20


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """Which executions; what is left blank lets everything through.

    states, reasons: one of them. period: [start, end) in which they were decided. is_done:
    False, those of which nothing was done; True, the others. text: a part of the name.
    """

    origin: str = ""
    states: Sequence[str] = ()
    reasons: Sequence[str] = ()
    is_done: bool | None = None
    rule_id: uuid.UUID | None = None
    schedule_id: uuid.UUID | None = None
    origin_id: uuid.UUID | None = None
    zone_id: uuid.UUID | None = None
    site_id: uuid.UUID | None = None
    start: dt.datetime | None = None
    end: dt.datetime | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step with what it does in words, and what its device said."""

    step: ExecutionStep
    words: str
    command: Command | None
    command_words: str
    why: str
    timeline: Sequence[Step]


@dataclass(frozen=True, slots=True)
class Origin:
    """What an execution goes back to. kind: rule or schedule; "" where it is gone."""

    id: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class ExecutionDetail:
    """One execution with all that helps to judge it.

    chain: what led here, the first one first. cause: the execution that began it. followers:
    those that it began.
    """

    execution: Execution
    steps: Sequence[StepLine]
    chain: Sequence[Origin]
    cause: Execution | None
    followers: Sequence[Execution] = field(default_factory=list)


def find_executions(wanted: ExecutionFilter) -> QuerySet[Execution]:
    """Return executions, not in order."""
    rows = Execution.objects.select_related("site", "zone")
    plain: dict[str, Any] = {
        "origin": wanted.origin, "rule_id": wanted.rule_id, "schedule_id": wanted.schedule_id,
        "origin_id": wanted.origin_id, "zone_id": wanted.zone_id, "site_id": wanted.site_id,
        "decided_at__gte": wanted.start, "decided_at__lt": wanted.end,
        "label__icontains": wanted.text, "state__in": list(wanted.states),
        "reason__in": list(wanted.reasons),
    }  # fmt: skip
    rows = rows.filter(**{name: value for name, value in plain.items() if value})
    if wanted.is_done is not None:
        skipped = {"state": "skipped"}
        rows = rows.exclude(**skipped) if wanted.is_done else rows.filter(**skipped)
    return rows


def find_execution(execution_id: uuid.UUID) -> Execution | None:
    """Return an execution; None if there is none."""
    rows = Execution.objects.select_related("site", "zone", "rule", "schedule")
    return rows.filter(id=execution_id).first()


def read_execution(execution_id: uuid.UUID) -> ExecutionDetail | None:
    """Return an execution with its steps and how it came to it; None if there is none."""
    execution = find_execution(execution_id)
    if execution is None:
        return None
    cause = execution.trigger.get("execution")
    return ExecutionDetail(
        execution, steps_of(execution), _chain(execution.chain),
        find_execution(_uuid(cause)) if cause else None, _followers(execution),
    )  # fmt: skip


def steps_of(execution: Execution) -> list[StepLine]:
    """Return the steps of an execution with their commands, in order."""
    steps = list(execution.steps.order_by("number").select_related("command__device__profile"))
    words = load_words([{"then": [step.action for step in steps]}])
    return [_line(step, words) for step in steps]


def _line(step: ExecutionStep, words: Words) -> StepLine:
    try:
        said = describe_action(read_action(step.action), words)
    except (msgspec.ValidationError, TypeError):
        said = str(step.action.get("kind", ""))
    command = step.command
    if command is None:
        return StepLine(step, said, None, "", step.detail, [])
    return StepLine(
        step, said, command, command_label(command), reason(command) or step.detail,
        timeline(command),
    )  # fmt: skip


def _chain(ids: Sequence[str]) -> list[Origin]:
    keys = [_uuid(one) for one in ids]
    found: dict[uuid.UUID, tuple[str, str]] = {}
    if keys:
        rules = AutomationRule.objects.filter(id__in=keys).values_list("id", "name")
        schedules = Schedule.objects.filter(id__in=keys).values_list("id", "name")
        found = {key: (name, "rule") for key, name in rules}
        found |= {key: (name, "schedule") for key, name in schedules}
    return [Origin(str(key), *found.get(key, ("", ""))) for key in keys]


def _followers(execution: Execution) -> list[Execution]:
    """Return what an execution began; looked for within the time in which it can have."""
    until = (execution.finished_at or execution.decided_at) + dt.timedelta(days=1)
    rows = Execution.objects.filter(
        decided_at__range=(execution.decided_at, until), trigger__execution=str(execution.id)
    )
    return list(rows.order_by("decided_at", "id")[:SHOWN_FOLLOWERS])


def _uuid(text: Any) -> uuid.UUID:
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return uuid.UUID(int=0)
