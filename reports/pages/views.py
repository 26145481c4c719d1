"""Pages of reports: all of them, a new one with its figures, one with its delivery log."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.actor import actor_of
from accounts.pages.access import requires
from accounts.pages.people import acting_of
from accounts.services.refusals import Refusal
from reports.content.preview import Preview, preview_report
from reports.content.subject import ReportImpossible
from reports.models import ReportRun, ReportTemplate
from reports.pages.forms import ReportForm, TemplateForm, initial_of
from reports.pages.words import describe_failure, describe_question
from reports.services import asking, templates
from reports.services.consent import describe_addresses
from reports.services.refusals import ReportGone

PAGE_ROWS = 25
_FIELDS = {"unknown_site": "site", "unknown_meter": "meters", "wrong_days": "first_day",
           "name_taken": "name", "no_recipient": "recipients", "unknown_recipient": "recipients",
           "too_many_recipients": "addresses"}  # fmt: skip


@require_safe
@requires("read:report")
def reports(request: HttpRequest) -> HttpResponse:
    """List templates, and reports, the newest first."""
    page = Paginator(asking.list_runs(), PAGE_ROWS).get_page(request.GET.get("page"))
    context = {
        "templates": list(templates.list_templates()),
        "page": page,
        "rows": [(run, describe_question(run), describe_failure(run)) for run in page],
    }
    return _private(render(request, "reports/reports.html", context))


@require_http_methods(["GET", "HEAD", "POST"])
@requires("export:report")
def report_new(request: HttpRequest) -> HttpResponse:
    """Show the figures of a report, or have it made."""
    form = ReportForm(request.POST or None, initial=_beginning(request))
    preview: Preview | None = None
    if request.method == "POST" and form.is_valid():
        try:
            if "preview" in request.POST:
                preview = _preview(request, form)
            else:
                run = asking.request_report(
                    tenant_id=acting_of(request).tenant_id, wanted=form.wanted(),
                    actor=actor_of(request), now=timezone.now(),
                )  # fmt: skip
                return redirect("report-run", run.id)
        except Refusal as refusal:
            form.add_error(_FIELDS.get(refusal.code), str(refusal))
        except ReportImpossible as error:
            form.add_error(None, describe_failure(ReportRun(error_code=error.code)))
    status = 422 if form.errors else 200
    context = {"form": form, "preview": preview}
    return _private(render(request, "reports/report_new.html", context, status=status))


@require_safe
@requires("read:report")
def report(request: HttpRequest, report_id: uuid.UUID) -> HttpResponse:
    """Show one report with its delivery log."""
    return _private(render(request, "reports/report.html", _context(report_id)))


@require_safe
@requires("read:report")
def report_progress(request: HttpRequest, report_id: uuid.UUID) -> HttpResponse:
    """Show the part of the page that changes while a report is made and sent."""
    return _private(render(request, "reports/_report_state.html", _context(report_id)))


@require_safe
@requires("export:report")
def report_file(request: HttpRequest, report_id: uuid.UUID) -> Any:
    """Send the file."""
    try:
        run, file = asking.open_report(report_id, now=timezone.now())
    except ReportGone as error:
        raise Http404 from error
    response = FileResponse(file, as_attachment=True, filename=run.file_name)
    response["Content-Type"] = "application/octet-stream"
    patch_cache_control(response, private=True, no_store=True)
    return response


@require_POST
@requires("delete:report")
def report_delete(request: HttpRequest, report_id: uuid.UUID) -> HttpResponse:
    """Delete a report with its file."""
    try:
        asking.delete_report(report_id, now=timezone.now())
    except ReportGone as error:
        raise Http404 from error
    messages.success(request, _("The report is deleted."))
    return redirect("reports")


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:report")
def template_edit(
    request: HttpRequest, report_template_id: uuid.UUID | None = None
) -> HttpResponse:
    """Make a template, or change one."""
    template = _find_template(report_template_id) if report_template_id else None
    tenant_id = acting_of(request).tenant_id
    initial = initial_of(template) if template else _beginning(request)
    form = TemplateForm(request.POST or None, initial=initial, tenant_id=tenant_id)
    if request.method == "POST" and form.is_valid():
        try:
            templates.save_template(
                tenant_id=tenant_id, wanted=form.wanted(), mailing=form.mailing(),
                is_active=form.cleaned_data["is_active"], template=template, now=timezone.now(),
            )  # fmt: skip
        except Refusal as refusal:
            form.add_error(_FIELDS.get(refusal.code), str(refusal))
        else:
            messages.success(request, _("The report template is saved."))
            return redirect("reports")
    status = 422 if form.errors else 200
    outside = describe_addresses(template, now=timezone.now()) if template else []
    context = {"form": form, "template": template, "outside": outside}
    return _private(render(request, "reports/report_template.html", context, status=status))


@require_POST
@requires("export:report")
def template_run(request: HttpRequest, report_template_id: uuid.UUID) -> HttpResponse:
    """Have the report of a template made now; nobody gets a mail."""
    template = _find_template(report_template_id)
    try:
        run = asking.request_report(
            tenant_id=template.tenant_id, wanted=asking.wanted_of(template),
            actor=actor_of(request), now=timezone.now(), template=template,
        )  # fmt: skip
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect("reports")
    return redirect("report-run", run.id)


@require_POST
@requires("delete:report")
def template_delete(request: HttpRequest, report_template_id: uuid.UUID) -> HttpResponse:
    """Delete a template; its reports stay."""
    try:
        templates.delete_template(report_template_id, now=timezone.now())
    except ReportGone as error:
        raise Http404 from error
    messages.success(request, _("The report template is deleted."))
    return redirect("reports")


def _preview(request: HttpRequest, form: ReportForm) -> Preview:
    now = timezone.now()
    question = asking.fix_days(form.wanted(), now=now)
    return preview_report(question, organisation=acting_of(request).tenant.name, now=now)


def _beginning(request: HttpRequest) -> dict[str, Any]:
    return {"name": _("Energy report"), "language": (get_language() or "en")[:2],
            "site": request.GET.get("site")}  # fmt: skip


def _find_template(template_id: uuid.UUID) -> ReportTemplate:
    try:
        return templates.find_template(template_id)
    except ReportGone as error:
        raise Http404 from error


def _context(report_id: uuid.UUID) -> dict[str, Any]:
    try:
        run = asking.find_run(report_id)
    except ReportGone as error:
        raise Http404 from error
    deliveries = list(run.deliveries.order_by("address"))
    is_busy = run.is_open or any(one.state == "waiting" for one in deliveries)
    return {
        "run": run, "about": describe_question(run), "failure": describe_failure(run),
        "deliveries": deliveries, "is_busy": is_busy,
        "progress_url": reverse("report-progress", args=[run.id]),
    }  # fmt: skip


def _private(response: HttpResponse) -> HttpResponse:
    patch_cache_control(response, private=True, no_store=True)
    return response
