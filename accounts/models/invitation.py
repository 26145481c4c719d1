"""Invitations by e-mail."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.models.membership import Role, SystemRole
from accounts.models.user import User
from accounts.tenancy import TenantModel


class Invitation(TenantModel):
    """An offer of a role to an e-mail address; its link works once, until it expires.

    Only the SHA-256 of the link's secret is kept (`token_hash`, hexadecimal).
    """

    email = models.EmailField(_("e-mail address"))
    role = models.CharField(
        _("role"), max_length=10, choices=SystemRole, default=SystemRole.VIEWER, blank=True
    )
    custom_role = models.ForeignKey(
        Role, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("own role")
    )
    invited_by = models.ForeignKey(
        User, models.SET_NULL, null=True, related_name="+", verbose_name=_("invited by")
    )
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    expires_at = models.DateTimeField(_("expires"))
    accepted_at = models.DateTimeField(_("accepted"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            models.UniqueConstraint(
                "tenant",
                Lower("email"),
                condition=Q(accepted_at__isnull=True, revoked_at__isnull=True),
                name="one_open_invitation",
            ),
            models.CheckConstraint(
                condition=Q(role="", custom_role__isnull=False)
                | (~Q(role="") & Q(custom_role__isnull=True)),
                name="invitation_has_one_role",
            ),
        ]

    def __str__(self) -> str:
        return self.email
