"""Sessions: the list with sums and a table to take away, one session, and its receipt."""

from __future__ import annotations

import csv
import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.pages.access import requires
from accounts.pages.paging import cut_page
from accounts.pages.people import acting_of
from charging.models import ChargePoint, ChargingSession, SessionState
from charging.pages.chart import draw_power
from charging.pages.rows import PERIODS, read_sessions_asked, session_row, who_of
from charging.queries.pages_points import SHOWN, sum_sessions
from charging.queries.pages_power import read_power
from charging.queries.pages_receipt import price_lines, read_receipt
from charging.queries.pages_sessions import (
    ORDERINGS,
    events_of_session,
    find_session,
    find_sessions,
)
from charging.words import BAD_EVENTS, event_name, event_note
from devices.models import Channel, Site
from telemetry.renderers import escape

SECTION = "charging-sessions"
MAX_ROWS = 20_000
MARGIN = dt.timedelta(minutes=5)
_HEADER = (
    "receipt", "site", "charge_point", "connector", "tag", "by", "began", "ended", "state",
    "end_reason", "energy_kwh", "estimated", "register_start_kwh", "register_end_kwh", "cost",
    "currency",
)  # fmt: skip


@require_safe
@never_cache
@requires("read:charger")
def sessions(request: HttpRequest) -> HttpResponse:
    """List sessions, the newest first, with the sums of all that match."""
    now = timezone.now()
    asked = read_sessions_asked(request.GET, now=now)
    rows = find_sessions(asked.wanted)
    page = cut_page(rows, request, orderings=ORDERINGS, order="-started_at")
    points = ChargePoint.objects.order_by("name", "id")
    context = {
        "section": SECTION, "now": now, "asked": asked, "wanted": asked.wanted, "page": page,
        "rows": [session_row(one, now=now) for one in page.rows], "total": sum_sessions(rows),
        "sites": list(Site.objects.order_by("name", "id").values_list("id", "name")[:SHOWN]),
        "points": list(points.values_list("id", "name")[:SHOWN]),
        "periods": [(name, label) for name, (label, _days) in PERIODS.items()],
        "states": SessionState.choices,
    }  # fmt: skip
    return render(request, "charging/sessions.html", context)


@require_safe
@never_cache
@requires("read:charger")
def sessions_csv(request: HttpRequest) -> Any:
    """Send the sessions that match as CSV; times are UTC, at most 20,000 rows."""
    asked = read_sessions_asked(request.GET, now=timezone.now())
    rows = list(find_sessions(asked.wanted).order_by("-started_at", "-id")[:MAX_ROWS])
    writer = csv.writer(_Echo())
    response = StreamingHttpResponse(
        (writer.writerow(cells) for cells in _table(rows)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="charging-sessions.csv"'
    return response


@require_safe
@never_cache
@requires("read:charger")
def session(request: HttpRequest, charging_session_id: uuid.UUID) -> HttpResponse:
    """Show one session with what happened, its power, and why it costs what it costs."""
    found, now = _find(charging_session_id), timezone.now()
    zone = ZoneInfo(found.connector.charge_point.site.timezone)
    timezone.activate(zone)
    curve = read_power(found.connector, start=found.started_at, end=_end(found, now))
    receipt = read_receipt(found, now=now)
    context = {
        "section": SECTION, "now": now, "session": found, "row": session_row(found, now=now),
        "point": found.connector.charge_point, "receipt": receipt,
        "lines": price_lines(found, now=now),
        "drawing": draw_power(curve, zone=zone) if curve else None,
        "events": [
            (one, event_name(one.kind), event_note(one), one.kind in BAD_EVENTS)
            for one in events_of_session(found)
        ],
        "explain": _samples_url(found, now)
        if "read:telemetry" in acting_of(request).codes else "",
    }  # fmt: skip
    return render(request, "charging/session.html", context)


@require_safe
@never_cache
@requires("read:charger")
def receipt(request: HttpRequest, charging_session_id: uuid.UUID) -> HttpResponse:
    """Show the receipt of a session, to be printed."""
    found = _find(charging_session_id)
    now = timezone.now()
    shown = read_receipt(found, now=now)
    if shown is None:
        raise Http404
    timezone.activate(shown.zone)
    context = {
        "section": SECTION,
        "session": found,
        "receipt": shown,
        "row": session_row(found, now=now),
    }
    return render(request, "charging/receipt.html", context)


class _Echo:
    """Returns what is written, row by row."""

    def write(self, text: str) -> str:
        return text


def _table(rows: list[ChargingSession]) -> Iterator[tuple[Any, ...]]:
    yield _HEADER
    for one in rows:
        point = one.connector.charge_point
        yield (
            one.receipt_number or "", escape(point.site.name), escape(point.name),
            one.connector.number, escape(one.tag_uid), escape(who_of(one)), _utc(one.started_at),
            _utc(one.ended_at), one.state, one.end_reason, _plain(one.energy_kwh),
            "yes" if one.is_estimated else "no", _plain(one.register_start),
            _plain(one.register_end), _plain(one.cost), one.currency,
        )  # fmt: skip


def _utc(at: dt.datetime | None) -> str:
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def _end(found: ChargingSession, now: dt.datetime) -> dt.datetime:
    return max(found.ended_at or now, found.started_at + dt.timedelta(minutes=1))


def _samples_url(found: ChargingSession, now: dt.datetime) -> str:
    """Return the address of the samples from which the energy was taken."""
    channels = (found.connector.energy_channel, found.connector.power_channel)
    chosen: list[Channel] = [one for one in channels if one is not None]
    if not chosen:
        return ""
    query: list[tuple[str, Any]] = [("c", one.id) for one in chosen]
    start, end = found.started_at - MARGIN, _end(found, now) + MARGIN
    query += [("from", _utc(start)), ("to", _utc(end))]
    return f"{reverse('explore')}?{urlencode(query)}"


def _find(session_id: uuid.UUID) -> ChargingSession:
    found = find_session(session_id)
    if found is None:
        raise Http404
    return found
