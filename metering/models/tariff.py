"""Tariffs with their versions, where they apply, and prices by quarter hour."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel, TenantOwned
from metering.models.meter import Commodity

CURRENCY = RegexValidator(r"^[A-Z]{3}$", _("Use three letters such as EUR."))


class Tariff(TenantModel):
    """What a supplier or a grid charges. Its prices stand in versions.

    Days and months are those of the site where it applies.
    """

    name = models.CharField(_("name"), max_length=100)
    commodity = models.CharField(
        _("commodity"), max_length=12, choices=Commodity, default=Commodity.ELECTRICITY
    )
    currency = models.CharField(
        _("currency"), max_length=3, default="EUR", validators=[CURRENCY],
        help_text=_("ISO 4217 code."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("tariff")
        verbose_name_plural = _("tariffs")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="tariff_name_per_tenant"),
            models.UniqueConstraint(fields=["tenant", "id"], name="tariff_tenant_id"),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="tariff_currency_iso"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TariffVersion(TenantModel):
    """Prices for the local days [valid_from, valid_to). Never changed: a trigger refuses it.

    Of several versions for a day the one that became known last holds.
    """

    tariff = models.ForeignKey(
        Tariff, models.CASCADE, related_name="versions", verbose_name=_("tariff")
    )
    valid_from = models.DateField(_("valid from"))
    valid_to = models.DateField(
        _("valid until"), null=True, blank=True, help_text=_("The first day on which it ended.")
    )
    known_at = models.DateTimeField(_("known since"))
    definition = models.JSONField(_("prices and rules"))
    note = models.CharField(_("note"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("version of a tariff")
        verbose_name_plural = _("versions of tariffs")
        ordering = ("valid_from", "known_at")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="tariff_version_tenant_id"),
            models.UniqueConstraint(fields=["tariff", "known_at"], name="tariff_version_in_turn"),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
                name="tariff_version_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tariff_id} {self.valid_from}"


class TariffAssignment(TenantModel):
    """A tariff for the local days [valid_from, valid_to) of a meter, or of a site.

    That of a site applies to the meters at its connection, unless they have their own.
    """

    site = models.ForeignKey(
        "devices.Site", models.CASCADE, related_name="tariffs", verbose_name=_("site")
    )
    meter = models.ForeignKey(
        "metering.Meter", models.CASCADE, null=True, blank=True, related_name="tariffs",
        verbose_name=_("meter"), help_text=_("Blank: the meters at the connection of the site."),
    )  # fmt: skip
    tariff = models.ForeignKey(
        Tariff, models.PROTECT, related_name="assignments", verbose_name=_("tariff")
    )
    valid_from = models.DateField(_("valid from"))
    valid_to = models.DateField(
        _("valid until"), null=True, blank=True, help_text=_("The first day on which it ended.")
    )

    class Meta:
        verbose_name = _("use of a tariff")
        verbose_name_plural = _("uses of tariffs")
        ordering = ("valid_from",)
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
                name="tariff_assignment_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tariff_id} {self.valid_from}"


class PriceSeries(TenantModel):
    """Prices that differ from hour to hour, or grams of CO₂. Example: "day_ahead_de"."""

    name = models.CharField(
        _("name"), max_length=60, help_text=_("As the components of tariffs call it.")
    )
    currency = models.CharField(
        _("currency"), max_length=3, blank=True, validators=[RegexValidator(r"^([A-Z]{3})?$")],
        help_text=_("Blank for grams of CO₂."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("price series")
        verbose_name_plural = _("price series")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="price_series_per_tenant"),
            models.UniqueConstraint(fields=["tenant", "id"], name="price_series_tenant_id"),
        ]

    def __str__(self) -> str:
        return self.name


class Price(TenantOwned):
    """A price of a quarter hour (number since 1970 UTC), in millionths per kWh.

    One that was replaced keeps its row with `superseded_at`.
    """

    id = models.BigAutoField(primary_key=True)
    series = models.ForeignKey(
        PriceSeries, models.CASCADE, related_name="prices", db_index=False,
        verbose_name=_("price series"),
    )  # fmt: skip
    number = models.IntegerField(_("quarter hour"))
    price = models.BigIntegerField(_("price"))
    known_at = models.DateTimeField(_("known since"))
    superseded_at = models.DateTimeField(_("no longer holds since"), null=True, blank=True)

    class Meta:
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        constraints = [
            models.UniqueConstraint(
                fields=["series", "number"],
                condition=Q(superseded_at__isnull=True),
                name="price_holds_once",
            ),  # fmt: skip
        ]
        indexes = [models.Index(fields=["series", "number"], name="price_by_quarter")]

    def __str__(self) -> str:
        return f"{self.series_id} {self.number} {self.price}"
