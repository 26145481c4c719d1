"""What a year is meant to take, and what would have been used without a measure."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel
from metering.models.meter import Commodity
from metering.models.tariff import CURRENCY

MONTHS = 12
FIRST_YEAR, LAST_YEAR = 1971, 2198


class Measure(models.TextChoices):
    """In what a budget is."""

    ENERGY = "energy", _("Energy")
    COST = "cost", _("Cost")


class Driver(models.TextChoices):
    """What a baseline explains the use by."""

    TEMPERATURE = "temperature", _("Outdoor temperature")
    CALENDAR = "calendar", _("Weekday and season")


class Budget(TenantModel):
    """What a site or meter may use or cost in each month of a year.

    Example: "Izmir plant", electricity, 2027, 12,000 kWh in January. `amounts`: January to
    December in millionths of kWh, m³ or the currency.
    """

    site = models.ForeignKey(
        "devices.Site", models.CASCADE, related_name="budgets", verbose_name=_("site")
    )
    meter = models.ForeignKey(
        "metering.Meter", models.CASCADE, null=True, blank=True, related_name="budgets",
        verbose_name=_("meter"), help_text=_("Blank: the whole site."),
    )  # fmt: skip
    commodity = models.CharField(
        _("commodity"), max_length=12, choices=Commodity, default=Commodity.ELECTRICITY
    )
    measure = models.CharField(
        _("measured in"), max_length=10, choices=Measure, default=Measure.ENERGY
    )
    currency = models.CharField(
        _("currency"), max_length=3, blank=True, validators=[CURRENCY],
        help_text=_("ISO 4217 code; blank for energy."),
    )  # fmt: skip
    year = models.SmallIntegerField(
        _("year"), validators=[MinValueValidator(FIRST_YEAR), MaxValueValidator(LAST_YEAR)]
    )
    amounts = ArrayField(
        models.BigIntegerField(), size=MONTHS, verbose_name=_("amounts by month"),
        help_text=_("January to December, in millionths of kWh, m³ or the currency."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        constraints = [
            models.UniqueConstraint(
                fields=["site", "meter", "commodity", "measure", "year"],
                nulls_distinct=False, name="budget_once_a_year",
            ),
            models.CheckConstraint(
                condition=Q(amounts__len=MONTHS), name="budget_has_twelve_months"
            ),
            models.CheckConstraint(
                condition=Q(measure="energy", currency="")
                | Q(measure="cost", currency__regex=r"^[A-Z]{3}$"),
                name="budget_currency_of_costs",
            ),
            models.CheckConstraint(
                condition=Q(year__gte=FIRST_YEAR, year__lte=LAST_YEAR), name="budget_year_in_range"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.meter_id or self.site_id} {self.measure} {self.year}"


class Baseline(TenantModel):
    """How a site or meter used energy before a measure: the model of a reference period.

    Example: electricity of 2025 by outdoor temperature; "LED lighting" counts from 2026-02-01.
    `model`: see `analysis.kept`. `cvrmse`, `nmbe`: shares of the mean use, not percent.
    """

    site = models.ForeignKey(
        "devices.Site", models.CASCADE, related_name="baselines", verbose_name=_("site")
    )
    meter = models.ForeignKey(
        "metering.Meter", models.CASCADE, null=True, blank=True, related_name="baselines",
        verbose_name=_("meter"), help_text=_("Blank: the whole site."),
    )  # fmt: skip
    commodity = models.CharField(
        _("commodity"), max_length=12, choices=Commodity, default=Commodity.ELECTRICITY
    )
    start = models.DateField(_("first day"))
    end = models.DateField(_("end"), help_text=_("The first day after the reference period."))
    driver = models.CharField(_("explained by"), max_length=12, choices=Driver)
    channel = models.ForeignKey(
        "devices.Channel", models.SET_NULL, null=True, editable=False, related_name="baselines",
        verbose_name=_("outdoor temperature"),
    )  # fmt: skip
    model = models.JSONField(_("coefficients"), editable=False)
    observations = models.IntegerField(_("days"), editable=False)
    r2 = models.FloatField("R²", editable=False)
    cvrmse = models.FloatField("CV(RMSE)", null=True, editable=False)
    nmbe = models.FloatField("NMBE", null=True, editable=False)
    fitted_at = models.DateTimeField(_("fitted"), editable=False)
    fitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+",
        verbose_name=_("fitted by"),
    )  # fmt: skip
    counted_from = models.DateField(
        _("savings count from"), help_text=_("The day after the measure was finished.")
    )
    note = models.CharField(
        _("measure"), max_length=300, blank=True, help_text=_("Such as: LED lighting in hall 2.")
    )

    class Meta:
        verbose_name = _("baseline")
        verbose_name_plural = _("baselines")
        constraints = [
            models.UniqueConstraint(
                fields=["site", "meter", "commodity"], nulls_distinct=False, name="baseline_once"
            ),
            models.CheckConstraint(
                condition=Q(end__gt=F("start"), counted_from__gte=F("end")),
                name="baseline_in_order",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.meter_id or self.site_id} {self.start} – {self.end}"
