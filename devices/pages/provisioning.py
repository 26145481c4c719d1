"""The wizard: from the code on a box to its first reading, made for a phone."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.limits.policy import network_of
from accounts.pages.access import requires
from accounts.pages.people import acting_of, person_of
from accounts.services.refusals import Refusal
from devices.models import Claim
from devices.pages.provisioning_forms import ClaimForm, CodeForm, NodeForm
from devices.queries_claims import (
    Tick,
    TickState,
    find_claim,
    guess_profile,
    list_claims,
    list_failed,
    list_nodes,
    list_offers,
    list_ticks,
    list_waiting,
    lists_nodes,
)
from devices.services.claims import ClaimGone, Placement, cancel_claim, claim_box, find_box
from devices.services.nodes import bind_node, set_listing
from energy.lib.client_address import client_address

TICKS: dict[str, tuple[Promise, Promise]] = {
    "heard": (gettext_lazy("Box heard"), gettext_lazy("Switch the box on.")),
    "claimed": (gettext_lazy("Claimed"), gettext_lazy("Scan its code.")),
    "delivered": (
        gettext_lazy("Identity delivered"),
        gettext_lazy("The box fetches its certificate. Is it online?"),
    ),
    "connected": (
        gettext_lazy("Connected with its own certificate"),
        gettext_lazy("The box connects over TLS. Is port {port} open on site?"),
    ),
    "clock": (
        gettext_lazy("Clock is right"),
        gettext_lazy("The clock is off by {value} s: check its time server."),
    ),
    "topic": (
        gettext_lazy("Sends on its own topics"),
        gettext_lazy("Nothing came on its topics yet."),
    ),
    "units": (
        gettext_lazy("All values known"),
        gettext_lazy("Nobody knows these values, check their units: {value}"),
    ),
    "reading": (gettext_lazy("First reading"), gettext_lazy("Waiting for the first reading.")),
}


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """Take the code of a scanned link to the wizard; the browser never sends us the fragment."""
    return render(request, "devices/provisioning/landing.html")


@require_safe
@requires("provision:device")
def overview(request: HttpRequest) -> HttpResponse:
    """Show what is on its way and what can be done."""
    now = timezone.now()
    context = {
        "now": now,
        "claims": list(list_claims()),
        "failed": list(list_failed(now=now)),
        "waiting": list(list_waiting()),
        "nodes": list_nodes(),
        "lists_nodes": lists_nodes(),
        "offers": list(list_offers(now=now)),
    }
    return render(request, "devices/provisioning/overview.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("provision:device")
@never_cache
@sensitive_post_parameters("code", "hardware_id")
@sensitive_variables("form")
def claim(request: HttpRequest) -> HttpResponse:
    """Ask for a box and its code; then show what was found and ask what it becomes."""
    form = CodeForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _code_page(request, form)
    try:
        box = find_box(
            hardware_id=form.cleaned_data["hardware_id"],
            code=form.cleaned_data["code"],
            guesser=guesser_of(request),
            now=timezone.now(),
        )
    except Refusal as error:
        form.add_error(None, str(error))
        return _code_page(request, form)
    found = ClaimForm(
        initial={
            "hardware_id": box.hardware_id,
            "code": form.cleaned_data["code"],
            "profile": getattr(guess_profile(box.model), "key", None),
        }
    )
    return render(request, "devices/provisioning/place.html", {"form": found, "box": box})


@require_POST
@requires("provision:device")
@never_cache
@sensitive_post_parameters("code", "hardware_id")
@sensitive_variables("form", "wanted")
def claim_place(request: HttpRequest) -> HttpResponse:
    """Claim the box that was found."""
    form = ClaimForm(request.POST)
    if form.is_valid():
        wanted = form.cleaned_data
        try:
            found = claim_box(
                hardware_id=wanted["hardware_id"],
                code=wanted["code"],
                placement=Placement(
                    site=wanted["site"],
                    name=wanted["name"],
                    profile=wanted["profile"],
                    zone=wanted["zone"],
                ),
                claimed_by=person_of(request),
                guesser=guesser_of(request),
                now=timezone.now(),
            )
        except Refusal as error:
            form.add_error(None, str(error))
        else:
            return redirect("provisioning-claim-progress", found.id)
    return render(request, "devices/provisioning/place.html", {"form": form}, status=400)


@require_safe
@requires("provision:device")
@never_cache
def progress(request: HttpRequest, claim_id: uuid.UUID) -> HttpResponse:
    """Show the steps to the first reading, which the page keeps up to date."""
    found = _find(claim_id)
    context = {"claim": found, **_steps(found)}
    return render(request, "devices/provisioning/progress.html", context)


@require_safe
@requires("provision:device")
@never_cache
def progress_steps(request: HttpRequest, claim_id: uuid.UUID) -> JsonResponse:
    """Return the steps as the page shows them; asked every second."""
    return JsonResponse(_steps(_find(claim_id)))


@require_POST
@requires("provision:device")
def progress_cancel(request: HttpRequest, claim_id: uuid.UUID) -> HttpResponse:
    """Give a claim up."""
    try:
        cancel_claim(claim_id=claim_id, now=timezone.now())
    except ClaimGone as error:
        raise Http404 from error
    messages.success(request, _("The claim is cancelled."))
    return redirect("provisioning")


@require_http_methods(["GET", "HEAD", "POST"])
@requires("provision:device")
def node(request: HttpRequest) -> HttpResponse:
    """Bind a node behind the gateway that heard it."""
    form = NodeForm(request.POST or None, initial={"hardware_id": request.GET.get("node", "")})
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        try:
            found = bind_node(
                hardware_id=wanted["hardware_id"],
                zone=wanted["zone"],
                name=wanted["name"],
                profile=wanted["profile"],
                claimed_by=person_of(request),
                now=timezone.now(),
            )
        except Refusal as error:
            form.add_error(None, str(error))
        else:
            return redirect("provisioning-claim-progress", found.id)
    status = 400 if form.is_bound else 200
    return render(request, "devices/provisioning/node.html", {"form": form}, status=status)


@require_POST
@requires("provision:device")
def policy(request: HttpRequest) -> HttpResponse:
    """List new nodes by themselves, or not."""
    is_on = request.POST.get("lists_nodes") == "on"
    set_listing(is_on=is_on, now=timezone.now(), tenant_id=acting_of(request).tenant_id)
    return redirect("provisioning")


def guesser_of(request: HttpRequest) -> list[str]:
    """Return who tries codes: the person, and where from."""
    address = network_of(client_address(request))
    return [f"person:{person_of(request).pk}", f"address:{address}"]


def _code_page(request: HttpRequest, form: CodeForm) -> HttpResponse:
    response = render(
        request,
        "devices/provisioning/claim.html",
        {"form": form},
        status=400 if form.is_bound else 200,
    )
    # this page alone may ask for the camera
    response["Permissions-Policy"] = settings.PERMISSIONS_POLICY.replace(
        "camera=()", "camera=(self)"
    )
    return response


def _find(claim_id: uuid.UUID) -> Claim:
    found = find_claim(claim_id)
    if found is None:
        raise Http404
    return found


def _steps(claim: Claim) -> dict[str, Any]:
    ticks = list_ticks(claim, now=timezone.now())
    is_ended = not claim.is_open and claim.owned_at is None
    is_done = all(tick.state == TickState.DONE for tick in ticks)
    return {
        "steps": [_describe(tick) for tick in ticks],
        "state": claim.state,
        "state_name": str(claim.get_state_display()),
        "is_open": claim.is_open,
        "is_over": is_ended or is_done,
    }


def _describe(tick: Tick) -> dict[str, str]:
    label, hint = TICKS[tick.key]
    text = ""
    if tick.state == TickState.DONE:
        text = tick.value if tick.key == "reading" else ""
    elif tick.state == TickState.WRONG or tick.key not in {"clock", "units"}:
        text = str(hint).format(value=tick.value, port=settings.MQTT_EXTERNAL_PORT)
    at = date_format(timezone.localtime(tick.at), "TIME_FORMAT") if tick.at else ""
    return {"key": tick.key, "state": tick.state, "label": str(label), "text": text, "at": at}
