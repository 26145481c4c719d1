"""The charge points at a glance, and the events of one."""

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
from accounts.pages.paging import cut_page
from accounts.pages.people import acting_of
from charging.pages.picture import picture_of
from charging.pages.rows import read_uuid, session_row
from charging.queries.pages_points import (
    SHOWN,
    Station,
    find_point,
    find_points,
    line_of,
    read_stations,
    sum_since,
)
from charging.queries.pages_sessions import find_events
from charging.words import BAD_EVENTS, EVENT_NAMES, event_name, event_note
from devices.models import Site

SECTION = "charging"


@require_safe
@never_cache
@requires("read:charger")
def overview(request: HttpRequest) -> HttpResponse:
    """Show each charge point with what happens there, and the sums of today and the month."""
    now, site = timezone.now(), _site(request)
    zone = ZoneInfo(site.timezone) if site else timezone.get_current_timezone()
    timezone.activate(zone)
    site_id = site.id if site else None
    points = list(find_points(site_id=site_id).order_by("name", "id")[:SHOWN])
    stations = read_stations(points, now=now)
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    context = {
        "section": SECTION, "now": now, "site": site,
        "sites": Site.objects.filter(charge_points__isnull=False).distinct().order_by("name", "id"),
        "stations": [_station(one, now) for one in stations],
        "today": sum_since(today, site_id=site_id),
        "month": sum_since(today.replace(day=1), site_id=site_id),
        "may_edit": "write:charger" in acting_of(request).codes,
    }  # fmt: skip
    return render(request, "charging/overview.html", context)


@require_safe
@never_cache
@requires("read:charger")
def events(request: HttpRequest, charge_point_id: uuid.UUID) -> HttpResponse:
    """Show what happened at a charge point, the newest first."""
    point = find_point(charge_point_id)
    if point is None:
        raise Http404
    timezone.activate(ZoneInfo(point.site.timezone))
    kind = request.GET.get("kind", "")
    kind = kind if kind in EVENT_NAMES else ""
    rows = find_events(charge_point_id=point.id, kind=kind)
    page = cut_page(rows, request, orderings={"order": "order"}, order="-order")
    context = {
        "section": SECTION, "point": point, "page": page, "kind": kind,
        "kinds": list(EVENT_NAMES.items()), "line": line_of(point),
        "rows": [
            (row, event_name(row.kind), event_note(row), row.kind in BAD_EVENTS)
            for row in page.rows
        ],
    }  # fmt: skip
    return render(request, "charging/events.html", context)


def _station(station: Station, now: dt.datetime) -> dict[str, Any]:
    return {
        "point": station.point, "line": station.line,
        "places": [
            {"place": place, "connector": place.connector,
             "picture": picture_of(place.connector, now=now),
             "session": session_row(place.session, now=now, live=place.live)
             if place.session else None}
            for place in station.places
        ],
    }  # fmt: skip


def _site(request: HttpRequest) -> Site | None:
    site_id = read_uuid(request.GET.get("site", ""))
    return Site.objects.filter(id=site_id).first() if site_id else None
