"""Imports: uploaded in parts, described, started, cancelled, deleted."""

from __future__ import annotations

import datetime as dt
import uuid
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from devices.models import Device
from telemetry.imports import store
from telemetry.imports.channels import ensure_channels, existing_channels
from telemetry.imports.files import MAX_BYTES, FileProblem
from telemetry.imports.models import ImportJob, ImportState
from telemetry.imports.plan import PlanError, check_plan, read_plan
from telemetry.imports.sniff import guess_plan

MAX_PART = 4 * 1024 * 1024
KEPT = dt.timedelta(days=30)
_OPEN = (ImportState.QUEUED, ImportState.RUNNING)


class ImportGone(Refusal):
    """There is no such import, or no such device to import into."""

    code = "import_gone"
    message = _("There is no such import or device.")


class WrongState(Refusal):
    """The import is not where this can be done."""

    code = "wrong_state"
    message = _("The import cannot do this now.")


class WrongOffset(Refusal):
    """A part does not continue what is there."""

    code = "wrong_offset"
    message = _("This part does not follow what was received.")


class ImportRefused(Refusal):
    """The file or its settings cannot be used; `path` names the setting, if it is one."""

    code = "import_refused"
    message = _("This file cannot be imported.")

    def __init__(self, code: str, detail: str, path: str = "") -> None:
        super().__init__(detail)
        self.code, self.detail, self.path = code, detail, path

    def __str__(self) -> str:
        return self.detail


@transaction.atomic
def create_import(
    *, device_id: uuid.UUID, file_name: str, size: int, actor: User | None, now: dt.datetime
) -> ImportJob:
    """Begin an upload for a device of the tenant in scope.

    Raises: ImportGone, ImportRefused.
    """
    device = Device.objects.filter(id=device_id).first()
    if device is None:
        raise ImportGone
    if not 0 < size <= MAX_BYTES:
        raise ImportRefused("too_large", str(_("A file has at least 1 byte and at most 100 MB.")))
    name = "".join(sign for sign in file_name if sign.isprintable())[-255:] or "file"
    job = ImportJob(device=device, tenant_id=device.tenant_id, file_name=name, size=size)
    job.created_by = actor
    job.stored_as = store.name_for(device.tenant_id, job.id)
    job.save()
    record_event(
        action="import.created", now=now, tenant_id=job.tenant_id, obj=job, detail={"size": size}
    )
    return job


@transaction.atomic
def append_part(*, job_id: uuid.UUID, offset: int, data: bytes) -> ImportJob:
    """Write the bytes of a file from `offset` on; what was received before may be repeated.

    Raises: ImportGone, WrongState, WrongOffset.
    """
    job = _locked(job_id)
    if job.state != ImportState.UPLOADING:
        raise WrongState
    end = offset + len(data)
    if not 0 <= offset <= job.received or end > job.size or len(data) > MAX_PART:
        raise WrongOffset
    if end > job.received:
        store.write_part(job, offset, data)
        job.received = end
        job.save(update_fields=["received", "updated_at"])
    return job


def finish_upload(*, job_id: uuid.UUID, now: dt.datetime) -> ImportJob:
    """Look at a file that has come completely and guess how it is to be read.

    Raises: ImportGone, WrongState, ImportRefused: the import has failed then.
    """
    job = find_import(job_id)
    if job.state != ImportState.UPLOADING or job.received != job.size:
        raise WrongState
    job.sha256, _size = store.digest_of(job)
    try:
        zone = job.device.site.timezone
        found = guess_plan(store.opener_of(job), file_name=job.file_name, zone=zone)
    except FileProblem as problem:
        store.delete_file(job)
        _end(job, ImportState.FAILED, problem.code, problem.detail, now)
        raise ImportRefused(problem.code, problem.detail) from problem
    job.plan, job.headers = found.plan.as_json(), found.headers
    job.notes = [list(note) for note in found.notes]
    job.state = ImportState.READY
    job.save()
    return job


