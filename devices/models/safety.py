"""What stands between a command and the hardware."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel
from devices.models import live_triggers


class ActuatorState(TenantModel):
    """What an actuator was last told, what it last said, and until when it may run.

    Example: `pump1` is on since 08:00:00, told to run 60 s, so its deadline is 08:01:00.
    `is_commanded_on` is set when a command that starts it is queued: it may run from then on.
    """

    device = models.ForeignKey(
        "devices.Device", models.CASCADE, related_name="actuators", verbose_name=_("device")
    )
    actuator = models.CharField(_("actuator"), max_length=64)
    is_on = models.BooleanField(_("is on"), null=True)
    value = models.FloatField(_("value"), null=True)
    reported_at = models.DateTimeField(_("reported"), null=True)
    is_commanded_on = models.BooleanField(_("told to run"), default=False)
    commanded_at = models.DateTimeField(_("told to run at"), null=True)
    command = models.ForeignKey(
        "devices.Command",
        models.SET_NULL,
        related_name="+",
        null=True,
        verbose_name=_("told to run by"),
    )
    on_since = models.DateTimeField(_("on since"), null=True)
    off_since = models.DateTimeField(_("off since"), null=True)
    deadline = models.DateTimeField(
        _("off at the latest"), null=True, help_text=_("Then the server switches it off itself.")
    )

    class Meta:
        verbose_name = _("actuator")
        verbose_name_plural = _("actuators")
        triggers = live_triggers.OF_ACTUATORS
        constraints = [
            models.UniqueConstraint(fields=["device", "actuator"], name="actuator_per_device"),
        ]
        indexes = [
            models.Index(
                fields=["deadline"], condition=Q(deadline__isnull=False), name="actuator_deadline"
            ),
        ]

    def __str__(self) -> str:
        return self.actuator

    @property
    def may_be_on(self) -> bool:
        """Tell whether it runs, or was told to and nobody knows better."""
        return bool(self.is_on) or self.is_commanded_on


class Interlock(TenantModel):
    """Two actuators that depend on each other, on one device or on two.

    Example: "heating and cooling never both", or "the heater needs the pump".
    """

    class Kind(models.TextChoices):
        NOT_BOTH = "not_both", _("Never both on")
        REQUIRES = "requires", _("The first only while the second is on")

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.NOT_BOTH)
    device = models.ForeignKey(
        "devices.Device", models.CASCADE, related_name="interlocks", verbose_name=_("device")
    )
    actuator = models.CharField(_("actuator"), max_length=64)
    other_device = models.ForeignKey(
        "devices.Device", models.CASCADE, related_name="+", verbose_name=_("other device")
    )
    other_actuator = models.CharField(_("other actuator"), max_length=64)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("interlock")
        verbose_name_plural = _("interlocks")
        constraints = [
            models.CheckConstraint(
                condition=~Q(device=F("other_device"), actuator=F("other_actuator")),
                name="interlock_of_two",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class EmergencyStop(TenantModel):
    """Nothing may be switched on in its scope until somebody releases it.

    Example: scope "zone", target the id of a zone. `target_label` keeps its name.
    """

    class Scope(models.TextChoices):
        DEVICE = "device", _("Device")
        ZONE = "zone", _("Zone")
        SITE = "site", _("Site")
        TENANT = "tenant", _("Whole organisation")

    scope = models.CharField(_("scope"), max_length=6, choices=Scope)
    target_id = models.UUIDField(_("target"))
    target_label = models.CharField(_("of"), max_length=200)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    pressed_by = models.CharField(_("pressed by"), max_length=254)
    pressed_at = models.DateTimeField(_("pressed"))
    released_by = models.CharField(_("released by"), max_length=254, blank=True)
    released_at = models.DateTimeField(_("released"), null=True)
    release_reason = models.CharField(_("why released"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("emergency stop")
        verbose_name_plural = _("emergency stops")
        triggers = live_triggers.OF_STOPS
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "scope", "target_id"],
                condition=Q(released_at__isnull=True),
                name="one_emergency_stop_per_target",
            ),
        ]

    def __str__(self) -> str:
        return self.target_label


class ZoneLease(TenantModel):
    """Who alone may switch things on in a zone for a time.

    Example: holder "system:recipe-7", so that nobody else starts the pumps during a dose.
    """

    zone = models.OneToOneField(
        "devices.Zone", models.CASCADE, related_name="lease", verbose_name=_("zone")
    )
    holder = models.CharField(_("holder"), max_length=100)
    label = models.CharField(_("for"), max_length=200, blank=True)
    until = models.DateTimeField(_("until"))

    class Meta:
        verbose_name = _("zone lease")
        verbose_name_plural = _("zone leases")

    def __str__(self) -> str:
        return self.label or self.holder
