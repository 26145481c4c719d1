"""Pages that set a zone up, one role or controller at a time."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.pages.access import requires
from automation.control.setup import ZoneSetup, write_setup
from automation.pages.zone_forms import ControllerForm, RoleForm
from automation.pages.zones import SECTION, find_or_404
from automation.queries.zone_choices import zone_choices
from automation.queries.zone_setup import setup_of, version_of
from automation.services.zone_refusals import ZoneRefused
from automation.services.zones import configure_zone
from devices.models import Zone

_METHODS = ["GET", "HEAD", "POST"]


@require_http_methods(_METHODS)
@requires("write:automation")
def role_edit(request: HttpRequest, zone_id: uuid.UUID) -> HttpResponse:
    """Add a role, or change the one that `?name=` names."""
    zone, setup = _load(zone_id)
    name = request.GET.get("name", "")
    role = next((one for one in setup.roles if one.name == name), None)
    if name and role is None:
        raise Http404
    choices = zone_choices(zone)
    form = RoleForm(_posted(request), choices=choices, role=role)
    if _is_removal(request) and role is not None:
        return _save(request, zone, setup, "roles", name, None, None) or redirect(request.path)
    if request.method == "POST" and form.is_valid():
        saved = _save(request, zone, setup, "roles", name, form.setup(), form)
        if saved is not None:
            return saved
    context = {"section": SECTION, "zone": zone, "form": form, "name": name, "what": "role",
               "amounts": choices.amounts, "version": version_of(setup)}  # fmt: skip
    return render(request, "automation/zone_edit.html", context)


@require_http_methods(_METHODS)
@requires("write:automation")
def controller_edit(request: HttpRequest, zone_id: uuid.UUID) -> HttpResponse:
    """Add a controller, or change the one that `?name=` names."""
    zone, setup = _load(zone_id)
    name = request.GET.get("name", "")
    controller = next((one for one in setup.controllers if one.name == name), None)
    if name and controller is None:
        raise Http404
    roles = [role.name for role in setup.roles]
    form = ControllerForm(
        _posted(request), choices=zone_choices(zone), roles=roles, controller=controller
    )
    if _is_removal(request) and controller is not None:
        saved = _save(request, zone, setup, "controllers", name, None, None)
        return saved or redirect(request.path)
    if request.method == "POST" and form.is_valid():
        saved = _save(request, zone, setup, "controllers", name, form.setup(), form)
        if saved is not None:
            return saved
    context = {"section": SECTION, "zone": zone, "form": form, "name": name,
               "what": "controller", "roles": roles, "version": version_of(setup)}  # fmt: skip
    return render(request, "automation/zone_edit.html", context)


def _load(zone_id: uuid.UUID) -> tuple[Zone, ZoneSetup]:
    row = find_or_404(zone_id)
    return row.zone, setup_of(row.control)


def _posted(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" and not _is_removal(request) else None


def _is_removal(request: HttpRequest) -> bool:
    return request.method == "POST" and request.POST.get("do") == "remove"


def _save(
    request: HttpRequest,
    zone: Zone,
    setup: ZoneSetup,
    group: str,
    name: str,
    part: dict[str, Any] | None,
    form: Any,
) -> HttpResponse | None:
    """Replace, add or remove one part; None: it was refused, and the form says why."""
    document: dict[str, list[Any]] = {"roles": [], "controllers": []} | write_setup(setup)
    parts = [one for one in document[group] if one["name"] != name or not name]
    place = f"{group}[{len(parts)}]."
    document[group] = parts if part is None else [*parts, part]
    if group == "roles" and part is not None and name:
        _rename(document["controllers"], name, part["name"])
    seen = request.POST.get("version", "")
    try:
        configure_zone(
            actor=request.user, zone=zone, document=document, seen=seen, now=timezone.now()
        )
    except ZoneRefused as error:
        field = error.field.removeprefix(place).partition(".")[0].replace("device", "start")
        if form is not None:
            form.add_error(field if field in form.fields else None, str(error))
        else:
            messages.error(request, str(error))
        return None
    messages.success(request, _("The zone is set up anew."))
    return redirect("automation-zone", zone.id)


def _rename(controllers: list[dict[str, Any]], old: str, new: str) -> None:
    for one in controllers:
        for side in ("raises", "lowers"):
            if one.get(side) == old:
                one[side] = new