def upload_whole(
    *, device_id: uuid.UUID, file_name: str, chunks: Any, size: int, actor: User | None,
    now: dt.datetime,
) -> ImportJob:  # fmt: skip
    """Take a file at once. Raises: as the three steps of which it is made."""
    job = create_import(device_id=device_id, file_name=file_name, size=size, actor=actor, now=now)
    offset = 0
    for chunk in chunks:
        append_part(job_id=job.id, offset=offset, data=chunk)
        offset += len(chunk)
    return finish_upload(job_id=job.id, now=now)


@transaction.atomic
def change_plan(*, job_id: uuid.UUID, changes: dict[str, Any]) -> ImportJob:
    """Change how the file is read.

    Raises: ImportGone, WrongState, ImportRefused.
    """
    job = _locked(job_id)
    if job.state != ImportState.READY:
        raise WrongState
    try:
        plan = read_plan(job.plan | changes)
    except PlanError as error:
        raise ImportRefused(error.code, error.detail, error.path) from error
    job.plan = plan.as_json()
    job.save(update_fields=["plan", "updated_at"])
    return job


@transaction.atomic
def start_import(*, job_id: uuid.UUID, now: dt.datetime) -> ImportJob:
    """Make the missing channels and let the file be read in the background.

    Raises: ImportGone, WrongState, ImportRefused, ColumnRefused.
    """
    job = _locked(job_id)
    if job.state != ImportState.READY:
        raise WrongState
    plan = checked_plan(job)
    if plan.device_column is None:
        ensure_channels(job.device, plan)
    else:
        existing_channels(job.device, plan)
    job.state = ImportState.QUEUED
    job.started_at = now
    job.save(update_fields=["state", "started_at", "updated_at"])
    detail = {"device": str(job.device_id), "sha256": job.sha256}
    record_event(action="import.started", now=now, tenant_id=job.tenant_id, obj=job, detail=detail)
    transaction.on_commit(partial(_wake_worker))
    return job


@transaction.atomic
def cancel_import(*, job_id: uuid.UUID, now: dt.datetime) -> ImportJob:
    """Stop an import; what is stored stays. Raises: ImportGone, WrongState."""
    job = _locked(job_id)
    if job.state not in (*_OPEN, ImportState.READY, ImportState.UPLOADING):
        raise WrongState
    _end(job, ImportState.CANCELLED, "", "", now)
    transaction.on_commit(partial(store.delete_file, job))
    record_event(action="import.cancelled", now=now, tenant_id=job.tenant_id, obj=job)
    return job


def delete_old_files(*, now: dt.datetime) -> int:
    """Delete files a month after they came; return how many. Their imports stay."""
    names = store.files_older_than(now - KEPT)
    for name in names:
        store.import_storage().delete(name)
    return len(names)


def find_import(job_id: uuid.UUID) -> ImportJob:
    """Return an import of the tenant in scope. Raises: ImportGone."""
    job = ImportJob.objects.select_related("device__site").filter(id=job_id).first()
    if job is None:
        raise ImportGone
    return job


def checked_plan(job: ImportJob) -> Any:
    """Return the plan of an import. Raises: ImportRefused: it cannot be followed."""
    try:
        plan = read_plan(job.plan)
        check_plan(plan)
    except PlanError as error:
        raise ImportRefused(error.code, error.detail, error.path) from error
    return plan


def _locked(job_id: uuid.UUID) -> ImportJob:
    rows = ImportJob.objects.select_related("device__site").select_for_update(of=("self",))
    job = rows.filter(id=job_id).first()
    if job is None:
        raise ImportGone
    return job


def _end(job: ImportJob, state: ImportState, code: str, detail: str, now: dt.datetime) -> None:
    job.state, job.error_code, job.error = state, code, detail[:500]
    job.finished_at, job.lease, job.lease_until = now, None, None
    job.save()


def _wake_worker() -> None:
    from telemetry.imports.tasks import run_imports

    try:
        run_imports.delay()
    except OSError:  # the periodic job finds it
        return
