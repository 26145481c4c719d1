"""What meters cost by day, what was billed, and among whom it is shared."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel, TenantOwned
from metering.models.tariff import CURRENCY

_PERCENT = [MinValueValidator(Decimal("0.0001")), MaxValueValidator(Decimal(100))]


class BillingPeriod(TenantModel):
    """The local days [start, end) of a site that are billed together.

    Once closed its lines are never changed: a trigger refuses it. `shares`: what each cost
    centre bore when it was closed, whatever keys say later; see `queries.statements`.
    """

    site = models.ForeignKey(
        "devices.Site", models.PROTECT, related_name="billing_periods", verbose_name=_("site")
    )
    start = models.DateField(_("first day"))
    end = models.DateField(_("end"), help_text=_("The first day after it."))
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    shares = models.JSONField(_("shares as billed"), null=True, editable=False)

    class Meta:
        verbose_name = _("billing period")
        verbose_name_plural = _("billing periods")
        ordering = ("start",)
        constraints = [
            models.UniqueConstraint(fields=["site", "start"], name="billing_period_once"),
            models.UniqueConstraint(fields=["tenant", "id"], name="billing_period_tenant_id"),
            models.CheckConstraint(
                condition=Q(end__gt=F("start")), name="billing_period_in_order"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.start} – {self.end}"


class CostLine(TenantOwned):
    """One component of a tariff on one local day of a meter.

    `period`: in which it was billed. `readings_at`: the readings as they were known then. An
    adjustment is the difference to what a closed period billed; `corrects` is the line it
    corrects, none where nothing was billed. `quantity` in `unit`, see `tariffs.items.CostItem`.
    """

    id = models.BigAutoField(primary_key=True)
    meter = models.ForeignKey(
        "metering.Meter", models.CASCADE, related_name="cost_lines", db_index=False,
        verbose_name=_("meter"),
    )  # fmt: skip
    version = models.ForeignKey(
        "metering.TariffVersion", models.PROTECT, related_name="cost_lines",
        verbose_name=_("version of the tariff"),
    )  # fmt: skip
    day = models.DateField(_("day"))
    component = models.CharField(_("component"), max_length=60)
    kind = models.CharField(_("kind"), max_length=20)
    band = models.CharField(_("band"), max_length=60, blank=True)
    quantity = models.DecimalField(_("quantity"), max_digits=20, decimal_places=6)
    unit = models.CharField(_("unit"), max_length=10)
    price = models.DecimalField(_("price"), max_digits=20, decimal_places=6, null=True)
    amount = models.DecimalField(_("amount"), max_digits=20, decimal_places=6)
    currency = models.CharField(_("currency"), max_length=3, validators=[CURRENCY])
    first_quarter = models.IntegerField()
    last_quarter = models.IntegerField()
    is_provisional = models.BooleanField(_("provisional"))
    missing_quarters = models.SmallIntegerField(_("quarters without a price"))
    is_adjustment = models.BooleanField(_("adjustment"), default=False)
    corrects = models.ForeignKey(
        "self", models.DO_NOTHING, null=True, db_constraint=False, related_name="corrections",
        verbose_name=_("corrects"),
    )  # fmt: skip
    period = models.ForeignKey(
        BillingPeriod, models.PROTECT, null=True, related_name="lines",
        verbose_name=_("billing period"),
    )  # fmt: skip
    revision = models.SmallIntegerField(_("revision"))
    readings_at = models.DateTimeField(_("readings known at"))
    superseded_at = models.DateTimeField(_("no longer holds since"), null=True)

    class Meta:
        verbose_name = _("cost line")
        verbose_name_plural = _("cost lines")
        constraints = [
            models.UniqueConstraint(
                fields=["meter", "day", "component", "band"],
                condition=Q(superseded_at__isnull=True, is_adjustment=False),
                name="cost_line_holds_once",
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="cost_line_tenant_id"),
        ]
        indexes = [models.Index(fields=["meter", "day"], name="cost_line_by_day")]

    def __str__(self) -> str:
        return f"{self.day} {self.component} {self.amount} {self.currency}"


class CostMonth(TenantOwned):
    """The lines that hold of one component in one month of a meter: pages of a year read these.

    `amount` has no adjustments, which are in `adjusted` wherever the day lies that they correct;
    `billed` and `provisional` are parts of it. `unpriced`: its quarters without a price.
    """

    id = models.BigAutoField(primary_key=True)
    meter = models.ForeignKey(
        "metering.Meter", models.CASCADE, related_name="cost_months", db_index=False,
        verbose_name=_("meter"),
    )  # fmt: skip
    month = models.DateField(_("month"), help_text=_("Its first day."))
    component = models.CharField(_("component"), max_length=60)
    currency = models.CharField(_("currency"), max_length=3, validators=[CURRENCY])
    amount = models.DecimalField(_("amount"), max_digits=24, decimal_places=6)
    provisional = models.DecimalField(_("provisional"), max_digits=24, decimal_places=6)
    billed = models.DecimalField(_("billed"), max_digits=24, decimal_places=6)
    adjusted = models.DecimalField(_("adjusted"), max_digits=24, decimal_places=6)
    unpriced = models.IntegerField(_("quarters without a price"))

    class Meta:
        db_table = "metering_cost_month"
        verbose_name = _("costs of a month")
        verbose_name_plural = _("costs of months")
        constraints = [
            models.UniqueConstraint(
                fields=["meter", "month", "component", "currency"], name="cost_month_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.component} {self.amount} {self.currency}"


class CostCentre(TenantModel):
    """Who bears a share of the costs of a site: an occupant, a department, a machine."""

    class Kind(models.TextChoices):
        """What it is."""

        OCCUPANT = "occupant", _("Occupant")
        COST_CENTRE = "cost_centre", _("Cost centre")

    site = models.ForeignKey(
        "devices.Site", models.CASCADE, related_name="cost_centres", verbose_name=_("site")
    )
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.COST_CENTRE)
    area_m2 = models.DecimalField(
        _("area (m²)"), max_digits=10, decimal_places=2, null=True, blank=True,
        validators=[MinValueValidator(Decimal("0.01"))],
    )  # fmt: skip
    meter = models.ForeignKey(
        "metering.Meter", models.SET_NULL, null=True, blank=True, related_name="cost_centres",
        verbose_name=_("meter"), help_text=_("Counts what it uses, for keys by consumption."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("cost centre or occupant")
        verbose_name_plural = _("cost centres and occupants")
        constraints = [
            models.UniqueConstraint(fields=["site", "name"], name="cost_centre_name_per_site"),
            models.UniqueConstraint(fields=["tenant", "id"], name="cost_centre_tenant_id"),
        ]

    def __str__(self) -> str:
        return self.name


class AllocationKey(TenantModel):
    """How the costs of a meter, or of a whole site, are shared. Shares sum to 100 %."""

    class Method(models.TextChoices):
        """By what costs are shared."""

        FIXED = "fixed", _("Fixed shares")
        AREA = "area", _("Area")
        CONSUMPTION = "consumption", _("Consumption of their meters")

    site = models.ForeignKey(
        "devices.Site", models.CASCADE, related_name="allocation_keys", verbose_name=_("site")
    )
    name = models.CharField(_("name"), max_length=100)
    meter = models.ForeignKey(
        "metering.Meter", models.CASCADE, null=True, blank=True, related_name="allocation_keys",
        verbose_name=_("meter"), help_text=_("Blank: whatever of the site has no key of its own."),
    )  # fmt: skip
    method = models.CharField(_("shared by"), max_length=12, choices=Method)

    class Meta:
        verbose_name = _("allocation key")
        verbose_name_plural = _("allocation keys")
        constraints = [
            models.UniqueConstraint(
                fields=["site", "meter"], nulls_distinct=False, name="allocation_key_once"
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="allocation_key_tenant_id"),
        ]

    def __str__(self) -> str:
        return self.name


class AllocationShare(TenantOwned):
    """A cost centre that takes part in a key; `percent` only of fixed shares."""

    id = models.BigAutoField(primary_key=True)
    key = models.ForeignKey(
        AllocationKey, models.CASCADE, related_name="shares", verbose_name=_("allocation key")
    )
    centre = models.ForeignKey(
        CostCentre, models.CASCADE, related_name="shares", verbose_name=_("cost centre")
    )
    percent = models.DecimalField(
        _("percent"), max_digits=8, decimal_places=4, null=True, blank=True, validators=_PERCENT
    )

    class Meta:
        verbose_name = _("share")
        verbose_name_plural = _("shares")
        constraints = [
            models.UniqueConstraint(fields=["key", "centre"], name="allocation_share_once"),
        ]

    def __str__(self) -> str:
        return f"{self.centre_id} {self.percent or ''}"


class CostState(TenantOwned):
    """How far the costs of a meter follow its ledger and its tariffs.

    [due_from, due_to): local days that are to be computed again; none: nothing is. `seen_at`:
    days of the ledger changed until then are known here. `error`: why it did not work.
    """

    meter = models.OneToOneField(
        "metering.Meter", models.CASCADE, primary_key=True, related_name="cost_state",
        verbose_name=_("meter"),
    )  # fmt: skip
    seen_at = models.DateTimeField(_("ledger known until"), null=True)
    due_from = models.DateField(_("due from"), null=True)
    due_to = models.DateField(_("due until"), null=True)
    due_at = models.DateTimeField(_("due at"), null=True)
    costed_to = models.DateField(_("computed until"), null=True)
    error = models.TextField(_("problem"), blank=True, db_default="")

    class Meta:
        db_table = "metering_cost_state"
        verbose_name = _("state of costs")
        verbose_name_plural = _("states of costs")
        indexes = [models.Index(fields=["due_at"], name="cost_state_due")]

    def __str__(self) -> str:
        return f"{self.meter_id} {self.due_from}"
