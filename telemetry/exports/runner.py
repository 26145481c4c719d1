"""Makes exports part by part; any process may die at any moment.

Each part is written and only then noted in `cursor`, so that the next worker cuts off what
was not noted and goes on there. A workbook cannot be continued: it is begun anew.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction

from accounts.services.audit import record_event
from accounts.tenancy import all_tenants, tenant_scope
from telemetry.exports import store
from telemetry.exports.models import ExportFormat, ExportJob, ExportState
from telemetry.exports.writing import SheetFull, write_book, write_part
from telemetry.figures import ValuesTooLarge
from telemetry.queries import RAW, QueryTooSlow
from telemetry.questions import Question, QuestionRefused, TooManyPoints
from telemetry.series import EPOCH, answer_question, as_members, epoch_ms
from telemetry.timespec import INTERVALS, bucket_edges, find_zone

logger = logging.getLogger(__name__)

LEASE = dt.timedelta(seconds=120)
MAX_ATTEMPTS = 5
KEPT = dt.timedelta(days=7)
MAX_BYTES = 500_000_000
PART_POINTS = 50_000
SHORTEST = dt.timedelta(minutes=1)

Clock = Callable[[], dt.datetime]


class LeaseLost(Exception):
    """Somebody else owns the job, or it was deleted."""


class ExportFailed(Exception):
    """The file cannot be made; `code` says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Part:
    """The series of a stretch of the period, and where the next stretch begins."""

    series: Sequence[dict[str, Any]]
    following: dt.datetime


def claim(*, now: dt.datetime) -> ExportJob | None:
    """Take the oldest job that nobody works on; None when there is none."""
    with all_tenants(), transaction.atomic():
        waiting = ExportJob.objects.filter(state__in=[ExportState.QUEUED, ExportState.RUNNING])
        free = waiting.filter(lease_until__isnull=True) | waiting.filter(lease_until__lt=now)
        job = free.select_for_update(skip_locked=True).order_by("created_at", "id").first()
        if job is None:
            return None
        job.lease, job.lease_until = uuid.uuid4(), now + LEASE
        job.state, job.attempts = ExportState.RUNNING, job.attempts + 1
        job.save(update_fields=["lease", "lease_until", "state", "attempts", "updated_at"])
    return job


def work(job: ExportJob, *, clock: Clock, longest: dt.timedelta) -> None:
    """Make the file of a job that this process has claimed.

    Args: longest: how long the installation keeps samples.
    """
    with tenant_scope(job.tenant_id):
        try:
            if job.attempts > MAX_ATTEMPTS:
                raise ExportFailed("internal_error", "Five attempts ended without a result.")
            size = _make(job, clock=clock, longest=longest)
        except (ExportFailed, QuestionRefused) as error:
            _end(
                job, ExportState.FAILED, now=clock(), error_code=error.code, error=str(error)[:500]
            )
        except (QueryTooSlow, ValuesTooLarge) as error:
            code = "query_too_slow" if isinstance(error, QueryTooSlow) else "values_too_large"
            _end(job, ExportState.FAILED, now=clock(), error_code=code)
        except LeaseLost:
            logger.info("Export %s is no longer ours", job.id)
        else:
            now = clock()
            _end(job, ExportState.DONE, now=now, size=size, progress=1.0, expires_at=now + KEPT)


def _make(job: ExportJob, *, clock: Clock, longest: dt.timedelta) -> int:
    parts = _Parts(job, now=job.created_at, longest=longest)
    if job.format == ExportFormat.XLSX:
        return _make_book(job, parts, clock)
    size = int(job.cursor.get("bytes", 0))
    for part in parts.after(job.cursor.get("next")):
        data = write_part(job.format, part.series, is_first=size == 0)
        store.append(job, size, data)
        size += len(data)
        if size > MAX_BYTES:
            raise ExportFailed("too_large", f"The file would exceed {MAX_BYTES} bytes.")
        _note(job, parts, part, size, clock())
    return size


