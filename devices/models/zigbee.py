"""Zigbee networks behind gateways, as Zigbee2MQTT tells of them.

`ieee_address` is the address of the radio, `0x` and 16 small hexadecimal digits. What people
did stands in the audit trail under actions `zigbee.…`.
"""

from __future__ import annotations

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel

IEEE_ADDRESS = RegexValidator(
    r"^0x[0-9a-f]{16}$", _("Use 0x and sixteen digits, as in 0x00158d0001abcdef.")
)
FRIENDLY_LENGTH = 200


class ZigbeeBridge(TenantModel):
    """The Zigbee2MQTT of a gateway: whether it runs, and until when devices may join, UTC."""

    gateway = models.OneToOneField(
        "devices.Gateway",
        models.CASCADE,
        related_name="zigbee_bridge",
        verbose_name=_("gateway"),
    )
    is_online = models.BooleanField(_("online"), null=True, editable=False)
    heard_at = models.DateTimeField(_("heard"), null=True, editable=False)
    version = models.CharField(_("version"), max_length=50, blank=True, editable=False)
    coordinator = models.CharField(_("coordinator"), max_length=100, blank=True, editable=False)
    permit_join_until = models.DateTimeField(_("devices may join until"), null=True, editable=False)
    groups = models.JSONField(_("groups"), default=list, editable=False)
    last_error = models.CharField(_("last error"), max_length=500, blank=True, editable=False)
    last_error_at = models.DateTimeField(_("last error at"), null=True, editable=False)

    class Meta:
        verbose_name = _("Zigbee bridge")
        verbose_name_plural = _("Zigbee bridges")

    def __str__(self) -> str:
        return str(self.gateway_id)


class PowerSource(models.TextChoices):
    """What a radio lives on."""

    UNKNOWN = "", _("Unknown")
    MAINS = "mains", _("Mains")
    BATTERY = "battery", _("Battery")
    DC = "dc", _("Direct current")


class ZigbeeNode(TenantModel):
    """A radio in a gateway's Zigbee network; `device` is None until a person accepts it.

    `exposes` is Zigbee2MQTT's description of what it measures and takes. `left_at`: it is not
    in the network any more.
    """

    gateway = models.ForeignKey(
        "devices.Gateway",
        models.CASCADE,
        related_name="zigbee_nodes",
        verbose_name=_("gateway"),
    )
    device = models.OneToOneField(
        "devices.Device",
        models.SET_NULL,
        related_name="zigbee_node",
        null=True,
        blank=True,
        verbose_name=_("device"),
    )
    ieee_address = models.CharField(_("address"), max_length=18, validators=[IEEE_ADDRESS])
    friendly_name = models.CharField(_("name in Zigbee2MQTT"), max_length=FRIENDLY_LENGTH)
    vendor = models.CharField(_("manufacturer"), max_length=100, blank=True)
    model = models.CharField(_("model"), max_length=100, blank=True)
    description = models.CharField(_("description"), max_length=200, blank=True)
    power_source = models.CharField(
        _("power source"), max_length=10, choices=PowerSource, blank=True, default=""
    )
    is_router = models.BooleanField(_("passes messages on"), default=False)
    is_supported = models.BooleanField(_("supported"), default=True)
    exposes = models.JSONField(_("abilities"), default=list, blank=True)
    is_available = models.BooleanField(_("available"), null=True, editable=False)
    availability_at = models.DateTimeField(_("availability told"), null=True, editable=False)
    left_at = models.DateTimeField(_("left"), null=True, editable=False)

    class Meta:
        verbose_name = _("Zigbee device")
        verbose_name_plural = _("Zigbee devices")
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "ieee_address"], name="zigbee_node_per_gateway"
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="zigbee_node_tenant_id"),
        ]
        indexes = [
            models.Index(fields=["gateway", "friendly_name"], name="zigbee_node_by_name"),
        ]

    def __str__(self) -> str:
        return self.friendly_name


class InterviewState(models.TextChoices):
    """How far Zigbee2MQTT is with asking a new radio what it is."""

    STARTED = "started", _("Being asked")
    SUCCESSFUL = "successful", _("Answered")
    FAILED = "failed", _("Did not answer")


class ZigbeeClaimState(models.TextChoices):
    """What became of a new radio."""

    OPEN = "open", _("Waits")
    ACCEPTED = "accepted", _("Accepted")
    REFUSED = "refused", _("Refused")
    EXPIRED = "expired", _("Expired")
    LEFT = "left", _("Left by itself")


class PendingZigbeeClaim(TenantModel):
    """A new radio that waits for a person to accept or refuse it, until `expires_at`, UTC."""

    gateway = models.ForeignKey(
        "devices.Gateway", models.CASCADE, related_name="+", verbose_name=_("gateway")
    )
    node = models.OneToOneField(
        ZigbeeNode, models.CASCADE, related_name="claim", verbose_name=_("Zigbee device")
    )
    ieee_address = models.CharField(_("address"), max_length=18, validators=[IEEE_ADDRESS])
    interview = models.CharField(
        _("interview"), max_length=10, choices=InterviewState, default=InterviewState.STARTED
    )
    state = models.CharField(
        _("state"), max_length=10, choices=ZigbeeClaimState, default=ZigbeeClaimState.OPEN
    )
    joined_at = models.DateTimeField(_("joined"))
    expires_at = models.DateTimeField(_("expires"))
    ended_at = models.DateTimeField(_("ended"), null=True, editable=False)

    class Meta:
        verbose_name = _("new Zigbee device")
        verbose_name_plural = _("new Zigbee devices")
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=models.Q(state="open"),
                name="zigbee_claim_open_by_end",
            ),
        ]

    def __str__(self) -> str:
        return self.ieee_address


class GatewayShareToken(TenantModel):
    """A one-time secret by which somebody else may pair devices at a gateway for a time.

    `code_hash` is a SHA-256. It can be redeemed until `expires_at`, with at most
    `tries_left` wrong codes; then `redeemed_by` may pair until `grant_ends_at`, UTC.
    """

    gateway = models.ForeignKey(
        "devices.Gateway",
        models.CASCADE,
        related_name="share_tokens",
        verbose_name=_("gateway"),
    )
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        related_name="+",
        null=True,
        verbose_name=_("made by"),
    )
    code_hash = models.CharField(max_length=64, editable=False)
    tries_left = models.PositiveSmallIntegerField(_("tries left"), default=5, editable=False)
    pairing_minutes = models.PositiveIntegerField(_("minutes for pairing"), default=60)
    expires_at = models.DateTimeField(_("expires"))
    redeemed_at = models.DateTimeField(_("redeemed"), null=True, editable=False)
    redeemed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        related_name="+",
        null=True,
        editable=False,
        verbose_name=_("redeemed by"),
    )
    grant_ends_at = models.DateTimeField(_("may pair until"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        verbose_name = _("pairing token")
        verbose_name_plural = _("pairing tokens")
        indexes = [models.Index(fields=["gateway", "-expires_at"], name="gateway_share_by_end")]

    def __str__(self) -> str:
        return str(self.id)
