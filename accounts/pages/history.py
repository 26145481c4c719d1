"""What became of one object: each change with who made it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of
from accounts.queries.history import NoHistory, find_history

PER_PAGE = 50
KINDS = {"insert": _("Made"), "update": _("Changed"), "delete": _("Deleted")}


@require_safe
@requires("read:audit")
def history(request: HttpRequest) -> HttpResponse:
    """Show the changes of `object`, such as device:<uuid>; `before` is the last number seen."""
    name = request.GET.get("object", "")
    try:
        found = find_history(name=name, tenant_id=acting_of(request).tenant_id)
    except NoHistory as error:
        raise Http404 from error
    events = found.events
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < 19:
        events = events.filter(pgh_id__lt=int(before))
    page = list(events[: PER_PAGE + 1])
    entries = found.explain(page[:PER_PAGE])
    context = {
        "section": "settings-audit",
        "object": name,
        "kind": found.model._meta.verbose_name,
        "label": str(found.row) if found.row is not None else "",
        "entries": [(entry, KINDS[entry.kind]) for entry in entries],
        "before": entries[-1].number if len(page) > PER_PAGE else None,
    }
    return render(request, "accounts/history.html", context)
