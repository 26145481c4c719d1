"""One command for many devices: looked at first, then sent in stages."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from accounts.tenancy import tenant_scope
from devices.command_schema import check_params
from devices.command_states import ENDED, FAILED, OPEN, State
from devices.models import CommandBatch, CommandBatchItem, Device, OutboundMessage
from devices.safety import Request, judge
from devices.services.command_doors import may_pass
from devices.services.command_facts import facts_for, gather
from devices.services.command_moves import move
from devices.services.command_refusals import (
    BadBatch,
    BadKey,
    BatchEnded,
    KeyReused,
    MayNotControl,
    UnknownCommand,
)
from devices.services.command_wire import specs_of
from devices.services.commanders import Commander, OnBehalf, requester_of
from devices.services.commands import DEFAULT_SECONDS, PERMISSION, queue_command

MAX_DEVICES = 1000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A device of a batch; `code` says why it is skipped, "" that it may be commanded."""

    device: Device
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a batch is sent: so many devices at once, a pause, halted at so many failures."""

    stage_size: int = 10
    stage_seconds: int = 30
    halt_percent: int = 20
    expires_in: int = DEFAULT_SECONDS


def preview_batch(
    *,
    actor: Commander,
    devices: Sequence[Device],
    name: str,
    params: Mapping[str, Any],
    now: dt.datetime,
) -> list[Candidate]:
    """Say of each device whether it may be commanded now, and why not. Changes nothing.

    Raises: BadBatch: no device, or too many.
    """
    if not 1 <= len(devices) <= MAX_DEVICES:
        raise BadBatch
    around = gather(devices)
    requester = requester_of(actor).principal
    found = []
    for device in devices:
        spec = specs_of(device).get(name)
        is_let = actor.has_perm(PERMISSION, device)
        if not is_let or not may_pass(actor=actor, device=device, name=name):
            found.append(_skipped(device, MayNotControl()))
        elif spec is None:
            found.append(_skipped(device, UnknownCommand()))
        else:
            values, problems = check_params(spec, params)
            if problems:
                text = f"{problems[0].name}: {problems[0].detail}"
                found.append(Candidate(device, problems[0].code, text))
                continue
            request = Request(spec, values, requester)
            facts = facts_for(device=device, request=request, around=around, now=now)
            refusal = judge(request, facts).refusal
            found.append(
                Candidate(device, refusal.code, refusal.detail) if refusal else Candidate(device)
            )
    return found


def create_batch(
    *,
    actor: Commander,
    devices: Sequence[Device],
    name: str,
    params: Mapping[str, Any],
    plan: Plan,
    idempotency_key: str,
    now: dt.datetime,
) -> tuple[CommandBatch, bool]:
    """Keep a batch, which is sent stage by stage; return it and whether it was there before.

    Raises:
        BadBatch, BadKey, MayNotControl: nothing is kept.
        KeyReused: the key stands for another batch.
    """
    if not 1 <= len(idempotency_key) <= 255:
        raise BadKey
    if not actor.has_perm(PERMISSION):
        raise MayNotControl
    requester = requester_of(actor)
    wanted = _hash([str(device.id) for device in devices], name, params, plan)
    before = CommandBatch.objects.filter(
        principal=requester.principal, idempotency_key=idempotency_key
    )
    if (known := before.first()) is None:
        candidates = preview_batch(
            actor=actor, devices=devices, name=name, params=params, now=now
        )  # fmt: skip
        batch = CommandBatch(
            name=name, params=dict(params), principal=requester.principal,
            principal_label=requester.label[:254], idempotency_key=idempotency_key,
            body_hash=wanted, stage_size=plan.stage_size, stage_seconds=plan.stage_seconds,
            halt_percent=plan.halt_percent, expires_in=plan.expires_in, next_stage_at=now,
            requested_at=now,
        )  # fmt: skip
        try:
            _keep(batch, candidates, now)
        except IntegrityError:
            known = before.get()
        else:
            return batch, False
    if known.body_hash != wanted:
        raise KeyReused
    return known, True


def retry_batch(
    *, actor: Commander, batch: CommandBatch, idempotency_key: str, now: dt.datetime
) -> tuple[CommandBatch, bool]:
    """Make a new batch of the devices at which the command failed, with the same plan.

    Raises:
        BatchEnded: nothing failed.
    """
    failed = Device.objects.filter(
        commands__batch=batch, commands__state__in=FAILED
    ).select_related("profile", "gateway", "zone")
    devices = list(failed.order_by("id").distinct())
    if not devices:
        raise BatchEnded
    plan = Plan(batch.stage_size, batch.stage_seconds, batch.halt_percent, batch.expires_in)
    return create_batch(
        actor=actor, devices=devices, name=batch.name, params=batch.params, plan=plan,
        idempotency_key=idempotency_key, now=now,
    )  # fmt: skip


@transaction.atomic
def cancel_batch(*, actor: Commander, batch: CommandBatch, now: dt.datetime) -> CommandBatch:
    """Send nothing more of a batch, and take back what has not left.

    Raises:
        MayNotControl
        BatchEnded: it has ended.
    """
    if not actor.has_perm(PERMISSION):
        raise MayNotControl
    running = CommandBatch.objects.filter(
        id=batch.id, state__in=[CommandBatch.State.RUNNING, CommandBatch.State.HALTED]
    )
    if not running.update(
        state=CommandBatch.State.CANCELLED, finished_at=now, next_stage_at=None
    ):  # fmt: skip
        raise BatchEnded
    waiting = batch.commands.filter(state=State.QUEUED).values_list("id", flat=True)
    messages = OutboundMessage.objects.filter(command_id__in=list(waiting))
    free = list(messages.select_for_update(skip_locked=True))
    OutboundMessage.objects.filter(id__in=[message.id for message in free]).delete()
    ids = [message.command_id for message in free if message.command_id]
    move(ids=ids, to=State.CANCELLED, at=now, by=requester_of(actor).label)
    record_event(
        action="command.cancelled", now=now, tenant_id=batch.tenant_id, obj=batch
    )  # fmt: skip
    batch.refresh_from_db()
    return batch


def advance_batches(*, now: dt.datetime) -> int:
    """Send the next stage of every batch whose time has come; return how many."""
    due = CommandBatch.objects.filter(state=CommandBatch.State.RUNNING, next_stage_at__lte=now)
    ids = due.order_by("next_stage_at").values_list("id", flat=True)[:20]
    return sum(_advance(id_, now) for id_ in list(ids))


@transaction.atomic
def _advance(id_: uuid.UUID, now: dt.datetime) -> int:
    rows = CommandBatch.objects.select_for_update(skip_locked=True)
    batch = rows.filter(
        id=id_, state=CommandBatch.State.RUNNING, next_stage_at__lte=now
    ).first()  # fmt: skip
    if batch is None:
        return 0
    with tenant_scope(batch.tenant_id):
        if batch.commands.filter(state__in=OPEN).exists():
            return 0  # the next stage learns from this one
        waiting = batch.items.filter(command=None, skip_code="")
        if not waiting.exists():
            batch.state, batch.finished_at = CommandBatch.State.FINISHED, now
        elif _has_failed(batch):
            batch.state = CommandBatch.State.HALTED
        else:
            stage = waiting.order_by("stage").values_list("stage", flat=True)[0]
            _send_stage(batch, list(waiting.filter(stage=stage)), now)
            batch.stage = stage
            batch.next_stage_at = now + dt.timedelta(seconds=batch.stage_seconds)
            if not waiting.filter(stage__gt=stage).exists():
                batch.next_stage_at = now  # only the end is left to see
        batch.save()
    return 1


def _send_stage(batch: CommandBatch, items: list[CommandBatchItem], now: dt.datetime) -> None:
    actor = OnBehalf(batch.principal, batch.principal_label)
    devices = {
        device.id: device
        for device in Device.objects.filter(
            id__in=[item.device_id for item in items]
        ).select_related("profile", "gateway", "zone")
    }
    for item in items:
        try:
            with transaction.atomic():
                queued = queue_command(
                    actor=actor, device=devices[item.device_id], name=batch.name,
                    params=batch.params, idempotency_key=f"batch:{batch.id}:{item.device_id}",
                    expires_in=batch.expires_in, batch=batch, now=now,
                )  # fmt: skip
        except Refusal as refusal:
            item.skip_code, item.skip_detail = refusal.code, str(refusal)[:1000]
        else:
            item.command = queued.command
        item.save()


def _has_failed(batch: CommandBatch) -> bool:
    """Tell whether so much of what was sent failed that the rest must not be tried."""
    ended = batch.commands.filter(state__in=ENDED).count()
    failed = batch.commands.filter(state__in=FAILED).count()
    return failed > 0 and failed * 100 >= batch.halt_percent * ended


@transaction.atomic
def _keep(batch: CommandBatch, candidates: Sequence[Candidate], now: dt.datetime) -> None:
    batch.save(force_insert=True)
    eligible = [candidate for candidate in candidates if not candidate.code]
    items = [
        CommandBatchItem(
            tenant_id=batch.tenant_id, batch=batch, device=candidate.device,
            stage=number // batch.stage_size,
        )
        for number, candidate in enumerate(eligible)
    ] + [
        CommandBatchItem(
            tenant_id=batch.tenant_id, batch=batch, device=candidate.device, stage=0,
            skip_code=candidate.code[:64], skip_detail=candidate.detail[:1000],
        )
        for candidate in candidates
        if candidate.code
    ]  # fmt: skip
    CommandBatchItem.objects.bulk_create(items)
    record_event(
        action="command.queued", now=now, tenant_id=batch.tenant_id, obj=batch,
        detail={"eligible": len(eligible), "skipped": len(candidates) - len(eligible)},
    )  # fmt: skip


def _skipped(device: Device, refusal: Refusal) -> Candidate:
    return Candidate(device, refusal.code, str(refusal))


def _hash(ids: list[str], name: str, params: Mapping[str, Any], plan: Plan) -> str:
    body = [ids, name, dict(params), repr(plan)]
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()