def _make_book(job: ExportJob, parts: _Parts, clock: Clock) -> int:
    job.rows = 0

    def series() -> Iterator[Sequence[dict[str, Any]]]:
        for part in parts.after(None):
            yield part.series
            _note(job, parts, part, 0, clock())

    path = store.path_of(job)
    try:
        write_book(path, series(), timezone=job.question["timezone"])
    except SheetFull as error:
        raise ExportFailed(
            "too_many_rows", "A sheet holds 1,048,575 values: take CSV or a wider interval."
        ) from error
    path.chmod(0o600)
    return path.stat().st_size


def _note(job: ExportJob, parts: _Parts, part: Part, size: int, now: dt.datetime) -> None:
    job.rows += sum(len(one["t"]) for one in part.series)
    cursor = {"next": epoch_ms(part.following), "bytes": size}
    noted = ExportJob.objects.filter(id=job.id, lease=job.lease).update(
        cursor=cursor, rows=job.rows, progress=parts.share(part.following), attempts=1,
        lease_until=now + LEASE, updated_at=now,
    )  # fmt: skip
    if not noted:
        raise LeaseLost


@transaction.atomic
def _end(job: ExportJob, state: ExportState, *, now: dt.datetime, **values: Any) -> None:
    owned = ExportJob.objects.filter(id=job.id, lease=job.lease)
    values |= {"state": state, "finished_at": now, "updated_at": now}
    if not owned.update(**values, lease=None, lease_until=None):
        return
    if state == ExportState.FAILED:
        store.delete_file(job.tenant_id, job.id)
    record_event(
        action=f"export.{state}", now=now, tenant_id=job.tenant_id, obj=job,
        detail={"rows": job.rows, "error_code": values.get("error_code", "")},
    )  # fmt: skip


class _Parts:
    """Cuts the period of a job into parts that fit into memory."""

    def __init__(self, job: ExportJob, *, now: dt.datetime, longest: dt.timedelta) -> None:
        asked = job.question
        self._question = Question(
            device_ids=(), metrics=(), channel_ids=[uuid.UUID(id_) for id_ in asked["channels"]],
            start="", end="", interval=asked["interval"], aggregates=asked["aggregates"],
            timezone=asked["timezone"], fill=asked["fill"], unit=asked["unit"],
            max_points=PART_POINTS,
        )  # fmt: skip
        self._start, self._end = (_moment(asked[name]) for name in ("start", "end"))
        self._tenant_id, self._now, self._longest = job.tenant_id, now, longest
        self._columns = len(asked["channels"]) * max(len(asked["aggregates"]), 1)

    def share(self, moment: dt.datetime) -> float:
        """Return how much of the period lies before the moment."""
        return (moment - self._start) / (self._end - self._start)

    def after(self, done: int | None) -> Iterator[Part]:
        """Yield the parts from a moment on, in the order of time; `done` in epoch ms."""
        start = self._start if done is None else _moment(done)
        step = dt.timedelta(days=1) if self._question.interval == RAW else self._end - start
        while start < self._end:
            end = self._part_end(start, step)
            try:
                series = self._read(start, end)
            except TooManyPoints:
                if end - start <= SHORTEST:
                    raise
                step = (end - start) / 2
                continue
            yield Part(series, end)
            if sum(len(one["t"]) for one in series) < PART_POINTS // 4:
                step *= 2
            start = end

    def _part_end(self, start: dt.datetime, step: dt.timedelta) -> dt.datetime:
        """Return the end of a part: no bucket is cut."""
        if self._question.interval == RAW:
            return min(self._end, start + step)
        limit = max(1, PART_POINTS // self._columns)
        edges = bucket_edges(
            start, self._end, interval=INTERVALS[self._question.interval],
            zone=find_zone(self._question.timezone), limit=limit,
        )  # fmt: skip
        return min(self._end, edges[-1])

    def _read(self, start: dt.datetime, end: dt.datetime) -> list[dict[str, Any]]:
        question = replace(self._question, start=str(epoch_ms(start)), end=str(epoch_ms(end)))
        answer = answer_question(
            tenant_id=self._tenant_id, question=question, now=self._now, longest=self._longest
        )
        return [as_members(series) for series in answer.series]


def _moment(time_ms: int) -> dt.datetime:
    return EPOCH + dt.timedelta(milliseconds=time_ms)
