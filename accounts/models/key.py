"""Keys of machines."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.user import User
from accounts.tenancy import TenantModel


class ApiKey(TenantModel):
    """A secret that a program sends as `X-API-Key`; shown once, kept as a keyed hash.

    `prefix` finds the row and may be shown; `codes` are the permissions it has at most,
    those of them that its creator still has are not checked again. The key of a `device` only
    sends measurements of it, and reaches nothing else of the tenant.
    """

    name = models.CharField(_("name"), max_length=80, help_text=_("What uses it."))
    prefix = models.CharField(_("prefix"), max_length=16, unique=True, editable=False)
    hashed = models.CharField(max_length=128, editable=False)
    codes = ArrayField(models.CharField(max_length=40), verbose_name=_("permissions"), default=list)
    created_by = models.ForeignKey(
        User, models.SET_NULL, null=True, related_name="+", verbose_name=_("created by")
    )
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    device = models.ForeignKey(
        "devices.Device",
        models.CASCADE,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("device"),
        help_text=_("The only device that it may send measurements for; blank: all."),
    )
    replaces = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("replaces"),
        help_text=_("The key it was rotated from, which works until its own end."),
    )

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        constraints = [models.UniqueConstraint(fields=["tenant", "id"], name="apikey_tenant_id")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
