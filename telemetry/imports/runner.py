"""Reads files into the table, chunk by chunk; any process may die at any moment.

A worker owns a job by its lease. Position, counts and refused rows are written in the
transaction of the samples, and only by the owner: so nothing is counted twice, and a worker
that was taken for dead commits nothing more.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.db import transaction

from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from accounts.tenancy import all_tenants, tenant_scope
from devices.models import Device
from telemetry.imports import store
from telemetry.imports.channels import ensure_channels, targets_of
from telemetry.imports.files import FileProblem
from telemetry.imports.models import ImportJob, ImportState
from telemetry.imports.plan import Plan, PlanError, read_plan
from telemetry.imports.reading import FileReader, Row, shift_of
from telemetry.imports.trial import TrialStore, trial_targets
from telemetry.ingest.assemble import Columns
from telemetry.ingest.batch import to_microseconds
from telemetry.ingest.direct import Cursor, DirectResult, DirectStore, Target
from telemetry.ingest.times import MAX_FUTURE_US

logger = logging.getLogger(__name__)

CHUNK_ROWS = 5_000
CHUNK_VALUES = 20_000
LEASE = dt.timedelta(seconds=120)
MAX_ATTEMPTS = 5
MAX_PROBLEMS = 10_000
_ADVANCE = """
UPDATE telemetry_importjob SET state = 'running', position = %s, progress = %s, cursor = %s,
    rows = rows + %s, stored = stored + %s, duplicates = duplicates + %s,
    conflicts = conflicts + %s, missing = missing + %s, refused = refused + %s,
    attempts = 0, lease_until = %s, updated_at = %s
