"""Sites and devices shared with somebody outside of the tenant, for a time."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Permission
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from guardian.models.models import BaseObjectPermission, UserObjectPermissionBase

from accounts.models import Tenant
from accounts.tenancy import TenantManager, TenantModel
from devices.models.device import Device
from devices.models.site import Site


class Share(TenantModel):
    """What all shares have: one permission on `content_object`, from an owner, for a time.

    The tenant is the owner's. `valid_from` is included, `expires_at` is not; both UTC.
    """

    permission = models.ForeignKey(
        Permission, models.CASCADE, related_name="+", verbose_name=_("permission")
    )
    shared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("shared by"),
    )
    valid_from = models.DateTimeField(_("from"))
    expires_at = models.DateTimeField(_("until"))

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("valid_from")), name="%(class)s_ends_later"
            )
        ]

    def __str__(self) -> str:
        # guardian's own expects a group where there is no user
        return f"{self.content_object}: {self.permission.codename}"  # type: ignore[attr-defined]


class _UserShare(Share, UserObjectPermissionBase):
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("person")
    )

    objects = TenantManager()  # type: ignore[assignment,misc]

    class Meta(Share.Meta):
        abstract = True
        unique_together = [("user", "permission", "content_object")]


class _TenantShare(Share, BaseObjectPermission):
    grantee = models.ForeignKey(
        Tenant, models.CASCADE, related_name="+", verbose_name=_("organisation")
    )

    objects = TenantManager()  # type: ignore[assignment,misc]

    class Meta(Share.Meta):
        abstract = True
        unique_together = [("grantee", "permission", "content_object")]


class DeviceUserPermission(_UserShare):
    """One device, one person. Example: an installer for the week of the commissioning."""

    content_object = models.ForeignKey(
        Device, models.CASCADE, related_name="+", verbose_name=_("device")
    )

    class Meta(_UserShare.Meta):
        verbose_name = _("device shared with a person")
        verbose_name_plural = _("devices shared with people")


class DeviceTenantPermission(_TenantShare):
    """One device, all people of another tenant whose role there has the permission."""

    content_object = models.ForeignKey(
        Device, models.CASCADE, related_name="+", verbose_name=_("device")
    )

    class Meta(_TenantShare.Meta):
        verbose_name = _("device shared with an organisation")
        verbose_name_plural = _("devices shared with organisations")


class SiteUserPermission(_UserShare):
    """A site with all its devices, one person."""

    content_object = models.ForeignKey(
        Site, models.CASCADE, related_name="+", verbose_name=_("site")
    )

    class Meta(_UserShare.Meta):
        verbose_name = _("site shared with a person")
        verbose_name_plural = _("sites shared with people")


class SiteTenantPermission(_TenantShare):
    """A site with all its devices, all people of another tenant whose role has the permission."""

    content_object = models.ForeignKey(
        Site, models.CASCADE, related_name="+", verbose_name=_("site")
    )

    class Meta(_TenantShare.Meta):
        verbose_name = _("site shared with an organisation")
        verbose_name_plural = _("sites shared with organisations")
