"""Keeps the demand of a site below what is paid for."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel
from automation.models.execution import Execution


class DemandGuard(TenantModel):
    """Predicts the demand of the running quarter of an hour, warns, and may shed loads.

    Example: "Grid connection", limit 250 kW, of the import of meter "Main connection". Its
    demand is the mean power of each window; windows begin at whole parts of an hour. What it
    measures is either `register`, an import, or `channel`, a power in kW. `window_at`: begin of
    the window that it looks at; `next_at`: when it looks again, null: never.
    """

    class Width(models.IntegerChoices):
        """How long a window is."""

        QUARTER = 15, _("15 minutes")
        HALF = 30, _("30 minutes")
        HOUR = 60, _("60 minutes")

    name = models.CharField(_("name"), max_length=100)
    site = models.ForeignKey(
        "devices.Site", models.CASCADE, related_name="demand_guards", verbose_name=_("site")
    )
    register = models.ForeignKey(
        "metering.Register", models.CASCADE, null=True, blank=True, related_name="+",
        verbose_name=_("register of a meter"),
    )  # fmt: skip
    channel = models.ForeignKey(
        "devices.Channel", models.CASCADE, null=True, blank=True, related_name="+",
        verbose_name=_("power (kW)"),
    )  # fmt: skip
    limit_kw = models.DecimalField(
        _("limit (kW)"), max_digits=10, decimal_places=3,
        validators=[MinValueValidator(Decimal("0.001"))],
        help_text=_("Mean power of a window that is not to be exceeded."),
    )  # fmt: skip
    margin_kw = models.DecimalField(
        _("margin (kW)"), max_digits=10, decimal_places=3, default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("Loads come back only if so much stays free below the limit."),
    )  # fmt: skip
    window_minutes = models.PositiveSmallIntegerField(
        _("window"), choices=Width, default=Width.QUARTER
    )
    warn_minutes = models.PositiveSmallIntegerField(
        _("warn before the end (min)"), default=8, validators=[MinValueValidator(1)],
        help_text=_("From then on it warns, and sheds if it may."),
    )  # fmt: skip
    is_enabled = models.BooleanField(_("enabled"), default=True)
    is_shedding = models.BooleanField(
        _("sheds by itself"), default=False,
        help_text=_("Switches loads off and on again; otherwise it only warns."),
    )  # fmt: skip
    peak_price = models.DecimalField(
        _("price of a kW of peak"), max_digits=12, decimal_places=4, null=True, blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("In the currency of the site, for the period of the bill. Blank: unknown."),
    )  # fmt: skip
    window_at = models.DateTimeField(null=True, editable=False)
    next_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("demand guard")
        verbose_name_plural = _("demand guards")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="demand_guard_name_per_tenant"),
            models.UniqueConstraint(fields=["tenant", "id"], name="demand_guard_tenant_id"),
            models.CheckConstraint(
                condition=Q(register__isnull=True, channel__isnull=False)
                | Q(register__isnull=False, channel__isnull=True),
                name="demand_guard_one_source",
            ),
            models.CheckConstraint(
                condition=Q(warn_minutes__lt=F("window_minutes")), name="demand_guard_warns_inside"
            ),
            models.CheckConstraint(
                condition=Q(limit_kw__gt=F("margin_kw")), name="demand_guard_margin_below_limit"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_at"], condition=Q(next_at__isnull=False), name="demand_guard_due"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SheddableLoad(TenantModel):
    """Something that a site can do without for a while.

    Example: "Compressor 2", 22 kW, at most 15 minutes. Loads are shed in their order, the
    lowest number first, and come back the other way round. `execution`: the last thing asked of
    it, `asked` tells what; it counts as shed from `since` on. `tried_at`: the window in which it
    was last tried to shed it.
    """

    class Asked(models.TextChoices):
        """What is being done."""

        NOTHING = "", _("Nothing")
        SHED = "shed", _("Is being shed")
        RESTORE = "restore", _("Is coming back")

    guard = models.ForeignKey(
        DemandGuard, models.CASCADE, related_name="loads", verbose_name=_("demand guard")
    )
    name = models.CharField(_("name"), max_length=100)
    number = models.PositiveSmallIntegerField(
        _("order"), default=1, help_text=_("The lowest number is shed first.")
    )
    device = models.ForeignKey(
        "devices.Device", models.CASCADE, related_name="sheddable_loads", verbose_name=_("device")
    )
    shed_command = models.CharField(_("command to shed"), max_length=64)
    shed_params = models.JSONField(_("its parameters"), default=dict, blank=True)
    restore_command = models.CharField(_("command to restore"), max_length=64)
    restore_params = models.JSONField(_("parameters of it"), default=dict, blank=True)
    rated_kw = models.DecimalField(
        _("power (kW)"), max_digits=10, decimal_places=3,
        validators=[MinValueValidator(Decimal("0.001"))],
        help_text=_("What is saved while it is shed."),
    )  # fmt: skip
    min_off_seconds = models.PositiveIntegerField(
        _("off for at least (s)"), default=120, validators=[MaxValueValidator(86_400)]
    )
    max_off_seconds = models.PositiveIntegerField(
        _("off for at most (s)"), default=900,
        validators=[MinValueValidator(30), MaxValueValidator(86_400)],
        help_text=_("Then it comes back, whatever the demand."),
    )  # fmt: skip
    is_shed = models.BooleanField(_("shed"), default=False, editable=False)
    since = models.DateTimeField(_("since"), null=True, editable=False)
    asked = models.CharField(_("asked"), max_length=8, choices=Asked, blank=True, editable=False)
    execution = models.ForeignKey(
        Execution, models.SET_NULL, null=True, editable=False, related_name="+",
        verbose_name=_("execution"),
    )  # fmt: skip
    tried_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("load that can be shed")
        verbose_name_plural = _("loads that can be shed")
        constraints = [
            models.UniqueConstraint(fields=["guard", "name"], name="sheddable_load_name"),
            models.UniqueConstraint(fields=["tenant", "id"], name="sheddable_load_tenant_id"),
            models.CheckConstraint(
                condition=Q(min_off_seconds__lte=F("max_off_seconds")),
                name="sheddable_load_off_in_order",
            ),
            models.CheckConstraint(
                condition=Q(is_shed=False) | Q(since__isnull=False),
                name="sheddable_load_shed_since",
            ),
        ]
        indexes = [models.Index(fields=["execution"], name="sheddable_load_of_execution")]

    def __str__(self) -> str:
        return self.name


class DemandWindow(TenantModel):
    """What a demand guard saw of one window. Example: 18 November 09:15, 262 kW of 250 kW.

    `demand_kw` is null until the window is over, and where samples are missing. `expected_kw`:
    what was predicted when it warned. `shed`: how many loads were shed in it.
    """

    guard = models.ForeignKey(
        DemandGuard, models.CASCADE, related_name="windows", verbose_name=_("demand guard"),
        editable=False,
    )  # fmt: skip
    start = models.DateTimeField(_("begin"), editable=False)
    demand_kw = models.FloatField(_("demand (kW)"), null=True, editable=False)
    limit_kw = models.DecimalField(_("limit (kW)"), max_digits=10, decimal_places=3, editable=False)
    expected_kw = models.FloatField(_("expected (kW)"), null=True, editable=False)
    warned_at = models.DateTimeField(_("warned"), null=True, editable=False)
    shed = models.PositiveSmallIntegerField(_("loads shed"), default=0, editable=False)

    class Meta:
        verbose_name = _("window of a demand guard")
        verbose_name_plural = _("windows of demand guards")
        constraints = [
            models.UniqueConstraint(fields=["guard", "start"], name="demand_window_once"),
            models.UniqueConstraint(fields=["tenant", "id"], name="demand_window_tenant_id"),
        ]

    def __str__(self) -> str:
        return f"{self.guard_id} {self.start:%Y-%m-%d %H:%M}"
