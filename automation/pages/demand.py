"""Pages of demand guards."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.pages.access import requires
from accounts.services.refusals import Refusal
from automation.models import DemandGuard, SheddableLoad
from automation.pages.demand_chart import draw
from automation.pages.demand_forms import GuardForm, LoadForm
from automation.queries.guards import (
    Picture,
    find_guard,
    find_load,
    highest_windows,
    list_guards,
    month_of,
    peak_cost,
    pictures_of,
)
from automation.services.guards import (
    GuardRefused,
    add_load,
    change_guard,
    change_load,
    create_guard,
    remove_guard,
    remove_load,
)
from automation.services.shedding import switch_load

SECTION = "automation-demand"
SHOWN = 200


@require_safe
@requires("read:automation")
def guards(request: HttpRequest) -> HttpResponse:
    """List the guards with what is expected of them now."""
    rows = list(list_guards()[:SHOWN])
    pictures = pictures_of(rows, now=timezone.now())
    return _render(request, "demand.html", {"pictures": [_row(one) for one in pictures]})


@require_safe
@requires("read:automation")
def guard(request: HttpRequest, guard_id: uuid.UUID) -> HttpResponse:
    """Show the window that runs, the loads, and the highest windows of the month."""
    return _render(request, "demand_guard.html", _shown(_find(guard_id)))


@require_safe
@requires("read:automation")
def live(request: HttpRequest, guard_id: uuid.UUID) -> HttpResponse:
    """Return the part of the page that is fetched again and again."""
    return _render(request, "_demand_live.html", _shown(_find(guard_id)))


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:automation")
def guard_new(request: HttpRequest) -> HttpResponse:
    """Make a guard."""
    form = GuardForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = _try(form, lambda: create_guard(
            fields=form.values(), **form.source_rows(), now=timezone.now()
        ))  # fmt: skip
        if made is not None:
            messages.success(request, _("The guard is kept. Now add what may be shed."))
            return redirect("automation-demand-guard", made.id)
    return _form(request, form, None)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:automation")
def guard_edit(request: HttpRequest, guard_id: uuid.UUID) -> HttpResponse:
    """Change a guard."""
    found = _find(guard_id)
    form = GuardForm(request.POST or None, guard=found)
    if request.method == "POST" and form.is_valid():
        kept = _try(form, lambda: change_guard(
            guard_id=guard_id, changes=form.values(), **form.source_rows(), now=timezone.now()
        ))  # fmt: skip
        if kept is not None:
            messages.success(request, _("The guard is changed."))
            return redirect("automation-demand-guard", guard_id)
    return _form(request, form, found)


@require_POST
@requires("delete:automation")
def guard_remove(request: HttpRequest, guard_id: uuid.UUID) -> HttpResponse:
    """Delete a guard."""
    _find(guard_id)
    try:
        remove_guard(guard_id=guard_id, now=timezone.now())
    except GuardRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("automation-demand-guard", guard_id)
    messages.success(request, _("The guard is deleted."))
    return redirect(SECTION)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:automation")
def load_new(request: HttpRequest, guard_id: uuid.UUID) -> HttpResponse:
    """Add a load to a guard."""
    found = _find(guard_id)
    form = LoadForm(request.POST or None, guard=found)
    if request.method == "POST" and form.is_valid():
        made = _try(form, lambda: add_load(
            guard_id=guard_id, fields=form.values(), actor=request.user, now=timezone.now()
        ))  # fmt: skip
        if made is not None:
            messages.success(request, _("The load is kept."))
            return redirect("automation-demand-guard", guard_id)
    return _form(request, form, found, is_load=True)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:automation")
def load_edit(request: HttpRequest, load_id: uuid.UUID) -> HttpResponse:
    """Change a load."""
    load = _find_load(load_id)
    form = LoadForm(request.POST or None, guard=load.guard, load=load)
    if request.method == "POST" and form.is_valid():
        kept = _try(form, lambda: change_load(
            load_id=load_id, changes=form.values(), actor=request.user, now=timezone.now()
        ))  # fmt: skip
        if kept is not None:
            messages.success(request, _("The load is changed."))
            return redirect("automation-demand-guard", load.guard_id)
    return _form(request, form, load.guard, is_load=True, load=load)


@require_POST
@requires("write:automation")
def load_remove(request: HttpRequest, load_id: uuid.UUID) -> HttpResponse:
    """Take a load from its guard."""
    load = _find_load(load_id)
    try:
        remove_load(load_id=load_id, now=timezone.now())
    except GuardRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The load is removed."))
    return redirect("automation-demand-guard", load.guard_id)


@require_POST
@requires("control:device")
def load_switch(request: HttpRequest, load_id: uuid.UUID) -> HttpResponse:
    """Shed a load by hand, or let it come back."""
    load = _find_load(load_id)
    shed = request.POST.get("do") == "shed"
    try:
        switch_load(load_id=load_id, shed=shed, actor=request.user, now=timezone.now())
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        done = _("“%(name)s” is being shed.") if shed else _("“%(name)s” is coming back.")
        messages.success(request, done % {"name": load.name})
    return redirect("automation-demand-guard", load.guard_id)


def _shown(found: DemandGuard) -> dict[str, Any]:
    now = timezone.now()
    [picture] = pictures_of([found], now=now)
    month = month_of(found, now=now)
    expected = picture.prediction.expected_kw if picture.prediction else None
    windows = highest_windows(found, now=now)
    zone = ZoneInfo(found.site.timezone)
    return {
        "guard": found, "picture": picture, "mood": picture.decision.mood.value, "now": now,
        "drawing": draw(picture, now=now, zone=zone), "loads": picture.loads, "month": month,
        "left": _clock(max(0, round((picture.end - now).total_seconds()))),
        "cost": peak_cost(found, expected, month) if expected is not None else None,
        "windows": [(row, _local(row.start, zone)) for row in windows],
        "share": _share(picture), "zone": zone.key,
    }  # fmt: skip


def _row(picture: Picture) -> dict[str, Any]:
    return {
        "guard": picture.guard, "mood": picture.decision.mood.value, "share": _share(picture),
        "prediction": picture.prediction,
        "shed": sum(load.is_shed for load in picture.loads), "loads": len(picture.loads),
    }  # fmt: skip


def _share(picture: Picture) -> int | None:
    """Return the expected demand in percent of the limit."""
    if picture.prediction is None:
        return None
    return round(picture.prediction.expected_kw / float(picture.guard.limit_kw) * 100)


def _clock(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02}"


def _local(at: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    return at.astimezone(zone)


def _try(form: Any, do: Callable[[], Any]) -> Any:
    """Return what was kept; None with the reason at its field."""
    try:
        return do()
    except GuardRefused as refusal:
        names = {"shed_command": "shed", "restore_command": "restore", "device": "shed"}
        field = names.get(refusal.field, refusal.field)
        form.add_error(field if field in form.fields else None, str(refusal))
    return None


def _form(
    request: HttpRequest, form: Any, found: DemandGuard | None, *, is_load: bool = False,
    load: SheddableLoad | None = None,
) -> HttpResponse:  # fmt: skip
    context = {"form": form, "guard": found, "is_load": is_load, "load": load}
    status = 422 if form.is_bound else 200
    return _render(request, "demand_edit.html", context, status=status)


def _render(
    request: HttpRequest, name: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    shown = context | {"section": SECTION}
    return render(request, f"automation/{name}", shown, status=status)


def _find(guard_id: uuid.UUID) -> DemandGuard:
    try:
        return find_guard(guard_id)
    except ObjectDoesNotExist:
        raise Http404 from None


def _find_load(load_id: uuid.UUID) -> SheddableLoad:
    try:
        return find_load(load_id)
    except ObjectDoesNotExist:
        raise Http404 from None
