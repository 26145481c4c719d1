"""Certificates of devices, what was revoked, and what the broker still has to be told."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel


class RevocationReason(models.TextChoices):
    """Why a certificate is no longer good, in the words of RFC 5280."""

    UNSPECIFIED = "unspecified", _("Not specified")
    KEY_COMPROMISE = "key_compromise", _("Stolen, or key known to others")
    SUPERSEDED = "superseded", _("Replaced by a newer one")
    CESSATION = "cessation_of_operation", _("No longer in operation")
    PRIVILEGE = "privilege_withdrawn", _("Access withdrawn")


class CertificateAuthority(models.Model):
    """Who signs the certificates of devices. One is active; older ones are still trusted.

    The key is sealed for exactly this certificate and leaves the database only to sign.
    """

    name = models.CharField(_("name"), max_length=64)
    certificate_pem = models.TextField(_("certificate"))
    fingerprint = models.CharField(_("fingerprint"), max_length=64, unique=True)
    sealed_key = models.TextField(editable=False)
    not_before = models.DateTimeField(_("valid from"))
    not_after = models.DateTimeField(_("valid until"))
    is_active = models.BooleanField(_("active"), default=True)
    crl_pem = models.TextField(_("revocation list"), blank=True, editable=False)
    crl_number = models.BigIntegerField(_("number of the list"), default=0, editable=False)
    crl_signed_at = models.DateTimeField(_("list signed"), null=True, editable=False)
    crl_next_update_at = models.DateTimeField(
        _("list good until"),
        null=True,
        editable=False,
        help_text=_("Afterwards the broker refuses every device."),
    )
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("certificate authority")
        verbose_name_plural = _("certificate authorities")
        constraints = [
            models.UniqueConstraint(
                fields=["is_active"],
                condition=models.Q(is_active=True),
                name="one_active_certificate_authority",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DeviceCertificate(TenantModel):
    """A certificate with which a box connects; its common name is the box's broker account.

    Example: serial `4fa1…`, common name `gw-izmir-1`. The private key is never kept. When the
    row is deleted, with its device or its tenant, the database keeps the serial as revoked.
    """

    device = models.ForeignKey(
        "devices.Device", models.CASCADE, related_name="certificates", verbose_name=_("device")
    )
    authority = models.ForeignKey(
        CertificateAuthority, models.PROTECT, related_name="+", verbose_name=_("issued by")
    )
    serial = models.CharField(_("serial number"), max_length=40, unique=True)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    key_fingerprint = models.CharField(_("fingerprint of the key"), max_length=64, db_index=True)
    common_name = models.CharField(_("common name"), max_length=64)
    pem = models.TextField(_("certificate"))
    not_before = models.DateTimeField(_("valid from"))
    not_after = models.DateTimeField(_("valid until"))
    replaces = models.ForeignKey(
        "self",
        models.SET_NULL,
        related_name="replaced_by",
        null=True,
        blank=True,
        verbose_name=_("replaces"),
        help_text=_("That one stays good until this one is seen, or for 30 days."),
    )
    first_seen_at = models.DateTimeField(_("first seen in use"), null=True, editable=False)
    warned_days = models.PositiveSmallIntegerField(
        _("warned this many days before the end"), null=True, editable=False
    )
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)
    reason = models.CharField(
        _("reason"), max_length=30, choices=RevocationReason, blank=True, editable=False
    )

    class Meta:
        verbose_name = _("certificate")
        verbose_name_plural = _("certificates")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="certificate_tenant_id"),
        ]
        indexes = [
            models.Index(
                fields=["not_after"],
                condition=models.Q(revoked_at__isnull=True),
                name="certificate_by_end",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.common_name} {self.serial[:8]}"


class ShutOut(TenantModel):
    """A box whose access was revoked as a whole; a new certificate lets it in again."""

    device = models.OneToOneField(
        "devices.Device", models.CASCADE, related_name="shut_out", verbose_name=_("device")
    )
    at = models.DateTimeField(_("at"))
    reason = models.CharField(_("reason"), max_length=30, choices=RevocationReason)

    class Meta:
        verbose_name = _("shut-out box")
        verbose_name_plural = _("shut-out boxes")

    def __str__(self) -> str:
        return str(self.device_id)


class RevokedCertificate(models.Model):
    """A serial number on the revocation list. Stays when device and tenant are gone.

    `published_at` is empty until a list that holds it was signed and given to the broker.
    """

    serial = models.CharField(_("serial number"), max_length=40, primary_key=True)
    authority = models.ForeignKey(CertificateAuthority, models.PROTECT, related_name="+")
    key_fingerprint = models.CharField(_("fingerprint of the key"), max_length=64, db_index=True)
    revoked_at = models.DateTimeField(_("revoked"))
    reason = models.CharField(_("reason"), max_length=30, choices=RevocationReason)
    expires_at = models.DateTimeField(_("would have ended"))
    published_at = models.DateTimeField(_("on the broker"), null=True, db_index=True)

    class Meta:
        verbose_name = _("revoked certificate")
        verbose_name_plural = _("revoked certificates")

    def __str__(self) -> str:
        return self.serial


class BrokerChange(models.Model):
    """What the broker's accounts still lack; the row goes when the broker has done it.

    `is_wanted`: the account shall exist, else it shall be gone. `must_cut`: the session must
    end once the revocation list is in force. `device_id` tells whose topics a new account gets.
    """

    username = models.CharField(_("account"), max_length=64, primary_key=True)
    device_id = models.UUIDField(_("device"), null=True)
    is_wanted = models.BooleanField(_("shall exist"))
    must_cut = models.BooleanField(_("end the session"), default=False)
    asked_at = models.DateTimeField(_("asked for"))
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    error = models.CharField(_("error"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("pending broker change")
        verbose_name_plural = _("pending broker changes")

    def __str__(self) -> str:
        return self.username
