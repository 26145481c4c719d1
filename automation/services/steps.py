"""Takes an execution one step further, in one transaction: what was done and that it was done
become known together.
"""

from __future__ import annotations

import datetime as dt

import msgspec
from django.db import transaction

from automation.actions import (
    Action,
    CommandAction,
    DelayAction,
    ModeAction,
    NotifyAction,
    ScheduleAction,
    WebhookAction,
    read_action,
)
from automation.models import (
    AutomationRule,
    Execution,
    ExecutionState,
    ExecutionStep,
    Reason,
    StepState,
)
from automation.services import acting
from automation.services.acting import StepFailed
from automation.services.quarantine import note_failure, note_success
from devices.command_states import ENDED, State
from devices.models import Command

MAX_BUSY_TRIES = 3
_BUSY_PAUSE = dt.timedelta(seconds=2)
# how soon the answer of a device is looked for: at once at first, then less and less often
_FIRST_LOOK, _LONGEST_LOOK = 0.2, 10.0
_WELL = (State.DONE, State.NO_EFFECT)


def advance(execution: Execution, *, now: dt.datetime) -> None:
    """Do what is due of a locked execution; set when it is looked at again, or end it.

    Call it in the transaction that locked it, in the scope of its tenant.
    """
    if execution.state == ExecutionState.PROPOSED:
        _end(execution, ExecutionState.CANCELLED, now, reason=Reason.NOT_AGREED)
        return
    steps = list(execution.steps.order_by("number").select_related("command"))
    for step in steps:
        if step.state == StepState.RUNNING:
            _look(execution, step, now)
    while execution.number < len(steps):
        again = _go_on(execution, steps[execution.number], now)
        if again is not None:
            _look_again(execution, again)
            return
        if steps[execution.number].state in (StepState.FAILED, StepState.REFUSED):
            _skip_rest(steps[execution.number + 1 :], now)
            execution.number = len(steps)
            break
        execution.number += 1
    _finish(execution, steps, now)


def _go_on(execution: Execution, step: ExecutionStep, now: dt.datetime) -> dt.datetime | None:
    """Begin a step, or see how far it is; return when to look again, None: go on."""
    try:
        action = read_action(step.action)
    except msgspec.ValidationError as error:
        _close(step, StepState.FAILED, now, "bad_shape", str(error))
        return None
    if step.state == StepState.WAITING:
        step.started_at = step.started_at or now
        _begin(execution, step, action, now)
    if isinstance(action, DelayAction):
        return _wait(step, action, now)
    if step.state == StepState.WAITING:  # the device was busy
        return step.started_at
    if isinstance(action, CommandAction) and action.wait and step.state == StepState.RUNNING:
        return _next_look(step, now)
    return None


def _begin(execution: Execution, step: ExecutionStep, action: Action, now: dt.datetime) -> None:
    try:
        with transaction.atomic():
            _do(execution, step, action, now)
    except StepFailed as error:
        _close(step, StepState.FAILED, now, error.code, error.detail)
        if error.is_own_fault:
            _blame(execution, f"{error.code}: {error.detail}", now)


def _do(execution: Execution, step: ExecutionStep, action: Action, now: dt.datetime) -> None:
    match action:
        case CommandAction():
            asked = acting.ask(execution, step, action, now=now)
            step.command = asked.command
            if asked.refusal:
                _close(step, StepState.REFUSED, now, asked.refusal, asked.command.detail)
            else:
                step.state = StepState.RUNNING
                step.save(update_fields=["state", "command", "started_at"])
                _look(execution, step, now)
            return
        case DelayAction():
            step.state = StepState.RUNNING
            step.save(update_fields=["state", "started_at"])
            return
        case NotifyAction():
            acting.notify(execution, step, action, now=now)
        case WebhookAction():
            acting.call_webhook(execution, step, action, now=now)
        case ModeAction():
            acting.set_mode(execution, action, now=now)
        case ScheduleAction():
            acting.use_schedule(execution, step, action, now=now)
    _close(step, StepState.DONE, now)


