"""Decides once that something is done, and keeps why; or why it is not."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import Tenant
from automation.models import Execution, ExecutionState, ExecutionStep, Origin, Reason

AGREE_WITHIN = dt.timedelta(minutes=15)
MAX_CHAIN = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody has decided; fields as those of `Execution`.

    actions: as stored (`actions.write_actions`). reason: why nothing is done; kept for whoever
    asks. needs_agreement: a person has to agree first, within a quarter of an hour.
    """

    tenant_id: uuid.UUID
    origin: Origin
    origin_id: uuid.UUID
    trigger_key: str
    label: str
    triggered_at: dt.datetime
    actions: Sequence[Mapping[str, Any]] = ()
    version: int = 0
    trigger: Mapping[str, Any] = field(default_factory=dict)
    seen: Sequence[Mapping[str, Any]] = ()
    chain: Sequence[str] = ()
    rule_id: uuid.UUID | None = None
    schedule_id: uuid.UUID | None = None
    site_id: uuid.UUID | None = None
    zone_id: uuid.UUID | None = None
    reason: Reason = Reason.NONE
    detail: str = ""
    needs_agreement: bool = False

    @property
    def key(self) -> tuple[uuid.UUID, str]:
        """Return what there is one execution of."""
        return self.origin_id, self.trigger_key


def begin_executions(wanted: Collection[Wanted], *, now: dt.datetime) -> list[Execution]:
    """Keep decisions; return those that nobody had kept before, saved with their steps.

    Call it in the transaction of what led to them. The process that acts takes them up from
    their rows. Call it in the scope of their tenant, or of all.
    """
    active = _active({one.tenant_id for one in wanted})
    fresh = {one.key: one for one in wanted if one.tenant_id in active}
    for one in Execution.objects.filter(
        tenant_id__in={one.tenant_id for one in fresh.values()},
        origin_id__in={origin for origin, _key in fresh},
        trigger_key__in={key for _origin, key in fresh},
    ):
        fresh.pop((one.origin_id, one.trigger_key), None)
    return _save_apart(list(fresh.values()), now)


def _active(tenants: set[uuid.UUID]) -> set[uuid.UUID]:
    """Return the tenants that are not suspended: for others nothing is done."""
    rows = Tenant.objects.filter(id__in=tenants, suspended_at=None)
    return set(rows.values_list("id", flat=True))


def _save_apart(wanted: list[Wanted], now: dt.datetime) -> list[Execution]:
    """Save; where another process was quicker with one, the others are saved all the same."""
    if not wanted:
        return []
    try:
        with transaction.atomic():
            return _save(wanted, now)
    except IntegrityError:
        if len(wanted) == 1:
            return []
    half = len(wanted) // 2
    return _save_apart(wanted[:half], now) + _save_apart(wanted[half:], now)


def _save(wanted: Sequence[Wanted], now: dt.datetime) -> list[Execution]:
    # composite keys keep tenants apart; to check each relation here would cost a query a row
    executions = [_execution(one, now) for one in wanted]
    Execution._base_manager.bulk_create(executions, batch_size=1_000)
    steps = [
        ExecutionStep(
            tenant_id=one.tenant_id, execution=execution, number=number, action=dict(action)
        )
        for one, execution in zip(wanted, executions, strict=True)
        for number, action in enumerate(() if one.reason else one.actions)
    ]
    ExecutionStep._base_manager.bulk_create(steps, batch_size=1_000)
    return executions


def _execution(one: Wanted, now: dt.datetime) -> Execution:
    state = ExecutionState.RUNNING
    next_at: dt.datetime | None = now
    if one.reason:
        state, next_at = ExecutionState.SKIPPED, None
    elif one.needs_agreement:
        state, next_at = ExecutionState.PROPOSED, now + AGREE_WITHIN
    return Execution(
        tenant_id=one.tenant_id, origin=one.origin, origin_id=one.origin_id,
        trigger_key=one.trigger_key, label=one.label[:120], version=one.version,
        rule_id=one.rule_id, schedule_id=one.schedule_id, site_id=one.site_id,
        zone_id=one.zone_id, state=state, reason=one.reason, detail=one.detail[:500],
        trigger=dict(one.trigger), seen=[dict(value) for value in one.seen],
        chain=list(one.chain), triggered_at=one.triggered_at, decided_at=now,
        finished_at=now if next_at is None else None, next_at=next_at,
    )  # fmt: skip
