"""Firmware: what there is, what the platform offers, whose signatures count."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of, person_of
from accounts.services.refusals import Refusal
from accounts.sudo import requires_sudo
from devices.pages.firmware_forms import UploadForm, VendorKeyForm
from devices.queries_campaigns import list_keys, list_published, list_releases
from devices.services.firmware import adopt_release, upload_release, withdraw_release
from devices.services.firmware_keys import platform_keys, register_key, revoke_key

PAGE_ROWS = 25
_ABSENT = {"release_gone", "key_gone"}


@require_safe
@requires("read:firmware")
def firmware(request: HttpRequest) -> HttpResponse:
    """List firmware, the newest first, and what may be adopted."""
    rows = list_releases().order_by("-created_at", "id")
    context = {
        "page": Paginator(rows, PAGE_ROWS).get_page(request.GET.get("page")),
        "published": list_published(),
        "may_write": "write:firmware" in acting_of(request).codes,
        "section": "firmware",
    }
    return render(request, "devices/firmware.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:firmware")
def firmware_upload(request: HttpRequest) -> HttpResponse:
    """Take firmware after every check, or say which it fails."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = upload_release(
                upload=form.upload(), actor=person_of(request), now=timezone.now()
            )
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            values = {"name": str(made.profile), "version": made.version}
            messages.success(request, _("%(name)s %(version)s is there.") % values)
            return redirect("firmware")
    context = {"form": form, "has_keys": bool(platform_keys()) or list_keys().exists()}
    status = 422 if form.errors else 200
    return render(request, "devices/firmware_upload.html", context, status=status)


@require_POST
@requires("write:firmware")
def firmware_withdraw(request: HttpRequest, release_id: uuid.UUID) -> HttpResponse:
    """Offer it to nobody any more."""
    return _do(
        request,
        lambda: withdraw_release(release_id=release_id, now=timezone.now()),
        _("The firmware is withdrawn; campaigns with it halt."),
        "firmware",
    )


@require_POST
@requires("write:firmware")
def firmware_adopt(request: HttpRequest) -> HttpResponse:
    """Take over what the platform offers."""
    try:
        published_id = uuid.UUID(request.POST.get("published", ""))
    except ValueError as error:
        raise Http404 from error
    return _do(
        request,
        lambda: adopt_release(
            published_id=published_id, actor=person_of(request), now=timezone.now()
        ),
        _("The firmware can be rolled out now."),
        "firmware",
    )


@require_http_methods(["GET", "HEAD"])
@requires("read:firmware")
def firmware_keys(request: HttpRequest) -> HttpResponse:
    """Show whose signatures count."""
    context = {
        "keys": list(list_keys()),
        "house": platform_keys(),
        "may_write": "write:firmware" in acting_of(request).codes,
        "section": "firmware-keys",
    }
    return render(request, "devices/firmware_keys.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("write:firmware")
@requires_sudo
def firmware_key_new(request: HttpRequest) -> HttpResponse:
    """Let another vendor's signatures count."""
    form = VendorKeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            register_key(now=timezone.now(), **form.cleaned_data)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Firmware with this signature is accepted now."))
            return redirect("firmware-keys")
    status = 422 if form.errors else 200
    return render(request, "devices/firmware_key_new.html", {"form": form}, status=status)


@require_POST
@requires("write:firmware")
def firmware_key_revoke(request: HttpRequest, vendor_key_id: uuid.UUID) -> HttpResponse:
    """Accept nothing more from a vendor."""
    return _do(
        request,
        lambda: revoke_key(key_id=vendor_key_id, now=timezone.now()),
        _("The key is revoked; what it signed is withdrawn."),
        "firmware-keys",
    )


def _do(request: HttpRequest, call: Callable[[], Any], done: str, then: str) -> HttpResponse:
    try:
        call()
    except Refusal as refusal:
        if refusal.code in _ABSENT:
            raise Http404 from refusal
        messages.error(request, str(refusal))
    else:
        messages.success(request, done)
    return redirect(then)
