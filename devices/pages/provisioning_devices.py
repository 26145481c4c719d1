"""What installers do with single devices: tokens, labels, swaps, transfers, the end."""

from __future__ import annotations

import uuid
from typing import Any

import segno
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of, person_of
from accounts.services.refusals import Refusal
from devices.fleet_csv import UnreadableTable, read_table, write_table
from devices.models import Device
from devices.pages.provisioning import guesser_of
from devices.pages.provisioning_forms import AcceptForm, CodeForm, FleetForm, RegisterForm
from devices.queries import find_device
from devices.services.fleet_import import TABLE_FAULTS, export_rows, import_fleet
from devices.services.lifecycle import decommission_device
from devices.services.onboarding import create_token
from devices.services.swap import swap_device
from devices.services.transfer import accept_transfer, offer_transfer, withdraw_transfer


@require_http_methods(["GET", "HEAD", "POST"])
@requires("provision:device")
def register(request: HttpRequest) -> HttpResponse:
    """Register a device that fetches its identity with a token, or is claimed later."""
    form = RegisterForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        report = import_fleet(
            rows=[_row_of(form.cleaned_data)],
            tenant_id=acting_of(request).tenant_id,
            dry_run=False,
            now=timezone.now(),
        )
        for refused in report.refused:
            column = refused.column if refused.column in form.fields else None
            form.add_error(column, refused.detail)
        if report.is_done:
            messages.success(request, _("The device is registered."))
            return redirect("provisioning")
    status = 400 if form.is_bound else 200
    return render(request, "devices/provisioning/register.html", {"form": form}, status=status)


@require_POST
@requires("provision:device")
@never_cache
@sensitive_variables("new", "context")
def token(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Make an onboarding token and show it once, as text and as QR code."""
    device = _find(device_id)
    try:
        new = create_token(device_id=device_id, now=timezone.now())
    except Refusal as error:
        messages.error(request, str(error))
        return redirect("provisioning")
    context = {
        "device": device,
        "secret": new.text,
        "expires_at": new.token.expires_at,
        "qr": draw_qr(new.text),
        "endpoint": f"{settings.PUBLIC_URL}{reverse('api-bootstrap-onboard')}",
    }
    return render(request, "devices/provisioning/token.html", context)


@require_safe
@requires("provision:device")
def label(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Show a label to print: its QR code opens the device's page."""
    device = _find(device_id)
    link = f"{settings.PUBLIC_URL}{reverse('device', args=[device.id])}"
    context = {"device": device, "qr": draw_qr(link), "link": link}
    return render(request, "devices/provisioning/label.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("provision:device")
@never_cache
@sensitive_post_parameters("code", "hardware_id")
@sensitive_variables("form")
def swap(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Put new hardware in the place of a broken device."""
    device = _find(device_id)
    form = CodeForm(request.POST or None, needs_code=device.is_box)
    if request.method == "POST" and form.is_valid():
        try:
            found = swap_device(
                device_id=device_id,
                hardware_id=form.cleaned_data["hardware_id"],
                code=form.cleaned_data.get("code", ""),
                claimed_by=person_of(request),
                guesser=guesser_of(request),
                now=timezone.now(),
            )
        except Refusal as error:
            form.add_error(None, str(error))
        else:
            return redirect("provisioning-claim-progress", found.id)
    context = {"form": form, "device": device}
    status = 400 if form.is_bound else 200
    return render(request, "devices/provisioning/swap.html", context, status=status)


@require_POST
@requires("provision:device")
@never_cache
@sensitive_variables("offer", "context")
def transfer(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Offer a device to another organisation; the code is shown once."""
    device = _find(device_id)
    try:
        offer = offer_transfer(
            device_id=device_id, offered_by=person_of(request), now=timezone.now()
        )
    except Refusal as error:
        messages.error(request, str(error))
        return redirect("provisioning")
    context = {"device": device, "secret": offer.code, "expires_at": offer.transfer.expires_at}
    return render(request, "devices/provisioning/offer.html", context)


@require_POST
@requires("provision:device")
def transfer_withdraw(request: HttpRequest, transfer_id: uuid.UUID) -> HttpResponse:
    """Take an offer back."""
    try:
        withdraw_transfer(transfer_id=transfer_id, now=timezone.now())
    except Refusal as error:
        raise Http404 from error
    messages.success(request, _("The offer is withdrawn."))
    return redirect("provisioning")


@require_http_methods(["GET", "HEAD", "POST"])
@requires("provision:device")
@never_cache
@sensitive_post_parameters("code")
@sensitive_variables("form")
def transfer_accept(request: HttpRequest) -> HttpResponse:
    """Take a device that another organisation offers."""
    form = AcceptForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            device = accept_transfer(
                code=form.cleaned_data["code"],
                site=form.cleaned_data["site"],
                name=form.cleaned_data["name"],
                guesser=guesser_of(request),
                now=timezone.now(),
            )
        except Refusal as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("%(name)s is yours.") % {"name": device.name})
            return redirect("provisioning")
    status = 400 if form.is_bound else 200
    return render(request, "devices/provisioning/accept.html", {"form": form}, status=status)


@require_POST
@requires("provision:device")
def decommission(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Take a device out of service for good."""
    try:
        device = decommission_device(device_id=device_id, now=timezone.now())
    except Refusal as error:
        raise Http404 from error
    messages.success(request, _("%(name)s is out of service.") % {"name": device.name})
    return redirect("device", device_id)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("provision:device")
def fleet(request: HttpRequest) -> HttpResponse:
    """Try a table of devices, then import it."""
    form = FleetForm(request.POST or None, request.FILES or None)
    report = None
    if request.method == "POST" and form.is_valid():
        try:
            rows = read_table(form.cleaned_data["table"].read())
        except UnreadableTable as error:
            form.add_error("table", f"{TABLE_FAULTS[error.code]} ({error})")
        else:
            report = import_fleet(
                rows=rows,
                tenant_id=acting_of(request).tenant_id,
                dry_run=request.POST.get("do") != "import",
                now=timezone.now(),
            )
    context = {"form": form, "report": report, "rows": report.rows[:500] if report else []}
    status = 400 if form.errors else 200
    return render(request, "devices/provisioning/fleet.html", context, status=status)


@require_safe
@requires("provision:device")
def fleet_export(request: HttpRequest) -> HttpResponse:
    """Send the devices in use as a table, which can be imported again."""
    response = HttpResponse(write_table(export_rows()), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="fleet.csv"'
    return response


def draw_qr(text: str) -> SafeString:
    """Return a QR code as SVG; it has no style of its own, so the page's policy holds."""
    drawn = segno.make(text, error="m", micro=False)
    return mark_safe(  # noqa: S308 (numbers only)
        drawn.svg_inline(scale=5, border=4, svgclass="qr", lineclass=None, omitsize=True)
    )


def _row_of(wanted: dict[str, Any]) -> dict[str, str]:
    return {
        "hardware_id": wanted["hardware_id"],
        "profile": wanted["profile"].key,
        "site": wanted["site"].name,
        "zone": wanted["zone"].name if wanted["zone"] else "",
        "name": wanted["name"],
    }


def _find(device_id: uuid.UUID) -> Device:
    try:
        return find_device(device_id)
    except Device.DoesNotExist as error:
        raise Http404 from error
