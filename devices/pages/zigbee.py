"""A gateway's Zigbee network: let devices join, accept or refuse them, look after them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of, person_of
from accounts.services.refusals import Refusal
from devices.models import Gateway, GatewayShareToken, PendingZigbeeClaim, ZigbeeNode
from devices.queries_zigbee import (
    find_bridge,
    find_gateway,
    list_bridges,
    list_nodes,
    list_open_claims,
    list_share_tokens,
)
from devices.services.zigbee import (
    ZigbeeGone,
    accept_claim,
    permit_join,
    refuse_claim,
    remove_node,
    rename_node,
)
from devices.services.zigbee_sharing import create_share_token, revoke_share_token
from devices.zigbee.network import LONGEST_JOIN_SECONDS


@require_safe
@requires("read:device")
def networks(request: HttpRequest) -> HttpResponse:
    """List the gateways that have Zigbee."""
    return render(request, "devices/zigbee_list.html", {"bridges": list(list_bridges())})


@require_safe
@requires("read:device")
def network(request: HttpRequest, gateway_id: uuid.UUID) -> HttpResponse:
    """Show a gateway's network."""
    return render(request, "devices/zigbee.html", _context(request, gateway_id))


@require_safe
@requires("read:device")
def network_state(request: HttpRequest, gateway_id: uuid.UUID) -> HttpResponse:
    """Show what changes while devices join: the countdown and those that wait."""
    return render(request, "devices/_zigbee_joining.html", _context(request, gateway_id))


@require_POST
@requires("provision:device")
def join(request: HttpRequest, gateway_id: uuid.UUID) -> HttpResponse:
    """Let devices join, or end it."""
    seconds = 0 if request.POST.get("do") == "stop" else LONGEST_JOIN_SECONDS

    def ask(now: dt.datetime) -> str:
        permit_join(gateway_id=gateway_id, seconds=seconds, now=now)
        return _("The gateway is asked.")

    return _do(request, ask, gateway_id)


@require_POST
@requires("provision:device")
def claim_accept(request: HttpRequest, zigbee_claim_id: uuid.UUID) -> HttpResponse:
    """Make a device of a radio."""

    def accept(now: dt.datetime) -> str:
        device = accept_claim(claim_id=zigbee_claim_id, name=request.POST.get("name", ""), now=now)
        return _("%(name)s is accepted.") % {"name": device.name}

    return _do(request, accept, _gateway_of(PendingZigbeeClaim, zigbee_claim_id))


@require_POST
@requires("provision:device")
def claim_refuse(request: HttpRequest, zigbee_claim_id: uuid.UUID) -> HttpResponse:
    """Send a radio away."""

    def refuse(now: dt.datetime) -> str:
        refuse_claim(claim_id=zigbee_claim_id, now=now)
        return _("The device is sent out of the network.")

    return _do(request, refuse, _gateway_of(PendingZigbeeClaim, zigbee_claim_id))


@require_POST
@requires("provision:device")
def node_rename(request: HttpRequest, zigbee_node_id: uuid.UUID) -> HttpResponse:
    """Give a radio another name in Zigbee2MQTT."""

    def rename(now: dt.datetime) -> str:
        rename_node(node_id=zigbee_node_id, name=request.POST.get("name", ""), now=now)
        return _("Zigbee2MQTT is asked to use the new name.")

    return _do(request, rename, _gateway_of(ZigbeeNode, zigbee_node_id))


@require_POST
@requires("provision:device")
def node_remove(request: HttpRequest, zigbee_node_id: uuid.UUID) -> HttpResponse:
    """Send a radio out of the network and its device out of service."""

    def remove(now: dt.datetime) -> str:
        is_forced = request.POST.get("force") == "on"
        remove_node(node_id=zigbee_node_id, is_forced=is_forced, now=now)
        return _("The device is out of service. Its history stays.")

    return _do(request, remove, _gateway_of(ZigbeeNode, zigbee_node_id))


@require_POST
@requires("provision:device")
@never_cache
@sensitive_variables("new", "context")
def share(request: HttpRequest, gateway_id: uuid.UUID) -> HttpResponse:
    """Make a pairing token for somebody else and show it once."""
    gateway = _find(gateway_id)
    minutes = request.POST.get("minutes", "")
    try:
        new = create_share_token(
            gateway_id=gateway_id,
            minutes=int(minutes) if minutes.isascii() and minutes.isdigit() else 0,
            made_by=person_of(request),
            now=timezone.now(),
        )
    except Refusal as error:
        messages.error(request, str(error))
        return redirect("zigbee", gateway_id)
    context = {"gateway": gateway, "secret": new.code, "token": new.token}
    return render(request, "devices/zigbee_token.html", context)


@require_POST
@requires("provision:device")
def share_revoke(request: HttpRequest, pairing_token_id: uuid.UUID) -> HttpResponse:
    """End a pairing token."""

    def revoke(now: dt.datetime) -> str:
        revoke_share_token(token_id=pairing_token_id, now=now)
        return _("The token is revoked.")

    return _do(request, revoke, _gateway_of(GatewayShareToken, pairing_token_id))


def seconds_left(until: dt.datetime | None, now: dt.datetime) -> int:
    """Return the whole seconds of a countdown; 0 when it is over."""
    return max(0, int((until - now).total_seconds())) if until is not None else 0


def _do(
    request: HttpRequest, act: Callable[[dt.datetime], str], gateway_id: uuid.UUID
) -> HttpResponse:
    try:
        messages.success(request, act(timezone.now()))
    except ZigbeeGone as error:
        raise Http404 from error
    except Refusal as error:
        messages.error(request, str(error))
    return redirect("zigbee", gateway_id)


def _context(request: HttpRequest, gateway_id: uuid.UUID) -> dict[str, Any]:
    gateway, now = _find(gateway_id), timezone.now()
    bridge = find_bridge(gateway)
    may_provision = "provision:device" in acting_of(request).codes
    return {
        "gateway": gateway,
        "bridge": bridge,
        "claims": list(list_open_claims(gateway, now=now)),
        "nodes": list_nodes(gateway),
        "tokens": list(list_share_tokens(gateway, now=now)) if may_provision else [],
        "may_provision": may_provision,
        "seconds_left": seconds_left(bridge.permit_join_until if bridge else None, now),
        "now": now,
    }


def _find(gateway_id: uuid.UUID) -> Gateway:
    gateway = find_gateway(gateway_id)
    if gateway is None:
        raise Http404
    return gateway


def _gateway_of(
    model: type[PendingZigbeeClaim | ZigbeeNode | GatewayShareToken], key: uuid.UUID
) -> uuid.UUID:
    found = model._default_manager.filter(id=key).values_list("gateway_id", flat=True).first()
    if found is None:
        raise Http404
    return found
