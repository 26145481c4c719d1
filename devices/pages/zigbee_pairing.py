"""Pairing at somebody else's gateway, with a token that its owner made."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.pages.people import person_of
from accounts.services.refusals import Refusal
from devices.pages.provisioning import guesser_of
from devices.pages.zigbee import seconds_left
from devices.services.zigbee import ZigbeeGone
from devices.services.zigbee_sharing import (
    GrantOver,
    decide_by_grant,
    find_pairing,
    permit_join_by_grant,
    redeem_share_token,
)
from devices.zigbee.network import LONGEST_JOIN_SECONDS


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@sensitive_post_parameters("code")
def redeem(request: HttpRequest) -> HttpResponse:
    """Ask for a pairing token."""
    error = ""
    if request.method == "POST":
        try:
            grant = redeem_share_token(
                code=request.POST.get("code", "")[:200],
                person=person_of(request),
                guesser=guesser_of(request),
                now=timezone.now(),
            )
        except Refusal as refusal:
            error = str(refusal)
        else:
            return redirect("zigbee-pairing", grant.id)
    status = 400 if error else 200
    return render(request, "devices/zigbee_redeem.html", {"error": error}, status=status)


@require_safe
@login_required
@never_cache
def pairing(request: HttpRequest, grant_id: uuid.UUID) -> HttpResponse:
    """Show the gateway of a grant and what joined since."""
    return _page(request, grant_id, "devices/zigbee_pairing.html")


@require_safe
@login_required
@never_cache
def pairing_state(request: HttpRequest, grant_id: uuid.UUID) -> HttpResponse:
    """Show what changes while devices join."""
    return _page(request, grant_id, "devices/_zigbee_joining.html")


@require_POST
@login_required
def pairing_join(request: HttpRequest, grant_id: uuid.UUID) -> HttpResponse:
    """Let devices join at the gateway of a grant."""
    seconds = 0 if request.POST.get("do") == "stop" else LONGEST_JOIN_SECONDS
    try:
        permit_join_by_grant(
            grant_id=grant_id, person=person_of(request), seconds=seconds, now=timezone.now()
        )
    except GrantOver as error:
        raise Http404 from error
    except Refusal as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The gateway is asked."))
    return redirect("zigbee-pairing", grant_id)


@require_POST
@login_required
def pairing_decide(
    request: HttpRequest, grant_id: uuid.UUID, zigbee_claim_id: uuid.UUID
) -> HttpResponse:
    """Accept or refuse a device that joined since the grant began."""
    is_refused = request.POST.get("do") == "refuse"
    try:
        device = decide_by_grant(
            grant_id=grant_id,
            claim_id=zigbee_claim_id,
            person=person_of(request),
            name=None if is_refused else request.POST.get("name", ""),
            now=timezone.now(),
        )
    except (GrantOver, ZigbeeGone) as error:
        raise Http404 from error
    except Refusal as error:
        messages.error(request, str(error))
    else:
        said = _("%(name)s is accepted.") % {"name": device.name} if device else _("Sent away.")
        messages.success(request, said)
    return redirect("zigbee-pairing", grant_id)


def _page(request: HttpRequest, grant_id: uuid.UUID, template: str) -> HttpResponse:
    now = timezone.now()
    try:
        found = find_pairing(grant_id=grant_id, person=person_of(request), now=now)
    except GrantOver as error:
        raise Http404 from error
    until = found.bridge.permit_join_until if found.bridge else None
    context = {
        "grant": found.grant,
        "gateway": found.gateway,
        "bridge": found.bridge,
        "claims": found.claims,
        "may_provision": True,
        "seconds_left": seconds_left(until, now),
        "now": now,
    }
    return render(request, template, context)
