"""Times on pages, in the zone where the organisation's devices stand."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from devices.models import Site

# programs get UTC, and staff in the admin see many organisations at once
IN_UTC = ("/api/", "/admin/", "/_allauth/", "/ws/")


def usual_zone() -> zoneinfo.ZoneInfo | None:
    """Return the zone of most sites in scope; None without a site."""
    zones = Site.objects.values_list("timezone").annotate(sites=Count("id"))
    found = zones.order_by("-sites", "timezone").first()
    return zoneinfo.ZoneInfo(found[0]) if found else None


class LocalTimeMiddleware:
    """Run pages in the usual zone of the acting organisation; a page of one site may set its own.

    Stands behind the middleware that enters the organisation's scope.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Hand the request on; afterwards the thread is as before."""
        acting = getattr(request, "acting", None)
        if acting is None or request.path.startswith(IN_UTC):
            return self.get_response(request)
        with timezone.override(usual_zone()):
            return self.get_response(request)
