"""Builds the ledger of a stretch of the past anew, register by register."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection, transaction

from metering.build.engine import build_windows
from metering.models import Register
from metering.storage.entries import Written
from telemetry.ingest.batch import to_microseconds
from telemetry.models import StorageJob

JOB = "ledger_rebuild"
_SUM = "SELECT coalesce(sum(amount), 0)::int8 FROM metering_interval WHERE register_id = %s"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which registers and which time; None is all."""

    tenant_id: uuid.UUID | None = None
    meter_id: uuid.UUID | None = None
    start: dt.datetime | None = None
    end: dt.datetime | None = None

    def key(self) -> list[str | None]:
        """Return what two runs of the same job share."""
        values = (self.tenant_id, self.meter_id, self.start, self.end)
        return [None if value is None else str(value) for value in values]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A register: what was written, and by how much its sum moved (millionths)."""

    done: int
    registers: int
    register: Register
    written: Written
    moved: int


def rebuild(
    scope: Scope, *, now: dt.datetime, is_trial: bool = False, resumes: bool = False
) -> Iterator[Rebuilt]:
    """Build the registers of a scope, inside `all_tenants`; each is a transaction.

    Args: is_trial: do all of it, then take it back. resumes: go on after the registers that an
        interrupted run over the same scope had done.
    """
    rows = Register.objects.filter(id__gt=_interrupted_at(scope) if resumes else 0)
    if scope.tenant_id is not None:
        rows = rows.filter(tenant_id=scope.tenant_id)
    if scope.meter_id is not None:
        rows = rows.filter(meter_id=scope.meter_id)
    registers = list(rows.select_related("meter").order_by("id"))
    for place, register in enumerate(registers, start=1):
        written, moved = _build(register, scope, now=now, is_trial=is_trial)
        if not is_trial:
            _note(scope, register.id, now)
        yield Rebuilt(place, len(registers), register, written, moved)
    if not is_trial:
        StorageJob.objects.filter(name=JOB).delete()


def _build(
    register: Register, scope: Scope, *, now: dt.datetime, is_trial: bool
) -> tuple[Written, int]:
    first = scope.start or dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    last = scope.end or now
    window = (to_microseconds(first), to_microseconds(last) - 1)
    with transaction.atomic():
        before = _sum(register.id)
        written = build_windows({register.id: [window]}, now=now)
        moved = _sum(register.id) - before
        transaction.set_rollback(is_trial)
    return written, moved


def _sum(register: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_SUM, [register])
        return int(cursor.fetchone()[0])


def _note(scope: Scope, register: int, now: dt.datetime) -> None:
    state = {"scope": scope.key(), "after": register}
    StorageJob.objects.update_or_create(name=JOB, defaults={"state": state, "updated_at": now})


def _interrupted_at(scope: Scope) -> int:
    job = StorageJob.objects.filter(name=JOB).first()
    if job is None or job.state["scope"] != scope.key():
        return 0
    return int(job.state["after"])
