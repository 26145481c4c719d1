"""The only door to hardware."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import translation

from accounts.services.audit import record_event
from accounts.tenancy import tenant_scope
from devices.command_schema import check_params
from devices.command_states import State
from devices.downlink import UnusableTopic
from devices.models import ActuatorState, Command, CommandBatch, Device
from devices.safety import Check, Request, judge
from devices.services.command_doors import may_pass
from devices.services.command_facts import load_facts
from devices.services.command_moves import move
from devices.services.command_refusals import (
    BadKey,
    BadParams,
    BadTimes,
    KeyReused,
    MayNotControl,
    TooLate,
    UnknownCommand,
)
from devices.services.command_wire import first_entry, send, specs_of
from devices.services.commanders import Commander, Requester, requester_of
from devices.services.outbox import cancel_messages

DEFAULT_SECONDS = 30
MAX_SECONDS = 86_400
PERMISSION = "control:device"


@dataclass(frozen=True, slots=True)
class Queued:
    """What became of a request: the command, perhaps refused, and whether it was there before."""

    command: Command
    is_replay: bool = False


def queue_command(
    *,
    actor: Commander,
    device: Device,
    name: str,
    params: Mapping[str, Any],
    idempotency_key: str,
    now: dt.datetime,
    expires_in: float | None = None,
    not_before: dt.datetime | None = None,
    batch: CommandBatch | None = None,
    priority: int = 0,
) -> Queued:
    """Order something from a device, once for each key of the requester.

    What the safety check refuses is kept too, in the state INVALID with code and detail.
    The same key with the same request returns the first command again.

    Args: expires_in: seconds from `not_before` in which it must reach the device.

    Raises:
        MayNotControl, UnknownCommand, BadParams, BadTimes, BadKey: nothing is kept.
        KeyReused: the key stands for another request.
    """
    if not actor.has_perm(PERMISSION, device):
        raise MayNotControl
    if not may_pass(actor=actor, device=device, name=name):
        raise MayNotControl
    if not 1 <= len(idempotency_key) <= 255:
        raise BadKey
    requester = requester_of(actor)
    begin, end = _times(now, not_before, expires_in)
    wanted = _body_hash(device, name, params, expires_in, not_before)
    # a guest's scope refuses writing; the share has been checked above
    with tenant_scope(device.tenant_id), transaction.atomic():
        before = _find(requester, idempotency_key)
        if before is None:
            request = _read_request(device, name, params, requester)
            command = Command(
                device=device, batch=batch, name=name, params=dict(request.params),
                effect=request.spec.effect.value,
                actuator=request.spec.actuator_for(request.params), value=request.value,
                max_runtime_seconds=request.runtime_seconds if request.energises else None,
                principal=requester.principal, principal_label=requester.label[:254],
                idempotency_key=idempotency_key, body_hash=wanted,
                requested_at=now, not_before=begin, expires_at=end,
            )  # fmt: skip
            before = _decide_and_keep(command, request, now, priority)
            if before is None:
                return Queued(command)
    if before.body_hash != wanted:
        raise KeyReused
    return Queued(before, is_replay=True)


@transaction.atomic
def cancel_command(*, actor: Commander, command: Command, now: dt.datetime) -> Command:
    """Take a command back that has not left.

    Raises:
        MayNotControl
        TooLate: it has left, is leaving just now, or has ended.
    """
    if not actor.has_perm(PERMISSION, command.device):
        raise MayNotControl
    if command.state != State.QUEUED or not cancel_messages(command_id=command.id):
        raise TooLate
    by = requester_of(actor).label
    if not move(ids=[command.id], to=State.CANCELLED, at=now, by=by):
        raise TooLate
    record_event(
        action="command.cancelled", now=now, tenant_id=command.tenant_id, obj=command
    )  # fmt: skip
    command.refresh_from_db()
    return command


def _read_request(
    device: Device, name: str, params: Mapping[str, Any], requester: Requester
) -> Request:
    spec = specs_of(device).get(name)
    if spec is None:
        raise UnknownCommand
    values, problems = check_params(spec, params)
    if problems:
        raise BadParams(problems)
    return Request(spec, values, requester.principal)


def _decide_and_keep(
    command: Command, request: Request, now: dt.datetime, priority: int
) -> Command | None:
    """Judge and save; return the command that another request with the key saved meanwhile."""
    facts, actuator = load_facts(device=command.device, request=request, now=now)
    verdict = judge(request, facts)
    command.verdict = [check.as_json() for check in verdict.checks]
    if verdict.refusal is not None:
        _refuse(command, verdict.refusal, now)
    command.history = first_entry(
        State(command.state), now, command.principal_label, code=command.code
    )
    try:
        with transaction.atomic():
            command.save(force_insert=True)
    except IntegrityError:
        found = _find(Requester(command.principal, ""), command.idempotency_key)
        if found is None:
            raise
        return found
    if verdict.refusal is None:
        _let_go(command, request, actuator, now, priority)
    record_event(
        action="command.queued" if verdict.refusal is None else "command.refused",
        now=now,
        tenant_id=command.tenant_id,
        obj=command,
        label=f"{command.device.name}: {command.name}",
        detail={"device": str(command.device_id), "params": command.params, "code": command.code},
    )
    return None


def _refuse(command: Command, refusal: Check, now: dt.datetime) -> None:
    command.state, command.finished_at = State.INVALID.value, now
    command.code = refusal.code
    with translation.override("en"):  # kept in one language; pages explain in their reader's
        command.detail = refusal.detail[:1000]


def _let_go(
    command: Command,
    request: Request,
    actuator: ActuatorState | None,
    now: dt.datetime,
    priority: int,
) -> None:
    try:
        with transaction.atomic():
            send(command, now=now, priority=priority)
    except UnusableTopic as error:
        move(
            ids=[command.id], to=State.SEND_FAILED, at=now, by="clock",
            code="unusable_topic", detail=str(error),
        )  # fmt: skip
        command.refresh_from_db()
        return
    if actuator is not None and request.energises:
        actuator.is_commanded_on, actuator.commanded_at = True, now
        actuator.command = command
        actuator.save(update_fields=["is_commanded_on", "commanded_at", "command", "updated_at"])


def _find(requester: Requester, key: str) -> Command | None:
    rows = Command.objects.filter(principal=requester.principal, idempotency_key=key)
    return rows.select_related("device").first()


def _times(
    now: dt.datetime, not_before: dt.datetime | None, expires_in: float | None
) -> tuple[dt.datetime, dt.datetime]:
    seconds = DEFAULT_SECONDS if expires_in is None else expires_in
    begin = max(not_before or now, now)
    if not (math.isfinite(seconds) and 1 <= seconds <= MAX_SECONDS):
        raise BadTimes
    if begin - now > dt.timedelta(seconds=MAX_SECONDS):
        raise BadTimes
    return begin, begin + dt.timedelta(seconds=seconds)


def _body_hash(
    device: Device,
    name: str,
    params: Mapping[str, Any],
    expires_in: float | None,
    not_before: dt.datetime | None,
) -> str:
    body = {
        "device": device.id, "name": name, "params": dict(params), "expires_in": expires_in,
        "not_before": not_before.astimezone(dt.UTC) if not_before else None,
    }  # fmt: skip
    text = json.dumps(body, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> str:
    return str(value) if isinstance(value, uuid.UUID | dt.datetime) else repr(value)
