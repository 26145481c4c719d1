"""Types of device in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Field, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.admin_base import PlatformAdmin, TabularInline
from accounts.admin_site import is_limited
from devices.models import DeviceProfile, ProfileChannel
from devices.services.profiles import check_profile, copy_profile


class DeviceProfileForm(forms.ModelForm):
    """Refuses commands, parameters and registers that no device could be given."""

    def clean(self) -> dict[str, Any] | None:
        """Check them as the services read them."""
        cleaned: dict[str, Any] | None = super().clean()
        if not self.errors:
            names = ("commands", "parameters")
            given = {name: (cleaned or {}).get(name) or [] for name in names}
            registers = (cleaned or {}).get("register_map") or {}
            check_profile(DeviceProfile(**given, register_map=registers))
        return cleaned


class ProfileChannelInline(TabularInline):
    """The channels that every device of the profile has."""

    model = ProfileChannel
    extra = 0
    fields = (
        "name", "source", "source_unit", "scale", "unit", "kind", "direction", "phase",
        "minimum", "maximum", "maximum_rate", "stuck_after_seconds",
        "expected_interval_seconds", "decimals", "stored_decimals",
    )  # fmt: skip

    def formfield_for_dbfield(self, db_field: Field, request: HttpRequest, **kwargs: Any) -> Any:
        """Keep names readable where fifteen fields share a row."""
        formfield = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name in {"name", "source"}:
            formfield.widget.attrs["style"] = "min-width: 14rem"
        return formfield


@admin.register(DeviceProfile)
class DeviceProfileAdmin(PlatformAdmin):
    """Types of device, shared by all tenants, who may choose one but not open it."""

    form = DeviceProfileForm
    list_display = (
        "name", "key", "manufacturer", "model", "expected_interval_seconds", "dialect",
        "is_builtin", "version",
    )  # fmt: skip
    list_filter = ("is_builtin", "dialect", "is_gateway", "accepts_unknown", "manufacturer")
    actions = ("copy",)
    search_fields = ("name", "key", "manufacturer", "model")
    ordering = ("name", "id")
    prepopulated_fields = {"key": ("name",)}
    readonly_fields = ("is_builtin", "created_at", "updated_at")
    inlines = (ProfileChannelInline,)
    fieldsets = (
        (None, {"fields": ("name", "key", "manufacturer", "model", "is_builtin", "version")}),
        (
            _("Messages"),
            {
                "fields": (
                    "expected_interval_seconds", "offline_after_seconds", "clock_policy",
                    "dialect", "is_gateway", "accepts_unknown",
                )
            },
        ),
        (_("Abilities"), {"fields": ("commands", "parameters", "register_map", "image_format")}),
        (_("Record"), {"fields": ("created_at", "updated_at")}),
    )  # fmt: skip

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave what comes with the product to its file: copy it to change it."""
        if obj is not None and obj.is_builtin:
            return False
        return bool(super().has_change_permission(request, obj))

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Suggest a key only where one may be written."""
        return {} if obj is not None and obj.is_builtin else self.prepopulated_fields

    @admin.action(description=_("Copy, to change the copy"))
    def copy(self, request: HttpRequest, queryset: QuerySet[DeviceProfile]) -> None:
        """Make a copy of each that may be changed."""
        made = [copy_profile(profile=profile) for profile in queryset]
        text = ngettext("%(number)d copy made.", "%(number)d copies made.", len(made))
        self.message_user(request, text % {"number": len(made)}, messages.SUCCESS)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Offer the choices of a device's form to whoever may write devices."""
        match = request.resolver_match
        if is_limited(request) and match and match.url_name == "autocomplete":
            return bool(request.user.has_perm("devices.change_device"))
        return super().has_view_permission(request, obj)
