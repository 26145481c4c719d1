"""Firmware, and the campaigns that bring it, or a configuration, to many devices."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import StampedModel, TenantModel


class FirmwareSigner(models.Model):
    """The key with which the platform signs what it offers to devices; one is active."""

    public_key = models.CharField(_("public key"), max_length=44)
    fingerprint = models.CharField(_("fingerprint"), max_length=64, unique=True)
    sealed_key = models.TextField(editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("firmware signing key")
        verbose_name_plural = _("firmware signing keys")
        constraints = [
            models.UniqueConstraint(
                fields=["is_active"],
                condition=models.Q(is_active=True),
                name="one_active_firmware_signer",
            ),
        ]

    def __str__(self) -> str:
        return self.fingerprint[:16]


class FirmwareKey(TenantModel):
    """A vendor's Ed25519 public key, base64; releases of the tenant must be signed by one."""

    name = models.CharField(_("name"), max_length=100)
    public_key = models.CharField(_("public key"), max_length=44)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        verbose_name = _("firmware key")
        verbose_name_plural = _("firmware keys")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "fingerprint"], name="firmware_key_once"),
        ]

    def __str__(self) -> str:
        return self.name


class ImageFields(models.Model):
    """An image that has passed all checks, and the manifest that its vendor signed.

    `manifest` is the exact text under `signature` (base64). `stored_as` is made by us, never
    from a file name. `hardware` lists the models that it fits; empty: all of the profile.
    """

    profile = models.ForeignKey(
        "devices.DeviceProfile", models.PROTECT, related_name="+", verbose_name=_("profile")
    )
    version = models.CharField(_("version"), max_length=50)
    min_version = models.CharField(_("from version"), max_length=50, blank=True)
    hardware = models.JSONField(_("hardware"), default=list, blank=True)
    size = models.PositiveIntegerField(_("size (bytes)"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    stored_as = models.CharField(_("stored as"), max_length=200, editable=False)
    manifest = models.TextField(_("manifest"))
    signature = models.CharField(_("signature"), max_length=88)
    key_fingerprint = models.CharField(_("signed by"), max_length=64)
    notes = models.CharField(_("what is new"), max_length=2000, blank=True)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("uploaded by"),
    )
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.profile} {self.version}"


class PublishedRelease(ImageFields, StampedModel):
    """Firmware that platform staff offer to every tenant; a tenant adopts it to use it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    class Meta:
        verbose_name = _("published firmware")
        verbose_name_plural = _("published firmware")
        constraints = [
            models.UniqueConstraint(fields=["profile", "version"], name="published_version_once"),
        ]


class FirmwareRelease(ImageFields, TenantModel):
    """Firmware that a tenant may roll out: uploaded by it, or adopted from `published`."""

    published = models.ForeignKey(
        PublishedRelease,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("adopted from"),
    )

    class Meta:
        verbose_name = _("firmware release")
        verbose_name_plural = _("firmware releases")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "profile", "version"], name="firmware_version_once"
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="firmware_release_tenant_id"),
        ]
