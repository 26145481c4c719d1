"""The audit trail of the organisation."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Iterator
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.models import AuditEvent
from accounts.pages.access import requires
from accounts.pages.people import acting_of
from accounts.queries.audit import AuditFilter, known_actions, list_events
from accounts.queries.history import tracked_for_tenants

PER_PAGE = 50
EXPORT_LIMIT = 50_000
_COLUMNS = ("number", "at", "action", "actor_kind", "actor_label", "impersonator_label",
            "object_type", "object_id", "object_label", "ip_address", "request_id")  # fmt: skip
_SHOWN = {"actor_label": "who", "impersonator_label": "through", "ip_address": "address"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class AuditForm(forms.Form):
    """What to look for."""

    since = forms.DateField(
        label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        label=_("Until"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    action = forms.CharField(label=_("Action"), required=False, max_length=60)
    actor = forms.CharField(label=_("Who"), required=False, max_length=100)
    text = forms.CharField(label=_("Object"), required=False, max_length=100)
    before = forms.IntegerField(required=False, min_value=1, max_value=2**62)

    def wanted(self) -> AuditFilter:
        """Return the filter; days are UTC, the last one is included."""
        data = self.cleaned_data
        return AuditFilter(
            since=_midnight(data.get("since")),
            until=_midnight(data.get("until"), days=1),
            action=data.get("action") or "",
            actor=data.get("actor") or "",
            text=data.get("text") or "",
        )


@require_safe
@requires("read:audit")
def audit(request: HttpRequest) -> HttpResponse:
    """Show events, the newest first; `format=csv` gives them as a file."""
    tenant_id = acting_of(request).tenant_id
    form = AuditForm(request.GET)
    form.is_valid()
    events = list_events(tenant_id=tenant_id, wanted=form.wanted())
    if request.GET.get("format") == "csv":
        return _csv(events[:EXPORT_LIMIT].iterator(chunk_size=500))
    if before := form.cleaned_data.get("before"):
        events = events.filter(number__lt=before)
    found = list(events[: PER_PAGE + 1])
    context = {
        "section": "settings-audit",
        "form": form,
        "events": [(e, _pretty(e.detail)) for e in found[:PER_PAGE]],
        "actions": known_actions(tenant_id=tenant_id),
        "next_url": _next_page(request, found[PER_PAGE - 1]) if len(found) > PER_PAGE else "",
        "tracked": {m.pgh_tracked_model._meta.label for m in tracked_for_tenants().values()},
        "csv_url": _with(request, format="csv"),
        "now": timezone.now(),
    }
    return render(request, "accounts/audit.html", context)


def _midnight(day: dt.date | None, *, days: int = 0) -> dt.datetime | None:
    if day is None or day >= dt.date.max:
        return None
    return dt.datetime.combine(day + dt.timedelta(days=days), dt.time(), dt.UTC)


def _pretty(detail: Any) -> str:
    return json.dumps(detail, ensure_ascii=False, indent=1) if detail else ""


def _next_page(request: HttpRequest, last: AuditEvent) -> str:
    return _with(request, before=str(last.number))


def _with(request: HttpRequest, **changes: str) -> str:
    query = request.GET.copy()
    for name, value in changes.items():
        query[name] = value
    return f"?{query.urlencode()}"


def _csv(events: Iterator[AuditEvent]) -> HttpResponse:
    """Return at most fifty thousand events, in one file that spreadsheets open safely."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([*_COLUMNS, "detail"])
    for event in events:
        cells = [getattr(event, _SHOWN.get(name, name)) for name in _COLUMNS]
        writer.writerow([_cell(cell) for cell in [*cells, json.dumps(event.detail)]])
    response = HttpResponse("\ufeff" + buffer.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return response


def _cell(value: Any) -> Any:
    """Return a value that no spreadsheet takes for a formula; numbers stay numbers."""
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
