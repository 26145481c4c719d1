"""How a box becomes a customer's: what was heard, who claimed it, tokens, transfers."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import StampedModel, TenantModel
from devices.models import live_triggers

OPEN_STATES = ("claimed", "ready", "delivered")
HOLDING_STATES = (*OPEN_STATES, "owned")


class PendingDevice(StampedModel):
    """A box that said hello: facts of hardware only, nothing of any customer.

    Example: hardware_id `24:6f:28:aa:bb:cc`, which the box spells `246F28AABBCC` in its
    topics. The code it shows is known as a SHA-256 only. A node behind a gateway has no code:
    `gateway_uid` names the gateway that heard it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    hardware_id = models.CharField(_("hardware"), max_length=64, unique=True)
    spelling = models.CharField(max_length=64, editable=False)
    answer_prefix = models.CharField(max_length=80, blank=True, editable=False)
    gateway_uid = models.CharField(_("heard by"), max_length=64, blank=True, editable=False)
    model = models.CharField(_("model"), max_length=64, blank=True)
    serial_number = models.CharField(_("serial number"), max_length=64, blank=True)
    firmware_version = models.CharField(_("firmware"), max_length=50, blank=True)
    csr = models.TextField(blank=True, editable=False)
    code_hash = models.CharField(max_length=64, blank=True, editable=False)
    code_expires_at = models.DateTimeField(_("code valid until"), null=True, editable=False)
    tries_left = models.PositiveSmallIntegerField(_("tries left"), default=0, editable=False)
    first_heard_at = models.DateTimeField(_("first heard"))
    last_heard_at = models.DateTimeField(_("last heard"))

    class Meta:
        verbose_name = _("unclaimed box")
        verbose_name_plural = _("unclaimed boxes")
        indexes = [models.Index(fields=["last_heard_at"], name="pending_by_time")]

    def __str__(self) -> str:
        return self.hardware_id


class ClaimState(models.TextChoices):
    """How far a claim is."""

    CLAIMED = "claimed", _("Claimed")
    READY = "ready", _("Box is ready")
    DELIVERED = "delivered", _("Identity delivered")
    OWNED = "owned", _("Owned")
    REPLACED = "replaced", _("Replaced")
    EXPIRED = "expired", _("Expired")
    CANCELLED = "cancelled", _("Cancelled")


class Claim(TenantModel):
    """A customer's claim to a box. While it is open or owned, nobody else can claim the box.

    `device` is what the box is for the customer; it goes away with a claim that made it
    (`made_device`) and came to nothing. Open claims end at `expires_at`, UTC.
    """

    pending = models.ForeignKey(
        PendingDevice, models.PROTECT, related_name="+", verbose_name=_("box")
    )
    device = models.ForeignKey(
        "devices.Device",
        models.SET_NULL,
        related_name="claims",
        null=True,
        verbose_name=_("device"),
    )
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        related_name="+",
        null=True,
        verbose_name=_("claimed by"),
    )
    state = models.CharField(
        _("state"), max_length=10, choices=ClaimState, default=ClaimState.CLAIMED
    )
    hardware_id = models.CharField(_("hardware"), max_length=64)
    made_device = models.BooleanField(default=False, editable=False)
    code_hash = models.CharField(max_length=64, blank=True, editable=False)
    csr = models.TextField(blank=True, editable=False)
    certificate_pem = models.TextField(blank=True, editable=False)
    claimed_at = models.DateTimeField(_("claimed"))
    ready_at = models.DateTimeField(_("ready"), null=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True)
    credentials_taken_at = models.DateTimeField(_("credentials taken"), null=True)
    owned_at = models.DateTimeField(_("owned"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    expires_at = models.DateTimeField(_("expires"))

    class Meta:
        verbose_name = _("claim")
        verbose_name_plural = _("claims")
        triggers = live_triggers.OF_CLAIMS
        constraints = [
            models.UniqueConstraint(
                fields=["pending"],
                condition=models.Q(state__in=HOLDING_STATES),
                name="claim_one_holder",
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="claim_tenant_id"),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=models.Q(state__in=OPEN_STATES),
                name="claim_open_by_end",
            ),
        ]

    def __str__(self) -> str:
        return self.hardware_id

    @property
    def is_open(self) -> bool:
        """Tell whether the box has not confirmed yet and still may."""
        return self.state in OPEN_STATES


class OnboardingToken(TenantModel):
    """A one-time secret with which a device fetches its identity; kept as a SHA-256."""

    device = models.ForeignKey(
        "devices.Device", models.CASCADE, related_name="onboarding_tokens", verbose_name=_("device")
    )
    token_hash = models.CharField(max_length=64, editable=False)
    tries_left = models.PositiveSmallIntegerField(_("tries left"), default=5, editable=False)
    expires_at = models.DateTimeField(_("expires"))
    used_at = models.DateTimeField(_("used"), null=True, editable=False)

    class Meta:
        verbose_name = _("onboarding token")
        verbose_name_plural = _("onboarding tokens")

    def __str__(self) -> str:
        return str(self.id)


class TransferState(models.TextChoices):
    """What became of an offer."""

    OFFERED = "offered", _("Offered")
    ACCEPTED = "accepted", _("Accepted")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    EXPIRED = "expired", _("Expired")


class DeviceTransfer(TenantModel):
    """A tenant's offer to give a device away; who knows the code may accept, once.

    Measurements and events stay with the giver. `code_hash` is a SHA-256.
    """

    device = models.ForeignKey(
        "devices.Device", models.CASCADE, related_name="transfers", verbose_name=_("device")
    )
    offered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        related_name="+",
        null=True,
        verbose_name=_("offered by"),
    )
    state = models.CharField(
        _("state"), max_length=10, choices=TransferState, default=TransferState.OFFERED
    )
    code_hash = models.CharField(max_length=64, editable=False)
    tries_left = models.PositiveSmallIntegerField(_("tries left"), default=5, editable=False)
    expires_at = models.DateTimeField(_("expires"))
    ended_at = models.DateTimeField(_("ended"), null=True, editable=False)

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        constraints = [
            models.UniqueConstraint(
                fields=["device"],
                condition=models.Q(state="offered"),
                name="transfer_one_offer",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class ProvisioningPolicy(TenantModel):
    """How a tenant takes new hardware in.

    `lists_nodes`: nodes that say hello behind the tenant's gateways are listed by themselves
    (auto-discovery). Otherwise a person types their hardware id. Either way a person binds.
    """

    lists_nodes = models.BooleanField(_("list new nodes by themselves"), default=False)

    class Meta:
        verbose_name = _("provisioning policy")
        verbose_name_plural = _("provisioning policies")
        constraints = [
            models.UniqueConstraint(fields=["tenant"], name="provisioning_policy_per_tenant")
        ]

    def __str__(self) -> str:
        return str(self.tenant_id)
