"""Does one action of an execution. Each is safe to begin again under the same key."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alarms.models import NotificationTarget, TargetKind
from alarms.services.telling import tell
from automation.actions import (
    CommandAction,
    ModeAction,
    NotifyAction,
    ScheduleAction,
    WebhookAction,
)
from automation.models import Execution, ExecutionStep, Origin, Schedule
from automation.services.executions import MAX_CHAIN, Wanted, begin_executions
from automation.services.schedule_refusals import ScheduleRefused
from automation.services.schedules import switch_schedule
from automation.services.zones import set_zone_mode
from devices.command_states import State
from devices.models import Command, Device, Severity, Zone
from devices.services.command_refusals import BadKey, BadParams, BadTimes, UnknownCommand
from devices.services.commanders import Robot
from devices.services.commands import queue_command


class StepFailed(Exception):
    """An action could not be begun. `code` is for programs; `is_own_fault`: of the rule."""

    def __init__(self, code: str, detail: str, *, is_own_fault: bool = True) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.is_own_fault = is_own_fault


@dataclass(frozen=True, slots=True)
class Asked:
    """A command that was asked for. refusal: why the safety check refused it, blank: it did not."""

    command: Command
    refusal: str = ""


def robot_of(execution: Execution) -> Robot:
    """Return under which name an execution commands."""
    return Robot(f"{execution.origin}-{execution.origin_id}", execution.label[:200])


def ask(
    execution: Execution, step: ExecutionStep, action: CommandAction, *, now: dt.datetime
) -> Asked:
    """Order what a step orders; the same try of the same step orders once.

    Raises: StepFailed.
    """
    device = (
        Device.objects.select_related("tenant", "profile", "site", "zone", "gateway")
        .filter(id=action.device)
        .first()
    )
    if device is None:
        raise StepFailed("unknown_device", "The device is not there any more.")
    try:
        queued = queue_command(
            actor=robot_of(execution), device=device, name=action.name, params=action.params,
            idempotency_key=f"{execution.id}:{step.number}:{step.tries}", now=now,
            expires_in=action.expires_in,
        )  # fmt: skip
    except UnknownCommand:
        raise StepFailed(
            "unknown_command", f"{device.name} takes no command {action.name}."
        ) from None
    except BadParams as error:
        said = "; ".join(f"{one.name}: {one.detail}" for one in error.problems)
        raise StepFailed("bad_params", said[:500]) from None
    except (BadTimes, BadKey) as error:
        raise StepFailed("bad_command", str(error)) from None
    command = queued.command
    refused = command.state == State.INVALID and command.sent_at is None
    return Asked(command, command.code if refused else "")


def notify(
    execution: Execution, step: ExecutionStep, action: NotifyAction, *, now: dt.datetime
) -> None:
    """Tell people. Raises: StepFailed."""
    wanted = NotificationTarget.objects.filter(id__in=action.targets).select_related("tenant")
    _tell(
        list(wanted),
        execution,
        step,
        text_of(execution, action.text),
        Severity(action.severity),
        now,
    )


def call_webhook(
    execution: Execution, step: ExecutionStep, action: WebhookAction, *, now: dt.datetime
) -> None:
    """Hand the execution to another program. Raises: StepFailed."""
    wanted = NotificationTarget.objects.filter(id=action.target, kind=TargetKind.WEBHOOK)
    _tell(
        list(wanted.select_related("tenant")), execution, step, text_of(execution, ""),
        Severity.INFO, now,
    )  # fmt: skip


def set_mode(execution: Execution, action: ModeAction, *, now: dt.datetime) -> None:
    """Set how a zone is controlled. Raises: StepFailed."""
    zone = Zone.objects.filter(id=action.zone).first()
    if zone is None:
        raise StepFailed("unknown_zone", "The zone is not there any more.")
    set_zone_mode(
        actor=robot_of(execution), zone=zone, mode=action.mode, reason=execution.label, now=now
    )


def use_schedule(
    execution: Execution, step: ExecutionStep, action: ScheduleAction, *, now: dt.datetime
) -> None:
    """Begin a run of a schedule, or switch it on or off. Raises: StepFailed."""
    schedule = Schedule.objects.filter(id=action.schedule).first()
    if schedule is None:
        raise StepFailed("unknown_schedule", "The schedule is not there any more.")
    if str(schedule.id) in execution.chain or len(execution.chain) >= MAX_CHAIN:
        raise StepFailed("loop", f"{schedule.name} would set itself off.")
    if action.do == "run":
        begin_executions([_run_of(schedule, execution, step, now)], now=now)
        return
    try:
        switch_schedule(
            schedule_id=schedule.id, is_enabled=action.do == "enable",
            actor=robot_of(execution), now=now,
        )  # fmt: skip
    except ScheduleRefused as error:
        raise StepFailed(error.code, str(error)) from None


def _run_of(
    schedule: Schedule, execution: Execution, step: ExecutionStep, now: dt.datetime
) -> Wanted:
    return Wanted(
        tenant_id=schedule.tenant_id, origin=Origin.SCHEDULE, origin_id=schedule.id,
        trigger_key=f"by:{execution.id}:{step.number}", label=schedule.name, triggered_at=now,
        actions=schedule.actions, version=schedule.revision, schedule_id=schedule.id,
        trigger={"kind": "execution", "execution": str(execution.id), "name": execution.label},
        chain=[*execution.chain, str(execution.origin_id)], site_id=schedule.site_id,
        zone_id=schedule.zone_id,
    )  # fmt: skip


def text_of(execution: Execution, text: str) -> str:
    """Return what people are told; braces that name nothing stay as they are."""
    first: Mapping[str, Any] = next(
        (one for one in execution.seen if one.get("value") is not None), {}
    )
    names = {
        "rule": execution.label, "site": execution.site.name if execution.site else "",
        "value": _number(first.get("value")), "unit": first.get("unit", ""),
        "channel": first.get("what", ""), "device": str(first.get("what", "")).split(" · ")[0],
        "time": f"{execution.triggered_at:%Y-%m-%d %H:%M} UTC",
    }  # fmt: skip
    said = text or "{rule}: {channel} {value} {unit}"
    for name, value in names.items():
        said = said.replace("{" + name + "}", str(value))
    return " ".join(said.split())[:500]


def _tell(
    targets: list[NotificationTarget], execution: Execution, step: ExecutionStep, text: str,
    severity: Severity, now: dt.datetime,
) -> None:  # fmt: skip
    if not targets:
        raise StepFailed("unknown_target", "Nobody is there any more to be told.")
    told = tell(
        targets, key=f"{execution.id}:{step.number}", subject=f"{execution.label}: {text}",
        text=text, severity=severity, now=now, path=f"/automation/log/{execution.id}/",
        execution={
            "id": str(execution.id), "name": execution.label, "trigger": execution.trigger,
            "seen": execution.seen, "triggered_at": execution.triggered_at.isoformat(),
        },
    )  # fmt: skip
    if not told:
        raise StepFailed(
            "told_too_often", "They were told as often as they allow, or are switched off.",
            is_own_fault=False,
        )  # fmt: skip


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, int | float) else ""
