"""Asks for exports, hands them out, deletes them."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import replace
from typing import IO

from django.core import signing
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import Tenant
from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from accounts.tenancy import all_tenants
from telemetry.exports import store
from telemetry.exports.models import ExportJob, ExportState
from telemetry.questions import (
    Question,
    choose_zone,
    find_channels,
    plan_columns,
    read_period,
)
from telemetry.series import epoch_ms
from telemetry.timespec import choose_interval

MAX_OPEN = 3  # of a person
MAX_KEPT = 100  # of a tenant
MAX_LINK_AGE = dt.timedelta(minutes=10)
AUTO_POINTS = 10_000
_SALT = "telemetry.export"


class ExportGone(Refusal):
    """No such export, or somebody else's."""

    code = "export_gone"
    message = _("This export does not exist any more.")


class TooManyExports(Refusal):
    """The quota is used up."""

    code = "too_many_exports"
    message = _("Too many exports: wait for one to end, or delete one.")


class LinkExpired(Refusal):
    """The link is too old, or not this person's."""

    code = "link_expired"
    message = _("This link has expired; take a new one from the list of exports.")


@transaction.atomic
def create_export(
    *, tenant_id: uuid.UUID, owner_id: uuid.UUID, question: Question, format_: str, now: dt.datetime
) -> ExportJob:
    """Put an export into the queue; the question is checked now and its times are fixed.

    Raises:
        TooManyExports: see `MAX_OPEN` and `MAX_KEPT`.
        telemetry.questions.QuestionRefused: the question has no answer.
    """
    Tenant.objects.select_for_update().get(id=tenant_id)  # counts and adds in one go
    open_ = ExportJob.objects.filter(
        owner_id=owner_id, state__in=[ExportState.QUEUED, ExportState.RUNNING]
    )
    if open_.count() >= MAX_OPEN or ExportJob.objects.count() >= MAX_KEPT:
        raise TooManyExports
    channels, devices = find_channels(question)
    zone = choose_zone(question, devices)
    start, end = read_period(question, zone, now)
    if question.interval == "auto":
        fitting = choose_interval(start, end, zone=zone, max_points=AUTO_POINTS)
        question = replace(question, interval=fitting.name if fitting else "1d")
    plan_columns(question, channels)
    job = ExportJob.objects.create(
        tenant_id=tenant_id, owner_id=owner_id, format=format_,
        question={
            "channels": [str(channel.uuid) for channel in channels], "interval": question.interval,
            "aggregates": list(question.aggregates), "timezone": zone.key, "fill": question.fill,
            "unit": question.unit, "start": epoch_ms(start),
            "end": epoch_ms(min(end, max(now, start))),
        },
    )  # fmt: skip
    detail = {"format": format_, **job.question, "channels": len(channels)}
    record_event(action="export.created", now=now, tenant_id=tenant_id, obj=job, detail=detail)
    return job


def list_exports(owner_id: uuid.UUID) -> QuerySet[ExportJob]:
    """Return the exports of a person or program, the newest first."""
    return ExportJob.objects.filter(owner_id=owner_id).order_by("-created_at", "id")


def find_export(owner_id: uuid.UUID, export_id: uuid.UUID) -> ExportJob:
    """Return an export of its owner.

    Raises: ExportGone
    """
    found = list_exports(owner_id).filter(id=export_id).first()
    if found is None:
        raise ExportGone
    return found


def sign_link(job: ExportJob) -> str:
    """Return the token with which the owner, signed in, loads the file for ten minutes."""
    return signing.dumps([str(job.id), str(job.owner_id)], salt=_SALT)


def open_export(
    *, owner_id: uuid.UUID, export_id: uuid.UUID, token: str, now: dt.datetime
) -> tuple[ExportJob, IO[bytes]]:
    """Return a finished export and its file.

    Raises: ExportGone, LinkExpired
    """
    job = find_export(owner_id, export_id)
    try:
        signed = signing.loads(token, salt=_SALT, max_age=MAX_LINK_AGE)
    except signing.BadSignature as error:
        raise LinkExpired from error
    if signed != [str(export_id), str(owner_id)]:
        raise LinkExpired
    if job.state != ExportState.DONE:
        raise ExportGone
    try:
        file = store.open_file(job)
    except FileNotFoundError as error:
        raise ExportGone from error
    record_event(action="export.downloaded", now=now, tenant_id=job.tenant_id, obj=job)
    return job, file


@transaction.atomic
def delete_export(*, owner_id: uuid.UUID, export_id: uuid.UUID, now: dt.datetime) -> None:
    """Delete an export and its file; a worker at it stops.

    Raises: ExportGone
    """
    job = find_export(owner_id, export_id)
    record_event(action="export.deleted", now=now, tenant_id=job.tenant_id, obj=job)
    store.delete_file(job.tenant_id, job.id)
    job.delete()


def delete_old_exports(*, now: dt.datetime, kept: dt.timedelta) -> int:
    """Delete exports past their time with their files; failed ones after `kept`."""
    with all_tenants():
        old = ExportJob.objects.filter(expires_at__lt=now) | ExportJob.objects.filter(
            state=ExportState.FAILED, finished_at__lt=now - kept
        )
        doomed = list(old.values_list("tenant_id", "id"))
        for tenant_id, job_id in doomed:
            store.delete_file(tenant_id, job_id)
        ExportJob.objects.filter(id__in=[job_id for _, job_id in doomed]).delete()
    return len(doomed)
