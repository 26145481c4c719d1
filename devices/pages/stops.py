"""Emergency stops: press, see what holds, release."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of
from accounts.services.refusals import Refusal
from devices.models import EmergencyStop, Site, Zone
from devices.queries_commands import find_stop_target, list_stops
from devices.services.emergency_stop import press_emergency_stop, release_emergency_stop


@require_safe
@requires("read:command")
def stops(request: HttpRequest) -> HttpResponse:
    """Show what is stopped, what was, and let somebody stop more."""
    context = {
        "active": list_stops(only_active=True).order_by("-pressed_at", "id"),
        "ended": list_stops(only_active=False).exclude(released_at=None)
        .order_by("-released_at", "id")[:20],
        "sites": Site.objects.order_by("name", "id"),
        "zones": Zone.objects.select_related("site").order_by("site__name", "name", "id"),
        "may_control": "control:device" in acting_of(request).codes,
        "now": timezone.now(),
    }  # fmt: skip
    return render(request, "devices/stops.html", context)


@require_POST
@requires("control:device")
def stop_press(request: HttpRequest) -> HttpResponse:
    """Stop everything in a place; `target` is "site:<id>", "tenant" and so on."""
    scope, _colon, key = request.POST.get("target", "").partition(":")
    user: Any = request.user
    try:
        target = find_stop_target(
            EmergencyStop.Scope(scope).value,
            uuid.UUID(key) if key else None,
            acting_of(request).tenant,
        )
    except (ValueError, ObjectDoesNotExist) as error:
        raise Http404 from error
    try:
        pressed = press_emergency_stop(
            actor=user, target=target, reason=request.POST.get("reason", ""), now=timezone.now()
        )
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return _back(request)
    number = pressed.off_commands
    messages.warning(
        request,
        ngettext(
            "Emergency stop: %(label)s. %(number)d command to switch off is on its way.",
            "Emergency stop: %(label)s. %(number)d commands to switch off are on their way.",
            number,
        )
        % {"label": pressed.stop.target_label, "number": number},
    )
    if pressed.without_off:
        names = ", ".join(pressed.without_off)
        messages.error(request, _("Switch these off by hand, they know no command: %s") % names)
    return _back(request)


@require_POST
@requires("control:device")
def stop_release(request: HttpRequest, stop_id: uuid.UUID) -> HttpResponse:
    """Let things be switched on again."""
    stop = EmergencyStop.objects.filter(id=stop_id).first()
    if stop is None:
        raise Http404
    user: Any = request.user
    try:
        release_emergency_stop(
            actor=user, stop=stop, reason=request.POST.get("reason", ""), now=timezone.now()
        )
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The emergency stop is released. Nothing starts by itself."))
    return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    """Return to the page that asked, if it is one of ours."""
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure()):
        return redirect(wanted)
    return redirect("stops")
