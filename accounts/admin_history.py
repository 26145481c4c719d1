"""The "History" button of the admin: the changes that the database wrote, by whomever.

Models without such a history keep Django's log of the admin. Tenant administrators read
"platform staff" in either, never who of them it was.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.admin.views.main import PAGE_VAR
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext

from accounts.admin_site import is_limited
from accounts.queries.history import HistoryEntry, history_for, tracked

PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class Line:
    """What the template of Django's log shows of an entry."""

    action_time: dt.datetime
    who: str
    get_change_message: str

    @property
    def user(self) -> dict[str, str]:
        """Name who acted, as the template asks for it."""
        return {"get_username": self.who}


class ChangeHistory:
    """Shows the history of changes in the place of Django's log; for model admins."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Put other lines on the page that Django prepared, and checked the permission for."""
        answer: HttpResponse = super().history_view(request, object_id, extra_context)  # type: ignore[misc]
        context = getattr(answer, "context_data", None)
        if isinstance(answer, TemplateResponse) and context is not None:
            obj = context["object"]
            if obj._meta.model_name in tracked():
                context |= self._changes(request, obj)
            elif is_limited(request):
                log = context["action_list"]
                log.object_list = [_logged(entry) for entry in log.object_list]
        return answer

    def _changes(self, request: HttpRequest, obj: Model) -> dict[str, Any]:
        history = history_for(obj)
        paginator = self.get_paginator(request, history.events, PER_PAGE)  # type: ignore[attr-defined]
        page = paginator.get_page(request.GET.get(PAGE_VAR, 1))
        entries = history.explain(list(page.object_list), for_staff=not is_limited(request))
        page.object_list = [_line(entry) for entry in entries]
        return {
            "action_list": page,
            "page_range": paginator.get_elided_page_range(page.number),
            "pagination_required": paginator.num_pages > 1,
        }


def _line(entry: HistoryEntry) -> Line:
    origin = entry.origin
    who = origin.who
    if origin.through:
        who = gettext("%(person)s, through %(staff)s") % {"person": who, "staff": origin.through}
    source = " ".join(part for part in (origin.what, origin.request_id) if part)
    text = _text(entry)
    return Line(entry.at, who, f"{text} ({source})" if source else text)


def _text(entry: HistoryEntry) -> str:
    if entry.kind != "update":
        return gettext("Made.") if entry.kind == "insert" else gettext("Deleted.")
    return "; ".join(
        f"{field.label}: {field.old_label or '–'} → {field.new_label or '–'}"
        for field in entry.fields
    )


def _logged(entry: LogEntry) -> Line:
    who = gettext("platform staff") if entry.user.is_staff else entry.user.get_username()
    return Line(entry.action_time, who, entry.get_change_message())
