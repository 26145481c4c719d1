"""Pages of imports: all of them, a new one, one with preview, progress and result."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of, person_of
from accounts.services.refusals import Refusal
from accounts.tenancy import tenant_scope
from devices.canonical import CANONICAL_NAMES
from devices.models import Channel
from energy.lib.units import UNITS
from telemetry.imports import service
from telemetry.imports.files import FileProblem
from telemetry.imports.forms import PlanForm, UploadForm
from telemetry.imports.models import ImportJob, ImportState
from telemetry.imports.plan import read_plan
from telemetry.imports.preview import Preview, preview_import
from telemetry.imports.queries import list_imports, list_problems

PAGE_ROWS = 25
SHOWN_PROBLEMS = 50
_RUNNING = (ImportState.QUEUED, ImportState.RUNNING)


@require_safe
@requires("read:telemetry")
def imports(request: HttpRequest) -> HttpResponse:
    """List imports, the newest first."""
    rows = list_imports().order_by("-created_at", "id")
    context = {
        "page": Paginator(rows, PAGE_ROWS).get_page(request.GET.get("page")),
        "may_write": _may_write(request),
    }
    return render(request, "telemetry/imports.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:telemetry")
def import_new(request: HttpRequest) -> HttpResponse:
    """Take a file, whole; the page's script sends larger ones in parts."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data["file"]
        try:
            job = service.upload_whole(
                device_id=form.cleaned_data["device"].id,
                file_name=given.name,
                chunks=given.chunks(),
                size=given.size,
                actor=person_of(request),
                now=timezone.now(),
            )
        except Refusal as refusal:
            form.add_error("file", str(refusal))
        else:
            return redirect("import", job.id)
    status = 422 if form.errors else 200
    return render(request, "telemetry/import_new.html", {"form": form}, status=status)


@require_safe
@requires("read:telemetry")
def import_page(request: HttpRequest, import_id: uuid.UUID) -> HttpResponse:
    """Show one import: what it would do, is doing, or has done."""
    job = _find(import_id)
    context = _context(request, job)
    if job.state == ImportState.READY:
        context |= _settings(job)
    return render(request, "telemetry/import.html", context)


@require_safe
@requires("read:telemetry")
def import_progress(request: HttpRequest, import_id: uuid.UUID) -> HttpResponse:
    """Show the part of the page that changes while the import runs."""
    return render(request, "telemetry/_import_progress.html", _context(request, _find(import_id)))


@require_POST
@requires("write:telemetry")
def import_change(request: HttpRequest, import_id: uuid.UUID) -> HttpResponse:
    """Change how the file is read, and start it when that was asked."""
    job = _find(import_id)
    form = PlanForm(request.POST, plan=read_plan(job.plan), headers=job.headers)
    if form.is_valid():
        try:
            service.change_plan(job_id=job.id, changes=form.changes())
            if "start" in request.POST:
                service.start_import(job_id=job.id, now=timezone.now())
                messages.success(request, _("The import is on its way."))
            return redirect("import", job.id)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
    job.refresh_from_db()
    context = _context(request, job) | _settings(job) | {"form": form}
    return render(request, "telemetry/import.html", context, status=422)


@require_POST
@requires("write:telemetry")
def import_cancel(request: HttpRequest, import_id: uuid.UUID) -> HttpResponse:
    """Stop an import; what is stored stays."""
    try:
        service.cancel_import(job_id=import_id, now=timezone.now())
    except service.ImportGone as error:
        raise Http404 from error
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The import is cancelled; what is stored stays."))
    return redirect("import", import_id)


@require_safe
@requires("read:telemetry")
def import_problems(request: HttpRequest, import_id: uuid.UUID) -> Any:
    """Download the refused rows as CSV."""
    job = _find(import_id)
    answer = StreamingHttpResponse(_problem_lines(job), content_type="text/csv; charset=utf-8")
    name = f"refused-{job.id}.csv"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


class _Line:
    """Takes what `csv.writer` writes."""

    def write(self, text: str) -> str:
        return text


def _problem_lines(job: ImportJob) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield "\ufeff"
    yield writer.writerow(["row", "reason", "detail", "text"])
    with tenant_scope(job.tenant_id):
        rows = list(
            list_problems(job.id).order_by("id").values_list("row", "code", "detail", "text")
        )
    for row, code, detail, text in rows:
        yield writer.writerow([row, code, _guarded(detail), _guarded(text)])


def _guarded(text: str) -> str:
    """Keep a spreadsheet from taking a text for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _find(import_id: uuid.UUID) -> ImportJob:
    try:
        return service.find_import(import_id)
    except service.ImportGone as error:
        raise Http404 from error


def _may_write(request: HttpRequest) -> bool:
    return "write:telemetry" in acting_of(request).codes


def _context(request: HttpRequest, job: ImportJob) -> dict[str, Any]:
    problems = list_problems(job.id).order_by("id")[:SHOWN_PROBLEMS]
    return {
        "job": job,
        "is_running": job.state in _RUNNING,
        "may_write": _may_write(request),
        "problems": list(problems) if job.refused or job.conflicts else [],
        "progress_url": reverse("import-progress", args=[job.id]),
        "can_cancel": job.state in (*_RUNNING, ImportState.READY, ImportState.UPLOADING),
    }


def _settings(job: ImportJob) -> dict[str, Any]:
    plan = read_plan(job.plan)
    preview, error = Preview(), ""
    try:
        preview = preview_import(job, now=timezone.now())
        error = preview.error[2] if preview.error else ""
    except (FileProblem, Refusal) as problem:
        error = str(problem)
    own = Channel.objects.filter(device=job.device).values_list("name", flat=True)
    return {
        "form": PlanForm(plan=plan, headers=job.headers),
        "preview": preview,
        "error": error,
        "channels": sorted({*own, *CANONICAL_NAMES}),
        "units": sorted(UNITS),
    }
