"""Who agreed to get reports by mail, and who wants no more."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel


class Recipient(TenantModel):
    """An address that reports of a tenant go to. Example: landlord@example.org, confirmed.

    Members need not confirm. Only the SHA-256 of the link's secret is kept (`token_hash`,
    hexadecimal); it is empty once the link is used. `ask_at` is when the mail with the link
    is due, null when none is.
    """

    address = models.EmailField(_("e-mail address"))
    token_hash = models.CharField(max_length=64, blank=True, editable=False)
    asked_at = models.DateTimeField(_("asked"), null=True, editable=False)
    expires_at = models.DateTimeField(_("link expires"), null=True, editable=False)
    ask_at = models.DateTimeField(null=True, editable=False)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0, editable=False)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, editable=False)
    unsubscribed_at = models.DateTimeField(_("unsubscribed"), null=True, editable=False)

    class Meta:
        verbose_name = _("recipient of reports")
        verbose_name_plural = _("recipients of reports")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "address"], name="report_recipient_once"),
            models.UniqueConstraint(
                fields=["token_hash"], condition=~Q(token_hash=""), name="report_recipient_link"
            ),
        ]
        indexes = [
            models.Index(
                fields=["ask_at"], condition=Q(ask_at__isnull=False), name="report_recipient_due"
            ),
        ]

    def __str__(self) -> str:
        return self.address
