"""The fleet of an organisation: numbers that lead to the devices behind them."""

from __future__ import annotations

import uuid

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of
from devices.models import Lifecycle
from devices.presence import Presence
from devices.queries_fleet import (
    FLEET_ORDERINGS,
    NO_VERSION,
    FleetFilter,
    Trouble,
    find_fleet,
    read_fleet_numbers,
)
from devices.tags import MAX_LENGTH

PAGE = 50
TEXT = 100
TROUBLES = (
    (Trouble.CERTIFICATE.value, _("Certificate ends")),
    (Trouble.CONFIGURATION.value, _("Set to something else")),
    (Trouble.COMMAND.value, _("Command under way")),
)
COLUMNS = (
    ("name", _("Device")),
    ("site", _("Site")),
    ("type", _("Type")),
    ("firmware", _("Firmware")),
    ("last_seen", _("Heard")),
)


@require_safe
@requires("read:device")
def fleet(request: HttpRequest) -> HttpResponse:
    """Show the state of all devices, and the list of those that match."""
    now = timezone.now()
    wanted = read_filter(request.GET)
    numbers = read_fleet_numbers(
        now=now, with_claims="provision:device" in acting_of(request).codes
    )
    page = Paginator(find_fleet(wanted, now=now), PAGE).get_page(request.GET.get("page", "1"))
    context = {
        "now": now,
        "numbers": numbers,
        "wanted": wanted,
        "is_filtered": wanted != FleetFilter(order=wanted.order),
        "page": page,
        "columns": [(name, label, _other_order(name, wanted.order)) for name, label in COLUMNS],
        "presences": [presence.value for presence in Presence],
        "lifecycles": Lifecycle.choices,
        "troubles": TROUBLES,
        "no_version": NO_VERSION,
    }
    return render(request, "devices/fleet.html", context)


def read_filter(given: QueryDict) -> FleetFilter:
    """Return what the address asks for; what makes no sense is left out."""
    order = given.get("sort", "")
    return FleetFilter(
        text=given.get("q", "").replace("\0", "").strip()[:TEXT],
        site_id=_uuid(given.get("site", "")),
        zone_id=_uuid(given.get("zone", "")),
        profile=given.get("type", "").replace("\0", "")[:TEXT],
        presence=_one_of(given.get("presence", ""), set(Presence)),
        lifecycle=_one_of(given.get("lifecycle", ""), set(Lifecycle)),
        firmware=given.get("firmware", "").replace("\0", "")[:TEXT],
        trouble=_one_of(given.get("trouble", ""), set(Trouble)),
        tag=given.get("tag", "").replace("\0", "").strip()[:MAX_LENGTH],
        order=order if order.removeprefix("-") in FLEET_ORDERINGS else "name",
    )


def _other_order(name: str, order: str) -> tuple[str, str]:
    """Return the `aria-sort` of a column and the order that a click on it asks for."""
    if order == name:
        return "ascending", f"-{name}"
    return ("descending" if order == f"-{name}" else ""), name


def _one_of(text: str, allowed: set[str]) -> str:
    return text if text in allowed else ""


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