def _wait(step: ExecutionStep, action: DelayAction, now: dt.datetime) -> dt.datetime | None:
    until = (step.started_at or now) + dt.timedelta(seconds=action.seconds)
    if now < until:
        return until
    _close(step, StepState.DONE, now)
    return None


def _look(execution: Execution, step: ExecutionStep, now: dt.datetime) -> None:
    """See what became of the command of a step; a device that was busy is asked again."""
    command = step.command
    if command is None:
        if step.action.get("kind") == "command":  # it was deleted with its device
            _close(step, StepState.FAILED, now, "gone", "The device is not there any more.")
        return
    state = State(command.state)
    if state not in ENDED:
        return
    if state == State.BUSY and step.tries < MAX_BUSY_TRIES:
        _try_again(execution, step, command, now)
    elif state in _WELL:
        _close(step, StepState.DONE, now, "" if state == State.DONE else state.value)
    else:
        _close(step, StepState.FAILED, now, command.code or state.value, command.detail)


def _try_again(
    execution: Execution, step: ExecutionStep, command: Command, now: dt.datetime
) -> None:
    ended = command.finished_at or now
    if now < ended + _BUSY_PAUSE * 2**step.tries:
        return
    step.tries += 1
    step.save(update_fields=["tries"])
    _begin(execution, step, read_action(step.action), now)


def _finish(execution: Execution, steps: list[ExecutionStep], now: dt.datetime) -> None:
    running = [step for step in steps if step.state == StepState.RUNNING]
    if running:
        _look_again(execution, min(_next_look(step, now) for step in running))
        return
    states = {step.state for step in steps}
    if StepState.FAILED in states:
        _end(execution, ExecutionState.FAILED, now, reason=Reason.STEP)
    elif StepState.REFUSED in states:
        _end(execution, ExecutionState.REFUSED, now, reason=Reason.STEP)
    else:
        _end(execution, ExecutionState.DONE, now)
        _praise(execution)


def _next_look(step: ExecutionStep, now: dt.datetime) -> dt.datetime:
    age = (now - (step.started_at or now)).total_seconds()
    return now + dt.timedelta(seconds=min(max(age / 4, _FIRST_LOOK), _LONGEST_LOOK))


def _look_again(execution: Execution, at: dt.datetime) -> None:
    execution.next_at = at
    execution.save(update_fields=["number", "next_at", "updated_at"])


def _end(
    execution: Execution, state: ExecutionState, now: dt.datetime, *, reason: Reason = Reason.NONE
) -> None:
    execution.state, execution.reason, execution.next_at = state, reason, None
    execution.finished_at = now
    execution.save(
        update_fields=["state", "reason", "next_at", "finished_at", "number", "updated_at"]
    )


def _close(
    step: ExecutionStep, state: StepState, now: dt.datetime, code: str = "", detail: str = ""
) -> None:
    step.state, step.finished_at = state, now
    step.code, step.detail = code[:64], detail[:500]
    step.save(update_fields=["state", "finished_at", "code", "detail", "started_at", "command"])


def _skip_rest(steps: list[ExecutionStep], now: dt.datetime) -> None:
    for step in steps:
        _close(step, StepState.SKIPPED, now)


def _blame(execution: Execution, detail: str, now: dt.datetime) -> None:
    rule = _rule_of(execution)
    if rule is not None:
        note_failure(rule, detail, now=now)


def _praise(execution: Execution) -> None:
    if execution.rule_id and execution.rule and execution.rule.failures:
        rule = _rule_of(execution)
        if rule is not None:
            note_success(rule)


def _rule_of(execution: Execution) -> AutomationRule | None:
    rules = AutomationRule.objects.select_for_update(of=("self",), no_key=True)
    return rules.filter(id=execution.rule_id).first() if execution.rule_id else None
