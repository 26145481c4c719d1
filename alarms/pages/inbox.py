"""The inbox of alarms, their history, and one alarm."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of, person_of
from alarms.models import AlarmRule, Ending, Rating, Source
from alarms.pages.chart import draw_chart
from alarms.pages.quiet_forms import HOURS
from alarms.pages.reading import (
    ORDERS,
    PERIODS,
    SNOOZES,
    VIEW_NAMES,
    Asked,
    cut_page,
    read_asked,
    read_past,
    severities,
)
from alarms.queries.detail import read_alarm
from alarms.queries.inbox import (
    AlarmFilter,
    Counts,
    count_states,
    ended_unseen,
    find_alarms,
    is_snoozed,
    narrow,
    read_incidents,
    seconds_of,
)
from alarms.queries.statistics import read_statistics
from alarms.services.life import assignable_people
from devices.models import Device, Gateway, Site

SHOWN_SITES = 500
SHOWN_RULES = 10


@require_safe
@never_cache
@requires("read:alarm")
def inbox(request: HttpRequest) -> HttpResponse:
    """Show what is wrong, incident by incident."""
    now = timezone.now()
    asked = read_asked(request.GET, person_id=person_of(request).pk)
    wanted = asked.wanted
    rows = (
        narrow(ended_unseen(now=now), wanted) if asked.view == "ended"
        else find_alarms(wanted, now=now)
    )  # fmt: skip
    page = cut_page(rows, request, order=asked.order)
    counts = count_states(now=now, wanted=wanted)
    context = {
        **_common(request, asked, now), "section": "alarms", "page": page,
        "incidents": read_incidents(page.alarms, now=now), "counts": counts,
        "views": [(name, label, _number(counts, name)) for name, label in VIEW_NAMES.items()],
        "orders": ORDERS,
    }  # fmt: skip
    return render(request, "alarms/inbox.html", context)


@require_safe
@never_cache
@requires("read:alarm")
def history(request: HttpRequest) -> HttpResponse:
    """Show what was wrong, and which rules say so most often."""
    now = timezone.now()
    asked = read_past(request.GET, person_id=person_of(request).pk, now=now)
    page = cut_page(find_alarms(asked.wanted, now=now), request, order=asked.order)
    context = {
        **_common(request, asked, now), "section": "alarms-history", "page": page,
        "incidents": read_incidents(page.alarms, now=now),
        "statistics": read_statistics(now=now, days=PERIODS[asked.period][1])[:SHOWN_RULES],
        "orders": ORDERS[1:],
        "periods": [(name, label) for name, (label, _days) in PERIODS.items()],
        "endings": Ending.choices,
    }  # fmt: skip
    return render(request, "alarms/history.html", context)


@require_safe
@never_cache
@requires("read:alarm")
def alarm(request: HttpRequest, alarm_id: uuid.UUID) -> HttpResponse:
    """Show one alarm with all that helps to judge it."""
    now = timezone.now()
    may_measure = "read:telemetry" in acting_of(request).codes
    found = read_alarm(alarm_id, now=now, with_chart=may_measure)
    if found is None:
        raise Http404
    row = found.alarm
    zone = ZoneInfo(row.site.timezone) if row.site else timezone.get_current_timezone()
    timezone.activate(zone)
    context = {
        "section": "alarm", "detail": found, "alarm": row, "now": now,
        "seconds": seconds_of(row, now=now), "is_snoozed": is_snoozed(row, now=now),
        "drawing": draw_chart(found.chart, zone=ZoneInfo(str(zone))) if found.chart else None,
        "others": [(one, seconds_of(one, now=now)) for one in found.similar],
        "mute_hours": HOURS if row.is_open and "write:alarm" in acting_of(request).codes else (),
        **_actions(request),
    }  # fmt: skip
    return render(request, "alarms/alarm.html", context)


def _common(request: HttpRequest, asked: Asked, now: dt.datetime) -> dict[str, Any]:
    sites = Site.objects.order_by("name", "id").values_list("id", "name")
    return {
        "now": now, "asked": asked, "wanted": asked.wanted, "sites": list(sites[:SHOWN_SITES]),
        "severities": severities(), "sources": Source.choices,
        "about": _about(asked.wanted), **_actions(request),
    }  # fmt: skip


def _actions(request: HttpRequest) -> dict[str, Any]:
    """Return what the bar of actions offers; nothing to those who may only look."""
    if "acknowledge:alarm" not in acting_of(request).codes:
        return {"may_act": False}
    return {
        "may_act": True,
        "people": [person for person in assignable_people() if person != request.user],
        "snoozes": [(name, label) for name, (label, _length) in SNOOZES.items()],
        "ratings": [choice for choice in Rating.choices if choice[0]],
    }


def _about(wanted: AlarmFilter) -> list[tuple[str, str]]:
    """Return what links have narrowed the list to: parameter and name."""
    given: tuple[tuple[str, Any, uuid.UUID | None], ...] = (
        ("device", Device, wanted.device_id), ("gateway", Gateway, wanted.gateway_id),
        ("rule", AlarmRule, wanted.rule_id),
    )  # fmt: skip
    return [
        (name, str(model.objects.filter(pk=pk).first() or "–"))
        for name, model, pk in given
        if pk is not None
    ]


def _number(counts: Counts, view: str) -> int:
    return int(getattr(counts, view or "open"))
