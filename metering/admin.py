"""Meters in the admin; new ones and changes of hardware are entered on the pages of meters."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import ReadOnlyInline, TenantForm, TenantOwnedAdmin
from metering import admin_costs, admin_ledger, admin_plans  # noqa: F401 (they register themselves)
from metering.models import Meter, MeterInstallation, MeterTerm, Register
from metering.services.meters import MeterRefused, Wanted, change_meter, check_parent
from metering.services.rebuilds import ledger_size, recalculate_meter


class MeterForm(TenantForm):
    """Keeps the tree of meters a tree."""

    def clean(self) -> dict[str, Any]:
        """Compare with the meter above."""
        cleaned = super().clean() or self.cleaned_data
        meter = Meter(
            id=self.instance.id,
            site_id=self.instance.site_id,
            commodity=self.instance.commodity,
            parent=cleaned.get("parent"),
        )
        try:
            check_parent(meter)
        except MeterRefused as error:
            raise ValidationError({"parent": str(error)}, code=error.code) from error
        return cleaned


class TermInline(ReadOnlyInline):
    """What a computed meter is the sum of."""

    is_open_to_tenants = True
    model = MeterTerm
    fk_name = "virtual"
    fields = ("meter", "factor")


class InstallationInline(ReadOnlyInline):
    """What was installed from when to when."""

    is_open_to_tenants = True
    model = MeterInstallation
    fields = ("serial", "installed_at", "removed_at", "ct_ratio", "vt_ratio", "multiplier")
    show_change_link = True


class RegisterInline(ReadOnlyInline):
    """What the meter counts."""

    is_open_to_tenants = True
    model = Register
    fields = ("quantity", "uuid")
    readonly_fields = fields
    show_change_link = True


@admin.register(Meter)
class MeterAdmin(TenantOwnedAdmin):
    """Meters; what is counted in them can be built again, and is not deleted from here."""

    is_open_to_tenants = True
    needs_sudo_to_delete = True
    form = MeterForm
    list_display = (
        "name", "site", "tenant", "commodity", "role", "parent", "is_virtual", "is_active",
    )  # fmt: skip
    list_filter = ("tenant", "commodity", "role", "is_virtual", "is_active")
    list_select_related = ("tenant", "site", "parent")
    search_fields = ("name", "site__name", "installations__serial")
    autocomplete_fields = ("parent", "site")
    ordering = ("site__name", "name", "id")
    fields = (
        "tenant", "site", "name", "commodity", "role", "parent", "is_virtual",
        "accuracy_percent", "most_per_hour", "contracted_kw", "is_active", "created_at",
        "updated_at",
    )  # fmt: skip
    readonly_fields = ("tenant", "site", "commodity", "is_virtual", "created_at", "updated_at")
    inlines = (TermInline, RegisterInline, InstallationInline)
    actions = ("recalculate",)
    deleted_silently = (
        *TenantOwnedAdmin.deleted_silently,
        "metering.MeterTerm",
        "metering.Register",
        "metering.MeterInstallation",
        "metering.RegisterFeed",
        "metering.LedgerDecision",
        "metering.LedgerState",
        "metering.Checkpoint",
        "metering.LedgerMark",
        "metering.CostLine",
        "metering.CostMonth",
        "metering.CostState",
    )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: a new meter needs channels, which its page proposes."""
        return False

    def save_model(self, request: HttpRequest, obj: Meter, form: Any, change: bool) -> None:
        """Apply another limit to all of the past."""
        names = (
            "name", "commodity", "role", "accuracy_percent", "most_per_hour", "contracted_kw",
            "is_active",
        )  # fmt: skip
        wanted = Wanted(
            **{name: getattr(obj, name) for name in names},
            parent=obj.parent_id,
            terms=dict(obj.terms.values_list("meter_id", "factor")),
        )
        change_meter(meter_id=obj.id, wanted=wanted, now=timezone.now())

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Protect what was counted."""
        to_delete, counts, needed, protected = super().get_deleted_objects(objs, request)
        return to_delete, counts, needed, [*protected, *filter(None, map(_why_not, objs))]

    @admin.action(description=_("Recalculate all of the past"), permissions=["change"])
    def recalculate(self, request: HttpRequest, queryset: QuerySet[Meter]) -> None:
        """Have the ledger built again."""
        now = timezone.now()
        count = sum(recalculate_meter(meter_id=meter.id, now=now) for meter in queryset)
        text = ngettext(
            "%(count)d register is being calculated anew.",
            "%(count)d registers are being calculated anew.",
            count,
        )
        self.message_user(request, text % {"count": count}, messages.SUCCESS)


def _why_not(meter: Meter) -> str:
    days = ledger_size(meter.id)
    if not days:
        return ""
    return gettext(
        "%(meter)s has counted on %(days)d days. Its own page deletes it, and asks for its name."
    ) % {"meter": meter, "days": days}
