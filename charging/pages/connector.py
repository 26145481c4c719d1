"""The live view of a connector, and its buttons."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of, person_of
from accounts.services.refusals import Refusal
from charging.models import Connector
from charging.pages.chart import draw_power
from charging.pages.offers import MIN_AMPS, offers_of
from charging.pages.overview import SECTION
from charging.pages.picture import picture_of
from charging.pages.rows import session_row
from charging.queries.pages_points import Place, find_connector, line_of, read_places
from charging.queries.pages_power import read_power
from charging.queries.pages_sessions import find_events
from charging.services import control
from charging.services.refusals import NoSuchConnector
from charging.words import BAD_EVENTS, event_name, event_note
from devices.command_states import OPEN
from devices.queries_commands import command_label, marks, reason, recent_commands
from devices.services.commands import Queued

BEFORE = dt.timedelta(hours=1)
COMMANDS, EVENTS = 6, 12
Act = Callable[..., Queued]
_ACTS: dict[str, Act] = {
    "start": control.start_charging, "stop": control.stop_charging,
    "lock": control.lock_connector, "unlock": control.unlock_connector,
}  # fmt: skip


@require_safe
@never_cache
@requires("read:charger")
def connector(request: HttpRequest, connector_id: uuid.UUID) -> HttpResponse:
    """Show what a connector does now, what it can be told, and what it was told."""
    found, now = _find(connector_id), timezone.now()
    point = found.charge_point
    zone = ZoneInfo(point.site.timezone)
    timezone.activate(zone)
    [place] = read_places([found], now=now)
    codes = acting_of(request).codes
    line = line_of(point)
    context = {
        "section": SECTION, "now": now, "connector": found, "point": point,
        "line": line, "place": place, "key": uuid.uuid4().hex,
        "picture": picture_of(found, now=now),
        "offers": offers_of(found, session=place.session, line=line, codes=codes, now=now),
        "may_control": "control:charger" in codes,
        "min_amps": MIN_AMPS, "most_amps": most_amps(found),
        "session": session_row(place.session, now=now, live=place.live) if place.session else None,
        "drawing": _drawing(found, place, now, zone),
        "commands": _commands(found) if "read:command" in codes else None,
        "events": [
            (row, event_name(row.kind), event_note(row), row.kind in BAD_EVENTS)
            for row in find_events(connector_id=found.id).order_by("-order", "-id")[:EVENTS]
        ],
    }  # fmt: skip
    context["is_waiting"] = any(row[0].state in OPEN for row in context["commands"] or ())
    return render(request, "charging/connector.html", context)


@require_POST
@requires("control:charger")
def act(request: HttpRequest, connector_id: uuid.UUID) -> HttpResponse:
    """Start, stop, limit, lock or unlock; a double click does it once."""
    found = _find(connector_id)
    try:
        queued = _do(request, found)
    except NoSuchConnector as error:
        raise Http404 from error
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        _tell(request, queued)
    if "read:charger" not in acting_of(request).codes:
        return redirect("home")
    return redirect("charging-connector", found.id)


def most_amps(found: Connector) -> int:
    """Return the largest limit: what the charge point and the plugged cable bear."""
    most = found.charge_point.max_current_a
    cable = int(found.cable_a) if found.cable_a else most
    return max(MIN_AMPS, min(most, cable))


def _do(request: HttpRequest, found: Connector) -> Queued:
    given = request.POST
    key = given.get("key", "")
    common: dict[str, Any] = {
        "actor": person_of(request), "connector": found, "now": timezone.now(),
        "idempotency_key": key if key.isalnum() and len(key) <= 40 else uuid.uuid4().hex,
    }  # fmt: skip
    name = given.get("do", "")
    if name == "limit":
        return control.set_current_limit(amps=_amps(given.get("amps", "")), **common)
    if name not in _ACTS:
        raise Http404
    return _ACTS[name](**common)


def _amps(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) <= 3 else 0  # the service refuses 0


def _tell(request: HttpRequest, queued: Queued) -> None:
    command = queued.command
    if command.state in OPEN:
        messages.success(
            request, _("The charge point is being told; see below what becomes of it.")
        )
    else:
        why = reason(command)
        messages.error(request, why or str(command.get_state_display()))


def _commands(found: Connector) -> list[tuple[Any, str, Any, str]]:
    rows = recent_commands(device_id=found.charge_point.device_id, limit=COMMANDS)
    return [(row, command_label(row), marks(row), reason(row)) for row in rows]


def _drawing(found: Connector, place: Place, now: dt.datetime, zone: ZoneInfo) -> Any:
    start = place.session.started_at if place.session else now - BEFORE
    curve = read_power(found, start=start, end=max(now, start + dt.timedelta(minutes=1)))
    return draw_power(curve, zone=zone) if curve else None


def _find(connector_id: uuid.UUID) -> Connector:
    found = find_connector(connector_id)
    if found is None:
        raise Http404
    return found
