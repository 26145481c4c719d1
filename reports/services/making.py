"""Makes reports, one at a time for each tenant; any worker may die at any moment.

A worker owns a report while it holds its lease. A file is written anew by each attempt, and
counts when the row says done.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import uuid
from collections.abc import Callable
from typing import IO, BinaryIO, cast

from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts.models import Tenant
from accounts.services.audit import record_event
from accounts.tenancy import all_tenants, tenant_scope
from reports.content.build import build_document
from reports.content.question import ReportQuestion, read_question
from reports.content.subject import ReportImpossible
from reports.documents.content import Document
from reports.documents.csv_files import CsvOptions, Layout, write_csv
from reports.documents.pdf_files import write_pdf
from reports.documents.xlsx_files import write_xlsx
from reports.models import ReportFormat, ReportRun, RunState
from reports.services.asking import KEPT
from reports.services.recipients import add_deliveries
from telemetry.exports import store

logger = logging.getLogger(__name__)

LEASE = dt.timedelta(minutes=11)  # longer than a task may run
MAX_ATTEMPTS = 3
MAX_BYTES = 200_000_000
PART_BYTES = 1_000_000
EXTENSIONS = {
    ReportFormat.PDF: "pdf", ReportFormat.XLSX: "xlsx",
    ReportFormat.CSV_WIDE: "csv", ReportFormat.CSV_LONG: "csv",
}  # fmt: skip

Clock = Callable[[], dt.datetime]


def claim_run(*, now: dt.datetime) -> ReportRun | None:
    """Take the oldest report that may be made; None when there is none.

    A tenant's reports are made in order, one at a time; the database has the last word.
    """
    with all_tenants():
        running = ReportRun.objects.filter(state=RunState.RUNNING)
        dead = Q(state=RunState.RUNNING, lease_until__lt=now)
        fresh = Q(state=RunState.WAITING) & ~Q(tenant__in=running.values("tenant"))
        try:
            with transaction.atomic():
                free = ReportRun.objects.filter(dead | fresh, tenant__is_active=True).order_by(
                    "created_at", "id"
                )
                run = free.select_for_update(skip_locked=True, of=("self",)).first()
                if run is None:
                    return None
                run.lease, run.lease_until = uuid.uuid4(), now + LEASE
                run.state, run.attempts, run.progress = RunState.RUNNING, run.attempts + 1, 0.1
                run.started_at = now
                run.save(update_fields=[
                    "lease", "lease_until", "state", "attempts", "progress", "started_at",
                    "updated_at",
                ])  # fmt: skip
        except IntegrityError:  # another worker has begun a report of this tenant meanwhile
            return None
    return run


def run_report(run: ReportRun, *, clock: Clock) -> None:
    """Make the file of a report that this process has claimed."""
    with tenant_scope(run.tenant_id):
        try:
            if run.attempts > MAX_ATTEMPTS:
                raise ReportImpossible("internal_error")
            document, question = _build(run, clock())
            _note(run, 0.5, clock())
            size, digest = _write(run, document, question)
        except ReportImpossible as error:
            _end(run, RunState.FAILED, now=clock(), error_code=error.code)
        else:
            _end(
                run, RunState.DONE, now=clock(), size=size, sha256=digest, progress=1.0,
                file_name=run.name_file(EXTENSIONS[ReportFormat(question.format)]),
            )  # fmt: skip


def write_document(document: Document, question: ReportQuestion, out: IO[bytes]) -> None:
    """Write a document in the format of the question."""
    target = cast(BinaryIO, out)
    if question.format == ReportFormat.PDF:
        write_pdf(document, target)
    elif question.format == ReportFormat.XLSX:
        write_xlsx(document, target)
    else:
        layout = Layout.LONG if question.format == ReportFormat.CSV_LONG else Layout.WIDE
        options = CsvOptions(layout, question.separator, question.decimal_mark, has_mark=True)
        write_csv(document, target, options=options)


def _build(run: ReportRun, now: dt.datetime) -> tuple[Document, ReportQuestion]:
    question = read_question(run.question)
    name = Tenant.objects.values_list("name", flat=True).get(id=run.tenant_id)
    return build_document(question, organisation=name, now=now), question


def _write(run: ReportRun, document: Document, question: ReportQuestion) -> tuple[int, str]:
    with store.new_file(run) as file:
        write_document(document, question, file)
    digest = hashlib.sha256()
    with store.open_file(run) as file:
        while part := file.read(PART_BYTES):
            digest.update(part)
        size = file.tell()
    if size > MAX_BYTES:
        raise ReportImpossible("too_large")
    return size, digest.hexdigest()


def _note(run: ReportRun, progress: float, now: dt.datetime) -> None:
    ReportRun.objects.filter(id=run.id, lease=run.lease).update(progress=progress, updated_at=now)


@transaction.atomic
def _end(run: ReportRun, state: RunState, *, now: dt.datetime, **values: object) -> None:
    """End a report; with it its mails are noted, so that a death in between loses none."""
    owned = ReportRun.objects.filter(id=run.id, lease=run.lease)
    values |= {"state": state, "finished_at": now, "updated_at": now, "expires_at": now + KEPT}
    is_ours = owned.update(**values, lease=None, lease_until=None)
    if not is_ours:
        logger.info("Report %s is no longer ours", run.id)
    if not ReportRun.objects.filter(id=run.id).exists() or (is_ours and state == RunState.FAILED):
        store.delete_file(run.tenant_id, run.id)
    if not is_ours:
        return
    record_event(
        action=f"report.{state}", now=now, tenant_id=run.tenant_id, obj=run, label=run.title,
        detail={"error_code": values.get("error_code", "")},
    )  # fmt: skip
    if state == RunState.DONE:
        add_deliveries(run, now=now)
