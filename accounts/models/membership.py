"""Who may do what in which tenant."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models.tenant import Tenant
from accounts.models.user import User
from accounts.rbac.registry import SYSTEM_ROLES
from accounts.tenancy import StampedModel, TenantModel


class SystemRole(models.TextChoices):
    """The roles that every tenant has; their permissions stand in the registry."""

    ADMIN = "admin", _("Administrator")
    OPERATOR = "operator", _("Operator")
    VIEWER = "viewer", _("Viewer")


class Role(TenantModel):
    """A role that a tenant made for itself. Example: "Agronomist", a subset of the 56."""

    name = models.CharField(_("name"), max_length=60)
    description = models.CharField(_("description"), max_length=200, blank=True)
    codes = ArrayField(models.CharField(max_length=40), verbose_name=_("permissions"), default=list)

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="role_name_once_per_tenant"),
            models.UniqueConstraint(fields=["tenant", "id"], name="role_tenant_id"),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(StampedModel):
    """A user's role in a tenant: one of the system's, or one that the tenant made.

    Example: an operator of Anatolia Energy.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        User, models.CASCADE, related_name="memberships", verbose_name=_("user")
    )
    tenant = models.ForeignKey(
        Tenant, models.CASCADE, related_name="memberships", verbose_name=_("tenant")
    )
    role = models.CharField(
        _("role"), max_length=10, choices=SystemRole, default=SystemRole.VIEWER, blank=True
    )
    custom_role = models.ForeignKey(
        Role, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("own role")
    )

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["user", "tenant"], name="one_membership_per_tenant"),
            models.CheckConstraint(
                condition=Q(role="", custom_role__isnull=False)
                | (~Q(role="") & Q(custom_role__isnull=True)),
                name="membership_has_one_role",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role_name}"

    @property
    def role_name(self) -> str:
        """Return what people call the role; a query unless `custom_role` is loaded."""
        return self.custom_role.name if self.custom_role else self.get_role_display()

    @property
    def codes(self) -> frozenset[str]:
        """Return the permission codes; a query unless `custom_role` is loaded."""
        if self.custom_role is not None:
            return SYSTEM_ROLES["admin"] & frozenset(self.custom_role.codes)
        return SYSTEM_ROLES[self.role]
