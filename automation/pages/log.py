"""The log of automation: what was done and why, and what waits for somebody to agree."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.paging import cut_page
from accounts.pages.people import acting_of, person_of
from accounts.services.refusals import Refusal
from automation.log_words import describe_cause, describe_seen, moment_of, words_of_seen
from automation.models import AutomationRule, Execution, ExecutionState, Origin, Schedule
from automation.queries.executions import (
    ORDERINGS,
    ExecutionFilter,
    find_executions,
    read_execution,
)
from automation.services.agreeing import ExecutionGone, agree, cancel, decline, may_control
from devices.models import Site, Zone

SECTION = "automation-log"
SHOWN = 200
PERIODS: Mapping[str, tuple[Promise, dt.timedelta | None]] = {
    "": (_("any time"), None), "1": (_("24 hours"), dt.timedelta(days=1)),
    "7": (_("7 days"), dt.timedelta(days=7)), "30": (_("30 days"), dt.timedelta(days=30)),
}  # fmt: skip
VIEWS: Mapping[str, Promise] = {
    "": _("All that was done"), "waiting": _("Waiting for somebody"), "running": _("Running"),
    "failed": _("Failed or refused"), "not_done": _("Not done, and why"), "all": _("All"),
}  # fmt: skip
_STATES = {
    "waiting": [ExecutionState.PROPOSED], "running": [ExecutionState.RUNNING],
    "failed": [ExecutionState.FAILED, ExecutionState.REFUSED],
}  # fmt: skip
_ANSWERS: Mapping[str, tuple[Callable[..., Execution], Promise]] = {
    "agree": (agree, _("It is done now.")),
    "decline": (decline, _("It is not done.")),
    "cancel": (cancel, _("No more of it is done. What has left stays with the devices.")),
}


@dataclass(frozen=True, slots=True)
class SeenLine:
    """A value that was looked at."""

    words: str
    value: Any
    unit: str
    at: dt.datetime | None
    holds: bool | None


@require_safe
@never_cache
@requires("read:automation")
def log(request: HttpRequest) -> HttpResponse:
    """Show what was decided, the newest first."""
    now, given = timezone.now(), request.GET
    wanted, view, period = _read(given, now)
    rows = find_executions(wanted)
    page = cut_page(rows, request, orderings=ORDERINGS, order="-decided_at")
    context = {
        "section": SECTION, "page": page, "now": now, "view": view, "period": period,
        "wanted": wanted, "views": VIEWS.items(), "origins": Origin.choices,
        "periods": [(name, label) for name, (label, _length) in PERIODS.items()],
        "sites": Site.objects.order_by("name", "id").values_list("id", "name")[:SHOWN],
        "zones": Zone.objects.order_by("name", "id").values_list("id", "name")[:SHOWN],
        "about": _about(wanted),
        "is_filtered": any(given.get(name) for name in _FILTERS),
    }  # fmt: skip
    return render(request, "automation/log.html", context)


@require_safe
@never_cache
@requires("read:automation")
def execution(request: HttpRequest, execution_id: uuid.UUID) -> HttpResponse:
    """Show what set one off, what it saw, each step, and what people can say to it."""
    detail = read_execution(execution_id)
    if detail is None:
        raise Http404
    found = detail.execution
    if found.site is not None:
        timezone.activate(ZoneInfo(found.site.timezone))
    is_open = found.state in (ExecutionState.PROPOSED, ExecutionState.RUNNING)
    words = words_of_seen(found)
    context = {
        "section": SECTION, "detail": detail, "one": found, "now": timezone.now(),
        "cause": describe_cause(found),
        "seen": [
            SeenLine(describe_seen(one, words), one.get("value"), one.get("unit", ""),
                     moment_of(one), one.get("holds"))
            for one in found.seen
        ],
        "may_answer": is_open and may_control(found, person_of(request)),
        "may": acting_of(request).codes,
    }  # fmt: skip
    return render(request, "automation/execution.html", context)


@require_POST
@requires("control:device")
def execution_answer(request: HttpRequest, execution_id: uuid.UUID) -> HttpResponse:
    """Agree, decline, or stop."""
    found = _ANSWERS.get(request.POST.get("do", ""))
    if found is None:
        raise Http404
    act, done = found
    try:
        act(execution_id=execution_id, actor=person_of(request), now=timezone.now())
    except ExecutionGone as error:
        raise Http404 from error
    except Refusal as error:
        messages.error(request, str(error))
    else:
        messages.success(request, str(done))
    if "read:automation" not in acting_of(request).codes:
        return redirect("home")
    return redirect("automation-log-execution", execution_id)


_FILTERS = ("origin", "rule", "schedule", "zone", "site", "period", "q")


def _read(given: QueryDict, now: dt.datetime) -> tuple[ExecutionFilter, str, str]:
    view = given.get("view", "")
    view = view if view in VIEWS else ""
    period = given.get("period", "")
    period = period if period in PERIODS else ""
    length = PERIODS[period][1]
    origin = given.get("origin", "")
    wanted = ExecutionFilter(
        origin=origin if origin in Origin.values else "",
        states=_STATES.get(view, []),
        is_done={"": True, "not_done": False}.get(view),
        start=now - length if length else None, text=given.get("q", "").replace("\0", "")[:100],
        rule_id=_uuid(given.get("rule", "")), schedule_id=_uuid(given.get("schedule", "")),
        zone_id=_uuid(given.get("zone", "")), site_id=_uuid(given.get("site", "")),
    )  # fmt: skip
    return wanted, view, period


def _about(wanted: ExecutionFilter) -> list[tuple[str, str]]:
    """Return what links have narrowed the list to: parameter and name."""
    named: tuple[tuple[str, Any, uuid.UUID | None], ...] = (
        ("rule", AutomationRule, wanted.rule_id), ("schedule", Schedule, wanted.schedule_id),
    )  # fmt: skip
    return [
        (name, str(model.objects.filter(pk=pk).first() or "–"))
        for name, model, pk in named
        if pk is not None
    ]


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
