"""The page "Quiet times": maintenance windows, shelved alarms, and what they hide."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from accounts.pages.access import requires
from accounts.services.refusals import Refusal
from alarms.models import MaintenanceWindow, Shelving, Suppression
from alarms.pages.quiet_forms import ShelvingForm, WindowForm
from alarms.queries.quiet import quiet_times
from alarms.services.quiet import (
    NoSuchAlarm,
    QuietGone,
    end_maintenance,
    plan_maintenance,
    shelve,
    unshelve,
)

BACK = "alarm-quiet"


@require_safe
@requires("read:alarm")
def quiet(request: HttpRequest) -> HttpResponse:
    """Show what is quiet; `?place=device:<id>` and `?alarm=<id>` prepare the forms."""
    window = WindowForm(place=request.GET.get("place", ""))
    shelving = ShelvingForm(initial={"alarm": request.GET.get("alarm", "")})
    return _show(request, window, shelving)


@require_POST
@requires("write:alarm")
def window_new(request: HttpRequest) -> HttpResponse:
    """Plan a maintenance window."""
    form = WindowForm(request.POST, place=request.POST.get("place", ""))
    if form.is_valid():
        wanted = form.window(now=timezone.now())
        try:
            plan_maintenance(**wanted, made_by=_person(request), now=timezone.now())
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("The maintenance window is kept."))
            return redirect(BACK)
    return _show(request, form, ShelvingForm(), status=422)


@require_POST
@requires("write:alarm")
def window_end(request: HttpRequest, window_id: uuid.UUID) -> HttpResponse:
    """End a window now."""
    return _end(
        request, end_maintenance, _("The maintenance window has ended."), window_id=window_id
    )


@require_POST
@requires("write:alarm")
def shelving_new(request: HttpRequest) -> HttpResponse:
    """Shelve an alarm."""
    form = ShelvingForm(request.POST)
    if form.is_valid():
        now = timezone.now()
        try:
            shelve(
                alarm_id=form.cleaned_data["alarm"], until=form.until(now=now),
                reason=form.cleaned_data["reason"], made_by=_person(request), now=now,
            )  # fmt: skip
        except NoSuchAlarm:
            raise Http404 from None
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("The alarm is shelved."))
            return redirect(BACK)
    return _show(request, WindowForm(place=""), form, status=422)


@require_POST
@requires("write:alarm")
def shelving_end(request: HttpRequest, shelving_id: uuid.UUID) -> HttpResponse:
    """End a shelving."""
    return _end(request, unshelve, _("The alarm is no longer shelved."), shelving_id=shelving_id)


def _end(
    request: HttpRequest, service: Callable[..., Any], done: str, **named: uuid.UUID
) -> HttpResponse:
    model = MaintenanceWindow if "window_id" in named else Shelving
    if not model._default_manager.filter(pk__in=named.values()).exists():
        raise Http404
    try:
        service(**named, now=timezone.now())
    except QuietGone as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, done)
    return redirect(BACK)


def _show(
    request: HttpRequest, window: WindowForm, shelving: ShelvingForm, *, status: int = 200
) -> HttpResponse:
    found = quiet_times(now=timezone.now())
    context = {
        "section": BACK,
        "found": found,
        "counts": [
            (Suppression(name).label, number) for name, number in found.counts.items() if number
        ],
        "quiet_count": sum(found.counts.values()),
        "windows": [_row(row) for row in (*found.running, *found.coming)],
        "past": [_row(row) for row in found.past],
        "window_form": window,
        "shelving_form": shelving,
    }
    return render(request, "alarms/quiet.html", context, status=status)


def _row(window: MaintenanceWindow) -> dict[str, Any]:
    """Return a window with its place, and its times by the clock of its site."""
    place = window.device or window.gateway or window.site
    zone = ZoneInfo(window.site.timezone) if window.site else timezone.get_current_timezone()
    return {
        "window": window,
        "place": place.name if place else _("Everywhere"),
        "site": window.site.name if window.site and place != window.site else "",
        "start": window.start.astimezone(zone),
        "end": window.end.astimezone(zone),
        "zone": str(zone),
        "is_running": window.start <= timezone.now() < window.end,
    }


def _person(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None
