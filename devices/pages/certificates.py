"""A device's certificates: how long they are good, and their end."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of
from accounts.sudo import ask_for_sudo
from devices.boxes import NotABox
from devices.models import BrokerChange, Device, DeviceCertificate, RevocationReason
from devices.queries_certificates import certificate_section
from devices.services.certificates import CertificateGone
from devices.services.revocation import revoke_certificate, shut_out_box

NOTE_LENGTH = 200


@require_safe
@requires("read:device")
def certificates(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Show the certificates of a device."""
    device = _find_device(device_id)
    now = timezone.now()
    context = {
        "device": device,
        "certificates": certificate_section(device=device, now=now),
        "may_provision": "provision:device" in acting_of(request).codes,
        "reasons": RevocationReason.choices,
        "now": now,
    }
    return render(request, "devices/certificates.html", context)


@require_POST
@requires("provision:device")
def certificate_revoke(request: HttpRequest, device_id: uuid.UUID, serial: str) -> HttpResponse:
    """End a certificate and the session of its device."""
    device = _find_device(device_id)
    page = reverse("device-certificates", args=[device.id])
    answer = ask_for_sudo(request, then=page)
    if answer:
        return answer
    if not DeviceCertificate.objects.filter(device=device, serial=serial).exists():
        raise Http404
    try:
        revoke_certificate(serial=serial, **_why(request), now=timezone.now())
    except CertificateGone:
        messages.info(request, _("This certificate was revoked already."))
    else:
        _report(request, _("The certificate is revoked."))
    return redirect(page)


@require_POST
@requires("provision:device")
def shut_out(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    """Revoke everything a device could come in with."""
    device = _find_device(device_id)
    page = reverse("device-certificates", args=[device.id])
    answer = ask_for_sudo(request, then=page)
    if answer:
        return answer
    try:
        shut_out_box(device=device, **_why(request), now=timezone.now())
    except NotABox as error:
        raise Http404 from error
    _report(request, _("All access of the device is revoked."))
    return redirect(page)


def _find_device(device_id: uuid.UUID) -> Device:
    found = Device.objects.select_related("gateway").filter(id=device_id).first()
    if found is None:
        raise Http404
    return found


def _why(request: HttpRequest) -> dict[str, Any]:
    reason = request.POST.get("reason", RevocationReason.UNSPECIFIED)
    if reason not in RevocationReason.values:
        raise Http404
    return {"reason": reason, "note": request.POST.get("note", "")[:NOTE_LENGTH]}


def _report(request: HttpRequest, text: str) -> None:
    messages.success(request, text)
    if BrokerChange.objects.exists():
        messages.warning(request, _("The broker does not answer; it is tried again."))
