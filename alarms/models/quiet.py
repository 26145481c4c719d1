"""Times at which nobody is told of alarms on purpose."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel
from alarms.models.alarm import KEY_LENGTH


class MaintenanceWindow(TenantModel):
    """Somebody works there: alarms are kept, and nobody is told of them.

    Example: "Change of the main meter", gateway gw-izmir-1, from 09:00 to 12:00. With neither
    device nor gateway it is about the whole site, without a site about all of the tenant.
    """

    name = models.CharField(_("what is done"), max_length=200)
    site = models.ForeignKey(
        "devices.Site", models.CASCADE, null=True, blank=True, related_name="maintenance_windows",
        verbose_name=_("site"), help_text=_("Blank: everywhere."),
    )  # fmt: skip
    gateway = models.ForeignKey(
        "devices.Gateway", models.CASCADE, null=True, blank=True,
        related_name="maintenance_windows", verbose_name=_("gateway"),
        help_text=_("With the devices behind it."),
    )  # fmt: skip
    device = models.ForeignKey(
        "devices.Device", models.CASCADE, null=True, blank=True,
        related_name="maintenance_windows", verbose_name=_("device"),
    )  # fmt: skip
    start = models.DateTimeField(_("from"))
    end = models.DateTimeField(_("until"))
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+",
        verbose_name=_("made by"),
    )  # fmt: skip

    class Meta:
        verbose_name = _("maintenance window")
        verbose_name_plural = _("maintenance windows")
        constraints = [
            models.CheckConstraint(condition=Q(end__gt=F("start")), name="maintenance_in_order"),
        ]
        indexes = [models.Index(fields=["tenant", "end"], name="maintenance_by_end")]

    def __str__(self) -> str:
        return self.name


class Shelving(TenantModel):
    """Nobody is told of alarms of a key until a moment; see `Alarm.key`."""

    key = models.CharField(_("key"), max_length=KEY_LENGTH, editable=False)
    label = models.CharField(_("about"), max_length=300, editable=False)
    until = models.DateTimeField(_("until"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+",
        verbose_name=_("made by"),
    )  # fmt: skip

    class Meta:
        verbose_name = _("shelving")
        verbose_name_plural = _("shelvings")
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="shelving_once")]

    def __str__(self) -> str:
        return self.label