WHERE id = %s AND lease = %s
"""
_KEEP = """
INSERT INTO telemetry_importproblem (tenant_id, job_id, row, code, detail, text)
VALUES (%s, %s, %s, %s, %s, %s)
"""

Clock = Callable[[], dt.datetime]


class LeaseLost(Exception):
    """Somebody else owns the job, or it was cancelled."""


@dataclass(slots=True)
class Chunk:
    """Rows that are committed together."""

    columns: Columns = field(default_factory=Columns)
    problems: list[tuple[int, str, str, str]] = field(default_factory=list)
    rows: int = 0
    missing: int = 0
    last: int = 0

    @property
    def is_full(self) -> bool:
        """Tell whether it is time to commit."""
        return self.rows >= CHUNK_ROWS or len(self.columns.slots) >= CHUNK_VALUES


def claim(*, now: dt.datetime, job_id: uuid.UUID | None = None) -> ImportJob | None:
    """Take the oldest job that nobody works on, or one; None when there is none."""
    with all_tenants(), transaction.atomic():
        waiting = ImportJob.objects.filter(state__in=[ImportState.QUEUED, ImportState.RUNNING])
        if job_id:
            waiting = waiting.filter(id=job_id)
        free = waiting.filter(lease_until__isnull=True) | waiting.filter(lease_until__lt=now)
        job = free.select_for_update(skip_locked=True).order_by("started_at", "id").first()
        if job is None:
            return None
        job.lease, job.lease_until = uuid.uuid4(), now + LEASE
        job.state, job.attempts = ImportState.RUNNING, job.attempts + 1
        job.save(update_fields=["lease", "lease_until", "state", "attempts", "updated_at"])
    return job


def work(job: ImportJob, *, clock: Clock, budget: dt.timedelta = LEASE * 2) -> bool:
    """Go on with a job that this process has claimed; True when its end was reached.

    After `budget` the job is given back, so that others come to their turn. Errors of the
    file end it as failed; those of servers are raised, and it goes on where it stopped.
    """
    deadline = clock() + budget
    with tenant_scope(job.tenant_id):
        try:
            if job.attempts > MAX_ATTEMPTS:
                raise FileProblem("internal_error", "Five attempts ended without a result.")
            run = Run(job, clock=clock)
            is_done = run.go_on(until=deadline)
        except (FileProblem, PlanError, Refusal) as error:
            code = getattr(error, "code", "refused")
            finish(job, ImportState.FAILED, code, str(error), now=clock())
            return True
        except LeaseLost:
            logger.info("Import %s is no longer ours", job.id)
            return True
        if is_done:
            finish(job, ImportState.DONE, "", "", now=clock())
        else:
            ImportJob.objects.filter(id=job.id, lease=job.lease).update(lease_until=None)
    return is_done


@transaction.atomic
def finish(job: ImportJob, state: ImportState, code: str, detail: str, *, now: dt.datetime) -> None:
    """End a job that is still ours, and say so in the audit trail."""
    values = {"state": state, "error_code": code, "error": detail[:500], "finished_at": now}
    if state == ImportState.DONE:
        values["progress"] = 1.0
    owned = ImportJob.objects.filter(id=job.id, lease=job.lease)
    if not owned.update(**values, lease=None, lease_until=None, updated_at=now):
        return
    job.refresh_from_db()
    counts = {name: getattr(job, name) for name in ("rows", "stored", "duplicates", "refused")}
    record_event(action=f"import.{state}", now=now, tenant_id=job.tenant_id, obj=job, detail=counts)


class Run:
    """One worker's turn at a job, in the tenant's scope."""

    def __init__(
        self, job: ImportJob, *, clock: Clock, store_: DirectStore | TrialStore | None = None
    ) -> None:
        self._job, self._clock = job, clock
        self._plan: Plan = read_plan(job.plan)
        self._kept = job.conflicts + job.refused
        self._slots: dict[str, int | None] = {}
        self._store = store_ or DirectStore([])
        self._reader = FileReader(
            store.opener_of(job),
            self._plan,
            latest=to_microseconds(clock()) + MAX_FUTURE_US,
            after=job.position,
            state=dict(job.cursor),
        )
        self._shifts = [shift_of(self._plan, n) for n in range(len(self._plan.columns))]

    def go_on(self, *, until: dt.datetime) -> bool:
        """Commit chunks until the file or the time ends; True at the end of the file.

        Raises: FileProblem, LeaseLost, and errors of the servers.
        """
        try:
            for chunk in self._chunks():
                self._commit(chunk)
                if self._clock() > until:
                    return False
            return True
        finally:
            self._store.close()
            self._reader.source.close()

    def count(self) -> dict[str, int]:
        """Read the whole file and return what would be counted; for a `TrialStore`."""
        counts = dict.fromkeys(
            ("rows", "stored", "duplicates", "conflicts", "missing", "refused"), 0
        )
        for chunk in self._chunks():
            result = self._store.store_rows(chunk.columns, now=self._clock())
            counts["rows"] += chunk.rows
            counts["missing"] += chunk.missing
            counts["stored"] += result.stored
            counts["duplicates"] += result.duplicates
            counts["conflicts"] += len(result.conflicts)
            counts["refused"] += len(result.refused) + len(chunk.problems)
        self._reader.source.close()
        return counts

    def _chunks(self) -> Iterator[Chunk]:
        """Yield what is committed together; before an error of the file what was good."""
        chunk, rows = Chunk(), self._reader.rows()
        problem: FileProblem | None = None
        while True:
            try:
                row = next(rows, None)
            except FileProblem as error:
                row, problem = None, error
            if row is not None:
                self._add(chunk, row)
            if chunk.is_full or (row is None and chunk.rows):
                yield chunk
                chunk = Chunk()
            if problem:
                raise problem
            if row is None:
                return

    def _add(self, chunk: Chunk, row: Row) -> None:
        chunk.rows += 1
        chunk.last = row.number
        chunk.missing += row.missing
        chunk.problems += [(row.number, code, text, row.text) for code, text in row.problems]
        if row.time is None or not row.values:
            return
        first = self._first_slot(row.device)
        if first is None:
            detail = f"There is no device {row.device!r} beside this one."
            chunk.problems.append((row.number, "unknown_device", detail, row.text))
            return
        by_shift: dict[int, tuple[list[int], list[float]]] = {}
        for position, value in row.values:
            slots, values = by_shift.setdefault(self._shifts[position], ([], []))
            slots.append(first + position)
            values.append(value)
        for shift, (slots, values) in by_shift.items():
            chunk.columns.add(row.number, row.time - shift, slots, values, row.quality)

    def _first_slot(self, text: str) -> int | None:
        """Return the slot of the first column for a device; None for an unknown one."""
        if text not in self._slots:
            device = self._device(text)
            if device is None:
                self._slots[text] = None
            else:
                self._slots[text] = self._store.add_targets(self._targets(device))
        return self._slots[text]

    def _targets(self, device: Device) -> list[Target]:
        if isinstance(self._store, TrialStore):
            return trial_targets(device, self._plan)
        return targets_of(ensure_channels(device, self._plan), self._plan)

    def _device(self, text: str) -> Device | None:
        """Return the job's device, or the one of this identifier at its gateway or site."""
        if self._plan.device_column is None:
            return self._job.device
        own = self._job.device
        near = Device.objects.filter(site_id=own.site_id)
        if own.gateway_id is None:
            near = near.filter(gateway__isnull=True)
        else:
            near = near.filter(gateway_id=own.gateway_id)
        return near.filter(uid=text).first()

    def _commit(self, chunk: Chunk) -> None:
        now = self._clock()

        def advance(cursor: Cursor, result: DirectResult) -> None:
            self._advance(cursor, chunk, result, now)

        result = self._store.store_rows(chunk.columns, now=now, within=advance)
        self._kept += len(result.conflicts) + len(result.refused) + len(chunk.problems)

    def _advance(
        self, cursor: Cursor, chunk: Chunk, result: DirectResult, now: dt.datetime
    ) -> None:
        """Write how far we are, in the transaction of the samples."""
        job = self._job
        refused = len(result.refused) + len(chunk.problems)
        cursor.execute(
            _ADVANCE,
            (
                chunk.last, self._reader.source.fraction(), json.dumps(self._reader.state),
                chunk.rows, result.stored, result.duplicates, len(result.conflicts),
                chunk.missing, refused, now + LEASE, now, job.id, job.lease,
            ),
        )  # fmt: skip
        if cursor.rowcount != 1:
            raise LeaseLost
        told = [(row, code, text, "") for row, code, text in result.conflicts + result.refused]
        room = max(0, MAX_PROBLEMS - self._kept)
        rows = sorted(told + chunk.problems)[:room]
        if rows:
            cursor.executemany(
                _KEEP,
                [
                    (job.tenant_id, job.id, row, code, detail[:300], text)
                    for row, code, detail, text in rows
                ],
            )
