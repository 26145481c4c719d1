"""Certificates in the admin: looked at and revoked; they are issued in pages and the API."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import PlatformAdmin, ReadOnlyAdmin, ReadOnlyInline, Select
from accounts.sudo import ask_for_sudo
from accounts.tenancy import tenant_scope
from devices.boxes import NotABox
from devices.models import (
    BrokerChange,
    CertificateAuthority,
    Device,
    DeviceCertificate,
    Gateway,
    RevocationReason,
    RevokedCertificate,
    ShutOut,
)
from devices.services.certificates import CertificateGone
from devices.services.removal import delete_device, delete_gateway
from devices.services.revocation import revoke_certificate, shut_out_box

ENDS_WITHIN = (30, 14, 7, 1)


class RevokeForm(forms.Form):
    """Why access ends."""

    reason = forms.ChoiceField(label=_("Reason"), choices=RevocationReason.choices, widget=Select)
    note = forms.CharField(label=_("Note"), max_length=200, required=False)


class RevokingAdmin(PlatformAdmin):
    """Asks for sudo mode and a reason, then revokes what was chosen."""

    def ask_and_revoke(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        *,
        action: str,
        revoke: Callable[[Any, str, str, dt.datetime], bool],
    ) -> HttpResponse | None:
        """Show the form, or do it; `revoke` tells whether there was something to revoke."""
        answer = ask_for_sudo(request, then=request.path)
        if answer:
            return answer
        form = RevokeForm(request.POST if "apply" in request.POST else None)
        if not form.is_valid():
            return self._show_form(request, queryset, form, action)
        now = timezone.now()
        why = form.cleaned_data["reason"], form.cleaned_data["note"]
        done = [self._revoke_one(row, revoke, why, now) for row in queryset]
        self._report(request, sum(done), len(done) - sum(done))
        return None

    def has_provision_permission(self, request: HttpRequest) -> bool:
        """Ask for the permission that certificates need everywhere."""
        return bool(request.user.has_perm("provision:device"))  # type: ignore[union-attr]

    def _revoke_one(
        self, row: Any, revoke: Callable[..., bool], why: tuple[str, str], now: dt.datetime
    ) -> bool:
        with tenant_scope(row.tenant_id):
            return revoke(row, *why, now)

    def _show_form(
        self, request: HttpRequest, queryset: QuerySet[Any], form: RevokeForm, action: str
    ) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": _("Revoke access"),
            "subtitle": None,
            "opts": self.model._meta,
            "media": self.media,
            "form": form,
            "rows": list(queryset),
            "action": action,
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/revoke_access.html", context)

    def _report(self, request: HttpRequest, done: int, skipped: int) -> None:
        if done:
            messages.success(request, _("%(number)d revoked.") % {"number": done})
        if skipped:
            text = _("%(number)d skipped: nothing to revoke.") % {"number": skipped}
            messages.warning(request, text)
        if BrokerChange.objects.exists():
            messages.warning(request, _("The broker does not answer; it is tried again."))


class BoxAdmin(RevokingAdmin):
    """Devices or gateways: their access can be revoked, and goes with them."""

    actions = ("revoke_access",)
    deleted_silently = (
        *PlatformAdmin.deleted_silently, "devices.DeviceCertificate", "devices.ShutOut",
    )  # fmt: skip

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Show read-only rows of what exists; a form that is sent need not carry them."""
        is_shown = obj is not None and request.method in {"GET", "HEAD"}
        return super().get_inlines(request, obj) if is_shown else ()

    @admin.action(description=_("Revoke all access"), permissions=["provision"])
    def revoke_access(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Take the chosen boxes their certificates and accounts, and end their sessions."""
        return self.ask_and_revoke(
            request, queryset, action="revoke_access", revoke=_shut_out_thing
        )

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Let access end with the box."""
        _delete_thing(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """As for one."""
        for obj in queryset:
            _delete_thing(obj)


class CertificateInline(ReadOnlyInline):
    """The certificates of a device."""

    is_open_to_tenants = True
    model = DeviceCertificate
    fk_name = "device"
    fields = ("serial", "not_before", "not_after", "first_seen_at", "revoked_at", "reason")
    readonly_fields = fields
    ordering = ("-not_before", "id")
    show_change_link = True
    verbose_name_plural = _("certificates")


class EndFilter(admin.SimpleListFilter):
    """Certificates by what is left of them."""

    title = _("state")
    parameter_name = "ends"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer the thresholds of the warnings."""
        soon = [
            (str(days), _("Ends within %(days)d days") % {"days": days}) for days in ENDS_WITHIN
        ]
        return [("valid", _("Valid")), *soon, ("ended", _("Ended")), ("revoked", _("Revoked"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep what is in the chosen state."""
        now, chosen = timezone.now(), self.value()
        if chosen == "revoked":
            return queryset.filter(revoked_at__isnull=False)
        if chosen == "ended":
            return queryset.filter(revoked_at=None, not_after__lte=now)
        valid = queryset.filter(revoked_at=None, not_after__gt=now)
        if chosen in {str(days) for days in ENDS_WITHIN}:
            return valid.filter(not_after__lte=now + dt.timedelta(days=int(chosen or 0)))
        return valid if chosen == "valid" else queryset


@admin.register(DeviceCertificate)
class DeviceCertificateAdmin(RevokingAdmin, ReadOnlyAdmin):
    """Certificates of boxes."""

    is_open_to_tenants = True
    list_display = (
        "common_name", "serial", "device", "tenant", "not_after", "first_seen_at", "revoked_at",
    )  # fmt: skip
    list_filter = ("tenant", EndFilter, "reason")
    list_select_related = ("device", "tenant")
    search_fields = ("common_name", "serial", "device__name", "device__uid")
    ordering = ("not_after", "id")
    fields = (
        "tenant", "device", "common_name", "serial", "fingerprint", "authority", "not_before",
        "not_after", "replaces", "first_seen_at", "revoked_at", "reason", "pem",
    )  # fmt: skip
    readonly_fields = fields
    actions = ("revoke",)

    @admin.action(description=_("Revoke the chosen certificates"), permissions=["provision"])
    def revoke(
        self, request: HttpRequest, queryset: QuerySet[DeviceCertificate]
    ) -> HttpResponse | None:
        """End certificates, and the sessions of their boxes."""
        return self.ask_and_revoke(request, queryset, action="revoke", revoke=_revoke_row)


@admin.register(ShutOut)
class ShutOutAdmin(ReadOnlyAdmin):
    """Boxes whose access was revoked as a whole."""

    list_display = ("device", "tenant", "at", "reason")
    list_filter = ("tenant", "reason")
    list_select_related = ("device", "tenant")
    search_fields = ("device__name", "device__uid")
    ordering = ("-at", "id")
    fields = readonly_fields = list_display


@admin.register(CertificateAuthority)
class CertificateAuthorityAdmin(ReadOnlyAdmin):
    """Authorities; their keys are nowhere to be seen."""

    list_display = ("name", "is_active", "not_after", "crl_signed_at", "crl_next_update_at")
    ordering = ("-is_active", "-id")
    search_fields = ("name", "fingerprint")
    fields = (
        "name", "is_active", "fingerprint", "not_before", "not_after", "crl_number",
        "crl_signed_at", "crl_next_update_at", "certificate_pem", "created_at",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[CertificateAuthority]:
        """Leave the sealed key in the database."""
        return super().get_queryset(request).defer("sealed_key")


@admin.register(RevokedCertificate)
class RevokedCertificateAdmin(ReadOnlyAdmin):
    """What is on the list."""

    list_display = ("serial", "reason", "revoked_at", "published_at", "expires_at")
    list_filter = ("reason",)
    search_fields = ("serial",)
    ordering = ("-revoked_at", "serial")
    fields = readonly_fields = (
        "serial", "authority", "reason", "revoked_at", "published_at", "expires_at",
    )  # fmt: skip


@admin.register(BrokerChange)
class BrokerChangeAdmin(ReadOnlyAdmin):
    """What the broker has not done yet; usually empty."""

    list_display = ("username", "is_wanted", "must_cut", "asked_at", "tries", "error")
    ordering = ("asked_at", "username")
    search_fields = ("username",)
    fields = readonly_fields = list_display


def _revoke_row(row: DeviceCertificate, reason: str, note: str, now: dt.datetime) -> bool:
    try:
        revoke_certificate(serial=row.serial, reason=reason, note=note, now=now)
    except CertificateGone:
        return False
    return True


def _shut_out_thing(thing: Any, reason: str, note: str, now: dt.datetime) -> bool:
    device = thing if isinstance(thing, Device) else _own_device(thing)
    if device is None:
        return False
    try:
        shut_out_box(device=device, reason=reason, note=note, now=now)
    except NotABox:
        return False
    return True


def _own_device(gateway: Gateway) -> Device | None:
    return Device.objects.filter(gateway=gateway, uid=gateway.uid).order_by("id").first()


def _delete_thing(thing: Any) -> None:
    with tenant_scope(thing.tenant_id):
        if isinstance(thing, Device):
            delete_device(device=thing, now=timezone.now())
        else:
            delete_gateway(gateway=thing, now=timezone.now())
