"""People agree to what automation proposes, decline it, or stop what it is doing."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from automation.models import (
    OPEN,
    Execution,
    ExecutionState,
    ExecutionStep,
    Reason,
    StepState,
)
from devices.command_states import State
from devices.models import Device
from devices.services.command_refusals import MayNotControl, TooLate
from devices.services.commanders import Commander, requester_of
from devices.services.commands import PERMISSION, cancel_command


class ExecutionGone(Refusal):
    """The tenant has no such execution."""

    code = "gone"
    message = _("There is no such object.")


class NotProposed(Refusal):
    """Somebody has answered already, or it never waited for anybody."""

    code = "not_proposed"
    message = _("It does not wait for anybody any more.")


class ProposalOver(Refusal):
    """The quarter of an hour in which somebody could agree is over."""

    code = "proposal_over"
    message = _("The time to agree is over: what it was about may have changed.")


class NotRunning(Refusal):
    """It is over, or has not begun."""

    code = "not_running"
    message = _("It is not running any more.")


@transaction.atomic
def agree(*, execution_id: uuid.UUID, actor: Commander, now: dt.datetime) -> Execution:
    """Let a proposal be done, by somebody who may control all devices that it commands.

    Raises: ExecutionGone, NotProposed, ProposalOver, MayNotControl.
    """
    execution = _proposal(execution_id, actor, now)
    execution.state, execution.next_at = ExecutionState.RUNNING, now
    execution.agreed_by = requester_of(actor).label[:254]
    execution.save(update_fields=["state", "next_at", "agreed_by", "updated_at"])
    _record("execution.agreed", execution, now)
    return execution


@transaction.atomic
def decline(*, execution_id: uuid.UUID, actor: Commander, now: dt.datetime) -> Execution:
    """Let a proposal not be done.

    Raises: ExecutionGone, NotProposed, ProposalOver, MayNotControl.
    """
    execution = _proposal(execution_id, actor, now)
    execution.detail = requester_of(actor).label[:500]
    _end(execution, Reason.NOT_AGREED, now)
    _record("execution.declined", execution, now)
    return execution


@transaction.atomic
def cancel(*, execution_id: uuid.UUID, actor: Commander, now: dt.datetime) -> Execution:
    """Do no more of an execution; commands that have left stay with their devices.

    A proposal is declined.

    Raises: ExecutionGone, NotRunning, MayNotControl.
    """
    execution = _lock(execution_id)
    if execution.state not in OPEN:
        raise NotRunning
    _check_control(execution, actor)
    execution.detail = requester_of(actor).label[:500]
    for step in execution.steps.select_related("command__device__tenant"):
        _take_back(step, actor, now)
    is_proposal = execution.state == ExecutionState.PROPOSED
    _end(execution, Reason.NOT_AGREED if is_proposal else Reason.NONE, now)
    _record("execution.cancelled", execution, now)
    return execution


def may_control(execution: Execution, actor: Commander) -> bool:
    """Tell whether somebody may control all devices that an execution commands.

    Devices that are gone count for nothing: nobody can command them.
    """
    ids = {
        step.action["device"] for step in execution.steps.all()
        if step.action.get("kind") == "command"
    }  # fmt: skip
    devices = Device.objects.filter(id__in=ids) if ids else ()
    return actor.has_perm(PERMISSION) and all(actor.has_perm(PERMISSION, one) for one in devices)


def _proposal(execution_id: uuid.UUID, actor: Commander, now: dt.datetime) -> Execution:
    execution = _lock(execution_id)
    if execution.state != ExecutionState.PROPOSED:
        is_over = execution.reason == Reason.NOT_AGREED and not execution.detail
        raise ProposalOver if is_over else NotProposed
    if execution.next_at is None or execution.next_at <= now:
        raise ProposalOver
    _check_control(execution, actor)
    return execution


def _lock(execution_id: uuid.UUID) -> Execution:
    rows = Execution.objects.select_for_update(of=("self",), no_key=True)
    execution = rows.filter(id=execution_id).first()
    if execution is None:
        raise ExecutionGone
    return execution


def _check_control(execution: Execution, actor: Commander) -> None:
    if not may_control(execution, actor):
        raise MayNotControl


def _take_back(step: ExecutionStep, actor: Commander, now: dt.datetime) -> None:
    """Cancel the command of a step if it has not left; then nothing was done."""
    if step.command is None or step.command.state != State.QUEUED:
        return
    try:
        cancel_command(actor=actor, command=step.command, now=now)
    except TooLate:
        return
    step.state, step.finished_at = StepState.SKIPPED, now
    step.save(update_fields=["state", "finished_at"])


def _end(execution: Execution, reason: Reason, now: dt.datetime) -> None:
    execution.state, execution.reason = ExecutionState.CANCELLED, reason
    execution.next_at, execution.finished_at = None, now
    execution.save(
        update_fields=["state", "reason", "detail", "next_at", "finished_at", "updated_at"]
    )
    open_steps = execution.steps.filter(state__in=[StepState.WAITING, StepState.RUNNING])
    open_steps.filter(command=None).update(state=StepState.SKIPPED, finished_at=now)
    # what has left stays with the device: its command says what becomes of it
    open_steps.exclude(command=None).update(state=StepState.DONE, code="sent", finished_at=now)


def _record(action: str, execution: Execution, now: dt.datetime) -> None:
    record_event(
        action=action, now=now, tenant_id=execution.tenant_id, obj=execution,
        label=execution.label, detail={"origin": execution.origin},
    )  # fmt: skip
