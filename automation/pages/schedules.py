"""Pages of schedules: the week of a site, one schedule, and what is done by a button."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of, person_of
from accounts.services.refusals import Refusal
from automation.models import Schedule
from automation.pages.week import make_week
from automation.queries.executions import ExecutionFilter, find_executions
from automation.queries.schedules import coming_runs, find_schedule, find_schedules, rows_of
from automation.schedules.definition import read_schedule
from automation.services.schedules import remove_schedule, run_schedule, switch_schedule
from automation.services.timing import place_of_site
from devices.models import Site
from devices.services.fleet_edits import RowGone, change_site

SECTION = "automation-schedules"
RECENT = 10
_LINES = range(0, 1441, 180)
_HOURS = [(f"{hour / 24:.2%}", f"{hour:02}") for hour in range(0, 25, 3)]


@require_safe
@never_cache
@requires("read:schedule")
def schedules(request: HttpRequest) -> HttpResponse:
    """Show the schedules of a site, and its week as a calendar."""
    sites = list(Site.objects.order_by("name", "id"))
    site = _site(request.GET.get("site", ""), sites)
    context: dict[str, Any] = {
        "section": SECTION, "sites": sites, "site": site, "may": acting_of(request).codes,
    }  # fmt: skip
    if site is not None:
        place = place_of_site(site)
        timezone.activate(place.zone)
        found = list(find_schedules(site_id=site.id).order_by("name", "id"))
        monday = _monday(request.GET.get("week", ""), timezone.now().astimezone(place.zone).date())
        context |= {
            "rows": rows_of(found), "place": place, "week_hours": _HOURS, "week_lines": _LINES,
            "week": make_week(found, place, monday, timezone.now()),
        }  # fmt: skip
    return render(request, "automation/schedules.html", context)


@require_safe
@never_cache
@requires("read:schedule")
def schedule(request: HttpRequest, schedule_id: uuid.UUID) -> HttpResponse:
    """Show one schedule with its next runs and what it did."""
    found = _find(schedule_id)
    (row,) = rows_of([found])
    zone = ZoneInfo(found.site.timezone)
    timezone.activate(zone)
    may = acting_of(request).codes
    recent = find_executions(ExecutionFilter(schedule_id=found.id)).order_by("-decided_at", "-id")
    runs = []
    if not row.problem:
        runs = coming_runs(read_schedule(found.definition), found.site, timezone.now())
    context = {
        "section": SECTION, "row": row, "schedule": found, "may": may, "zone": zone,
        "runs": runs, "key": uuid.uuid4().hex,
        "recent": list(recent[:RECENT]) if "read:automation" in may else [],
    }  # fmt: skip
    return render(request, "automation/schedule.html", context)


@require_POST
@requires("write:schedule")
def schedule_switch(request: HttpRequest, schedule_id: uuid.UUID) -> HttpResponse:
    """Enable or disable it."""
    wanted = request.POST.get("enabled") == "1"
    found = _find(schedule_id)
    try:
        switch_schedule(
            schedule_id=found.id, is_enabled=wanted, actor=person_of(request), now=timezone.now()
        )
    except Refusal as error:
        messages.error(request, str(error))
    else:
        text = _("“%(name)s” is on.") if wanted else _("“%(name)s” is off.")
        messages.success(request, text % {"name": found.name})
    return redirect(_after(request, found))


@require_POST
@requires("control:device")
def schedule_run(request: HttpRequest, schedule_id: uuid.UUID) -> HttpResponse:
    """Do now what it does; a double click does it once."""
    found = _find(schedule_id)
    key = request.POST.get("key", "")
    try:
        execution = run_schedule(
            schedule_id=found.id, actor=person_of(request), now=timezone.now(),
            key=key if key.isalnum() and len(key) <= 40 else "",
            edge="end" if request.POST.get("edge") == "end" else "start",
        )  # fmt: skip
    except Refusal as error:
        messages.error(request, str(error))
        return redirect(_after(request, found))
    messages.success(request, _("“%(name)s” runs now.") % {"name": found.name})
    if "read:automation" in acting_of(request).codes:
        return redirect("automation-log-execution", execution.id)
    return redirect(_after(request, found))


@require_POST
@requires("delete:schedule")
def schedule_remove(request: HttpRequest, schedule_id: uuid.UUID) -> HttpResponse:
    """Remove it; what it did stays in the log."""
    found = _find(schedule_id)
    try:
        remove_schedule(schedule_id=found.id, now=timezone.now())
    except Refusal as error:
        messages.error(request, str(error))
        return redirect(_after(request, found))
    messages.success(request, _("“%(name)s” is removed.") % {"name": found.name})
    return redirect(
        "automation-schedules" if "read:schedule" in acting_of(request).codes else "home"
    )


@require_POST
@requires("write:site")
def site_place(request: HttpRequest, site_id: uuid.UUID) -> HttpResponse:
    """Say where a site is, for sunrise and sunset."""
    try:
        changes = {name: _degrees(request.POST.get(name, "")) for name in ("latitude", "longitude")}
        change_site(site_id=site_id, changes=changes, now=timezone.now())
    except RowGone as error:
        raise Http404 from error
    except (ValueError, ValidationError):
        messages.error(
            request, _("Give latitude (-90 to 90) and longitude (-180 to 180) in degrees.")
        )
    else:
        messages.success(request, _("The place is kept; schedules follow its sun."))
    if "read:schedule" not in acting_of(request).codes:
        return redirect("home")
    return redirect(f"{reverse('automation-schedules')}?site={site_id}")


def _find(schedule_id: uuid.UUID) -> Schedule:
    found = find_schedule(schedule_id)
    if found is None:
        raise Http404
    return found


def _after(request: HttpRequest, found: Schedule) -> str:
    if "read:schedule" not in acting_of(request).codes:
        return reverse("home")
    return reverse("automation-schedule", args=[found.id])


def _site(text: str, sites: list[Site]) -> Site | None:
    """Return the chosen site; else the first one with schedules, else the first one."""
    chosen = next((one for one in sites if str(one.id) == text), None)
    if chosen is not None:
        return chosen
    busy = set(Schedule.objects.values_list("site_id", flat=True).distinct())
    return next((one for one in sites if one.id in busy), sites[0] if sites else None)


def _monday(text: str, today: dt.date) -> dt.date:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        day = today
    if not 2000 <= day.year <= 2100:
        day = today
    return day - dt.timedelta(days=day.weekday())


def _degrees(text: str) -> float | None:
    text = text.strip().replace(",", ".")
    return float(text) if text else None
