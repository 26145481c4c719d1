"""Asks for reports, hands them out, deletes them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from django.db import transaction
from django.db.models import QuerySet

from accounts.actor import Actor
from accounts.models import Tenant
from accounts.services.audit import record_event
from accounts.tenancy import all_tenants
from devices.models import Site
from metering.analysis.compare import Period
from metering.models import Meter
from reports.content.periods import last_whole, period_around
from reports.content.question import ReportQuestion
from reports.models import ReportPeriod, ReportRun, ReportTemplate, RunState
from reports.services.refusals import (
    ReportGone,
    TooManyReports,
    UnknownMeters,
    UnknownSite,
    WrongDays,
)
from telemetry.exports import store
from telemetry.timespec import find_zone

MAX_OPEN = 20  # of a tenant
MAX_KEPT = 1_000
KEPT = dt.timedelta(days=90)
LONGEST = dt.timedelta(days=3660)
EARLIEST = dt.date(1990, 1, 1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a report is about and how it looks; see `ReportTemplate`.

    `first_day` of a period other than fixed: the period in which the day lies.
    """

    title: str
    kind: str
    site_id: uuid.UUID
    meter_ids: Sequence[uuid.UUID] = ()
    period: str = ReportPeriod.MONTH
    first_day: dt.date | None = None
    last_day: dt.date | None = None
    step: str = "auto"
    compare: str = "none"
    format: str = "pdf"
    separator: str = "comma"
    decimal_mark: str = "."
    language: str = "en"


def wanted_of(template: ReportTemplate) -> Wanted:
    """Return what a template asks for."""
    return Wanted(
        title=template.name, kind=template.kind, site_id=template.site_id,
        meter_ids=template.meter_ids, period=template.period, first_day=template.first_day,
        last_day=template.last_day, step=template.step, compare=template.compare,
        format=template.format, separator=template.separator,
        decimal_mark=template.decimal_mark, language=template.language,
    )  # fmt: skip


def fix_days(wanted: Wanted, *, now: dt.datetime, is_kept: bool = False) -> ReportQuestion:
    """Return the question with absolute days, by the clock of the site.

    Args: is_kept: of a template, whose meters may be gone since; the report says so.
    Raises: UnknownSite, UnknownMeters, WrongDays
    """
    site = check_place(wanted.site_id, () if is_kept else wanted.meter_ids)
    period = _period_of(wanted, site, now)
    return ReportQuestion(
        title=wanted.title, kind=wanted.kind, site_id=site.id,
        first_day=period.start, last_day=period.end - dt.timedelta(days=1),
        meter_ids=tuple(wanted.meter_ids), step=wanted.step, compare=wanted.compare,
        format=wanted.format, separator=wanted.separator, decimal_mark=wanted.decimal_mark,
        language=wanted.language,
    )  # fmt: skip


def check_place(site_id: uuid.UUID, meter_ids: Sequence[uuid.UUID]) -> Site:
    """Return the site.

    Raises: UnknownSite, UnknownMeters
    """
    site = Site.objects.filter(id=site_id).first()
    if site is None:
        raise UnknownSite
    wanted = set(meter_ids)
    if wanted and Meter.objects.filter(site=site, id__in=wanted).count() < len(wanted):
        raise UnknownMeters
    return site


def check_days(period: str, first_day: dt.date | None, last_day: dt.date | None) -> None:
    """Check days that are given.

    Raises: WrongDays
    """
    if period != ReportPeriod.FIXED:
        if first_day is not None and not EARLIEST <= first_day <= dt.date(2199, 1, 1):
            raise WrongDays
        return
    if first_day is None or last_day is None or last_day < first_day:
        raise WrongDays
    if first_day < EARLIEST or last_day - first_day > LONGEST or last_day.year > 2199:
        raise WrongDays


def _period_of(wanted: Wanted, site: Site, now: dt.datetime) -> Period:
    check_days(wanted.period, wanted.first_day, wanted.last_day)
    if wanted.first_day is None:
        return last_whole(wanted.period, now=now, zone=find_zone(site.timezone))
    if wanted.period == ReportPeriod.FIXED and wanted.last_day is not None:
        return Period(wanted.first_day, wanted.last_day + dt.timedelta(days=1))
    return period_around(wanted.period, wanted.first_day)


@transaction.atomic
def request_report(
    *,
    tenant_id: uuid.UUID,
    wanted: Wanted,
    actor: Actor,
    now: dt.datetime,
    template: ReportTemplate | None = None,
    is_sent: bool = False,
    due_at: dt.datetime | None = None,
) -> ReportRun:
    """Put a report into the queue; its days are fixed now.

    Args: is_sent: to the recipients of the template. due_at: the time of its schedule, as of
    which its days are fixed.
    Raises: TooManyReports, UnknownSite, UnknownMeters, WrongDays
    """
    Tenant.objects.select_for_update().get(id=tenant_id)  # counts and adds in one go
    waiting = ReportRun.objects.filter(state__in=[RunState.WAITING, RunState.RUNNING])
    if waiting.count() >= MAX_OPEN or ReportRun.objects.count() >= MAX_KEPT:
        raise TooManyReports
    question = fix_days(wanted, now=due_at or now, is_kept=template is not None)
    run = ReportRun.objects.create(
        tenant_id=tenant_id, template=template, title=question.title,
        question=question.as_json(), requested_by_id=actor.id, requested_by=actor.label[:254],
        is_sent=is_sent and template is not None, due_at=due_at,
    )  # fmt: skip
    record_event(
        action="report.requested", now=now, tenant_id=tenant_id, obj=run, label=run.title,
        detail={"question": run.question, "sent": run.is_sent},
    )  # fmt: skip
    return run


def list_runs() -> QuerySet[ReportRun]:
    """Return the reports of the tenant in scope, the newest first."""
    return ReportRun.objects.select_related("template").order_by("-created_at", "id")


def find_run(run_id: uuid.UUID) -> ReportRun:
    """Return a report.

    Raises: ReportGone
    """
    found = list_runs().filter(id=run_id).first()
    if found is None:
        raise ReportGone
    return found


def open_report(run_id: uuid.UUID, *, now: dt.datetime) -> tuple[ReportRun, IO[bytes]]:
    """Return a finished report and its file.

    Raises: ReportGone
    """
    run = find_run(run_id)
    if run.state != RunState.DONE:
        raise ReportGone
    try:
        file = store.open_file(run)
    except FileNotFoundError as error:
        raise ReportGone from error
    record_event(action="report.downloaded", now=now, tenant_id=run.tenant_id, obj=run)
    return run, file


@transaction.atomic
def delete_report(run_id: uuid.UUID, *, now: dt.datetime) -> None:
    """Delete a report with its file and delivery log; a worker at it stops.

    Raises: ReportGone
    """
    run = find_run(run_id)
    record_event(action="report.deleted", now=now, tenant_id=run.tenant_id, obj=run)
    run.delete()
    transaction.on_commit(lambda: store.delete_file(run.tenant_id, run_id))


def delete_old_reports(*, now: dt.datetime) -> int:
    """Delete reports past their time with their files."""
    with all_tenants():
        doomed = list(ReportRun.objects.filter(expires_at__lt=now).values_list("tenant_id", "id"))
        ReportRun.objects.filter(id__in=[run_id for _, run_id in doomed]).delete()
    for tenant_id, run_id in doomed:
        store.delete_file(tenant_id, run_id)
    return len(doomed)
